"""Is each action of a level allowed? Tried by calls that change nothing."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from stache_ai_s3vectors.aws.client import translate_errors
from stache_ai_s3vectors.aws.descriptions import ENHANCED, IndexDescription
from stache_ai_s3vectors.aws.provision import list_indexes
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import AccessDeniedError, RejectedError, S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.remedies import (
    advise_allowing,
    find_remedy,
    get_cause,
    parse_denied_action,
)

from .findings import Finding, report_error, report_ok, report_skipped, report_wrong
from .indexes import IndexProbe

Calls = dict[str, Callable[[], object]]

_CHECK: Final = "permissions"
_ANY: Final = {"stache-s3vectors-doctor": {"$exists": False}}
"""A filter, for which QueryVectors needs GetVectors, on a key that no index declares."""

_TRIED_ELSEWHERE: Final = frozenset({"PutVectors", "GetVectorBucket"})
"""The actions that the round trip and the check of the bucket try."""


def check_permissions(
    probes: Sequence[IndexProbe], level: str
) -> Generator[Finding, None, set[str]]:
    """Report the actions of the level that are allowed on the indexes, and those that are not.

    Returns:
        The names of the indexes on which a round trip can be tried.
    """
    denied: dict[str, list[AccessDeniedError]] = defaultdict(list)
    ready = set()
    for probe in probes:
        tried = _make_index_calls(probe)
        if probe is probes[0]:
            tried |= {"ListIndexes": lambda: list_indexes(probes[0].index.options)}
        required = _list_required(level, bucket=probe is probes[0])
        passed = yield from _make_calls(
            {a: tried[a] for a in tried if a in required}, probe.name, denied
        )
        if passed >= _list_required("read-write", bucket=False):
            ready.add(probe.name)
        untried = sorted(required - tried.keys())
        if untried:
            text = f"{', '.join(untried)} not tried: a call would change something"
            yield report_skipped(f"{_CHECK} on {probe.name}", text)
    for action, errors in denied.items():
        yield _merge_denials(action, errors)
    return ready


def _list_required(level: str, *, bucket: bool) -> set[str]:
    actions = LEVELS[level]
    return {*actions.index, *(actions.bucket if bucket else ())} - _TRIED_ELSEWHERE


def _make_calls(
    calls: Calls, name: str, denied: dict[str, list[AccessDeniedError]]
) -> Generator[Finding, None, set[str]]:
    """Make the calls; return the actions that are allowed, and collect the denials."""
    errors = {action: _catch_error(call) for action, call in sorted(calls.items())}
    for action, error in errors.items():
        if isinstance(error, AccessDeniedError):
            culprit, _ = parse_denied_action(error) or (f"s3vectors:{action}", "")
            denied[culprit].append(error)
        elif error is not None:
            yield report_error(f"{_CHECK} on {name}", error)
    passed = {action for action, error in errors.items() if error is None}
    if passed:
        yield report_ok(f"{_CHECK} on {name}", ", ".join(sorted(passed)))
    return passed


def _catch_error(call: Callable[[], object]) -> S3VectorsError | None:
    try:
        call()
    except S3VectorsError as error:
        return error
    return None


def _merge_denials(action: str, errors: Sequence[AccessDeniedError]) -> Finding:
    """Make one finding for one action, whatever it is denied on."""
    denied = {
        resource for error in errors if (d := parse_denied_action(error)) for resource in d[1:]
    }
    if not denied:
        return report_wrong(_CHECK, get_cause(errors[0]), find_remedy(errors[0]))
    resources = ", ".join(sorted(denied))
    return report_wrong(
        _CHECK,
        f"{action} is not allowed on {resources}: {get_cause(errors[0])}",
        advise_allowing(action, resources),
    )


def _make_index_calls(probe: IndexProbe) -> Calls:
    index, description = probe.index, probe.description
    assert description is not None  # noqa: S101 - only existing indexes are tried
    absent = f"stache-s3vectors-doctor-{uuid.uuid4()}"
    vector = [1.0] + [0.0] * (description.dimension - 1)
    calls: Calls = {
        "GetIndex": lambda: index.describe(fresh=True),
        "GetVectors": lambda: list(index.get([absent])),
        "ListVectors": lambda: next(index.list_pages()),
        "QueryVectors": lambda: index.query(description, vector, 1, _ANY),
        "DeleteVectors": lambda: index.delete([absent]),
        "CreateIndex": lambda: _create_again(index, description),
    }
    if description.mode == ENHANCED:
        calls["UpdateIndexMode"] = lambda: _set_mode_again(index)
    return calls


def _create_again(index: VectorIndex, description: IndexDescription) -> None:
    """Create an index that exists: the service checks permissions before it refuses that."""
    client: Any = index.client
    try:
        with translate_errors(f"CreateIndex of {index.name}"):
            client.create_index(
                **index.options.bucket_parameters,
                indexName=index.options.index_name,
                dataType="float32",
                dimension=description.dimension,
                distanceMetric=description.metric,
                metadataConfiguration={"nonFilterableMetadataKeys": NON_FILTERABLE},
            )
    except RejectedError:
        return


def _set_mode_again(index: VectorIndex) -> None:
    client: Any = index.client
    with translate_errors(f"UpdateIndexMode of {index.name}"):
        client.update_index_mode(**index.options.index_parameters, indexMode=ENHANCED)
