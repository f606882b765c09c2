"""Each action of a level, tried by a call that changes nothing."""

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

from .findings import Finding, failed, ok, skipped, wrong
from .indexes import Look

Calls = dict[str, Callable[[], object]]

_CHECK: Final = "permissions"
_ANY: Final = {"stache-s3vectors-doctor": {"$exists": False}}
"""A filter, which QueryVectors needs GetVectors for, on a key that no index declares."""

_TRIED_ELSEWHERE: Final = frozenset({"PutVectors", "GetVectorBucket"})
"""By the round trip, and when the bucket was looked at."""


def examine(looks: Sequence[Look], level: str) -> Generator[Finding, None, set[str]]:
    """What is allowed on the indexes, and what of the level is not.

    Returns:
        The names of the indexes on which a round trip can be tried.
    """
    denied: dict[str, list[AccessDeniedError]] = defaultdict(list)
    ready = set()
    for look in looks:
        tried = _index_calls(look)
        if look is looks[0]:
            tried |= {"ListIndexes": lambda: list_indexes(looks[0].index.options)}
        wanted = _wanted(level, bucket=look is looks[0])
        passed = yield from _try({a: tried[a] for a in tried if a in wanted}, look.name, denied)
        if passed >= _wanted("read-write", bucket=False):
            ready.add(look.name)
        untried = sorted(wanted - tried.keys())
        if untried:
            text = f"{', '.join(untried)} not tried: a call would change something"
            yield skipped(f"{_CHECK} on {look.name}", text)
    for action, errors in denied.items():
        yield _merged(action, errors)
    return ready


def _wanted(level: str, *, bucket: bool) -> set[str]:
    actions = LEVELS[level]
    return {*actions.index, *(actions.bucket if bucket else ())} - _TRIED_ELSEWHERE


def _try(
    calls: Calls, name: str, denied: dict[str, list[AccessDeniedError]]
) -> Generator[Finding, None, set[str]]:
    """Make the calls; returns the actions that are allowed, and notes what is denied."""
    errors = {action: _error_of(call) for action, call in sorted(calls.items())}
    for action, error in errors.items():
        if isinstance(error, AccessDeniedError):
            culprit, _ = parse_denied_action(error) or (f"s3vectors:{action}", "")
            denied[culprit].append(error)
        elif error is not None:
            yield failed(f"{_CHECK} on {name}", error)
    passed = {action for action, error in errors.items() if error is None}
    if passed:
        yield ok(f"{_CHECK} on {name}", ", ".join(sorted(passed)))
    return passed


def _error_of(call: Callable[[], object]) -> S3VectorsError | None:
    try:
        call()
    except S3VectorsError as error:
        return error
    return None


def _merged(action: str, errors: Sequence[AccessDeniedError]) -> Finding:
    """One finding for one action, whatever it is denied on."""
    found = {
        resource for error in errors if (d := parse_denied_action(error)) for resource in d[1:]
    }
    if not found:
        return wrong(_CHECK, get_cause(errors[0]), find_remedy(errors[0]))
    resources = ", ".join(sorted(found))
    return wrong(
        _CHECK,
        f"{action} is not allowed on {resources}: {get_cause(errors[0])}",
        advise_allowing(action, resources),
    )


def _index_calls(look: Look) -> Calls:
    index, told = look.index, look.told
    assert told is not None  # noqa: S101 - only what is there is tried
    absent = f"stache-s3vectors-doctor-{uuid.uuid4()}"
    vector = [1.0] + [0.0] * (told.dimension - 1)
    calls: Calls = {
        "GetIndex": lambda: index.describe(fresh=True),
        "GetVectors": lambda: list(index.get([absent])),
        "ListVectors": lambda: next(index.list_pages()),
        "QueryVectors": lambda: index.query(told, vector, 1, _ANY),
        "DeleteVectors": lambda: index.delete([absent]),
        "CreateIndex": lambda: _create_again(index, told),
    }
    if told.mode == ENHANCED:
        calls["UpdateIndexMode"] = lambda: _set_mode_again(index)
    return calls


def _create_again(index: VectorIndex, told: IndexDescription) -> None:
    """The service asks who may before it refuses to make what is there."""
    client: Any = index.client
    try:
        with translate_errors(f"CreateIndex of {index.name}"):
            client.create_index(
                **index.options.bucket_parameters,
                indexName=index.options.index_name,
                dataType="float32",
                dimension=told.dimension,
                distanceMetric=told.metric,
                metadataConfiguration={"nonFilterableMetadataKeys": NON_FILTERABLE},
            )
    except RejectedError:
        return


def _set_mode_again(index: VectorIndex) -> None:
    client: Any = index.client
    with translate_errors(f"UpdateIndexMode of {index.name}"):
        client.update_index_mode(**index.options.index_parameters, indexMode=ENHANCED)
