"""Each action of a level, tried by a call that changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator
from typing import Any, Final

from ..answers import ENHANCED, Description
from ..client import translated
from ..errors import AccessDeniedError, RejectedError, S3VectorsError
from ..filters import IS_ACTIVE
from ..keys import TEXT
from ..permissions import LEVELS
from ..provision import create_index, list_indexes
from ..remedies import denied_action
from ..vector_index import VectorIndex
from .findings import Finding, failed, ok, skipped

Calls = dict[str, Callable[[], object]]

_BY_ROUND_TRIP: Final = "PutVectors"


def examine(index: VectorIndex, told: Description, level: str) -> Generator[Finding, None, bool]:
    """What is allowed on an index, and what of the level is not.

    Returns:
        Whether all that was tried is allowed.
    """
    actions = {*LEVELS[level].index, *LEVELS[level].bucket} - {_BY_ROUND_TRIP, "GetVectorBucket"}
    calls = _calls(index, told)
    name = f"permissions on {index.options.index}"
    missing: dict[str, Finding] = {}
    for action in sorted(actions & calls.keys()):
        error = _error_of(calls[action])
        if isinstance(error, AccessDeniedError):
            denied, _ = denied_action(error) or (f"s3vectors:{action}", "")
            missing.setdefault(denied, failed(name, error))
        elif error is not None:
            yield failed(name, error)
    yield from missing.values()
    untried = sorted(actions - calls.keys())
    if untried:
        yield skipped(name, f"{', '.join(untried)} not tried: each call would change something")
    if not missing:
        yield ok(name, ", ".join(sorted(actions & calls.keys())))
    return not missing


def _error_of(call: Callable[[], object]) -> S3VectorsError | None:
    """A refusal of what is asked for comes after the question who may ask."""
    try:
        call()
    except RejectedError:
        return None
    except S3VectorsError as error:
        return error
    return None


def _calls(index: VectorIndex, told: Description) -> Calls:
    absent = f"stache-s3vectors-doctor-{uuid.uuid4()}"
    vector = [1.0] + [0.0] * (told.dimension - 1)
    calls: Calls = {
        "GetIndex": lambda: index.describe(fresh=True),
        "GetVectors": lambda: list(index.get([absent])),
        "ListVectors": lambda: next(index.pages()),
        "QueryVectors": lambda: index.query(vector, 1, IS_ACTIVE),
        "DeleteVectors": lambda: index.delete([absent]),
        "ListIndexes": lambda: list_indexes(index.options),
        "CreateIndex": lambda: create_index(index.client, index.options, index.options.index),
    }
    client: Any = index.client
    names = {"vectorBucketName": index.options.bucket, "indexName": index.options.index}
    if told.mode == ENHANCED:
        calls["UpdateIndexMode"] = _translated(
            lambda: client.update_index_mode(**names, indexMode=ENHANCED)
        )
    if TEXT in told.text_searches:
        again = {"textSearchConfigurations": [{"metadataKey": TEXT}]}
        calls["UpdateMetadataConfiguration"] = _translated(
            lambda: client.update_metadata_configuration(**names, add=again)
        )
    return calls


def _translated(call: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with translated("trying a permission"):
            return call()

    return run
