"""Insert: check all chunks, convert them to records, and store them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.deadlines import time_limit
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.parallel import start_detached, wait_for_calls
from stache_ai_s3vectors.aws.vector_index import Progress, VectorIndex
from stache_ai_s3vectors.chunks.records import to_metadata
from stache_ai_s3vectors.chunks.vectors import (
    Vector,
    check_range,
    check_vector,
    count_dimensions,
)
from stache_ai_s3vectors.errors import InvalidInputError, PartialWriteError, S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, TEXT
from stache_ai_s3vectors.service.printable import to_printable

from .preparation import prepare_input

_LOG = logging.getLogger(__name__)

UNDO_SECONDS: Final = 5.0
"""Seconds in which the deletion of the vectors of a failed insert is retried."""

UNDO_PATIENCE: Final = 1.0
"""Seconds that an interrupted caller waits for that deletion."""

NewChunk: TypeAlias = "tuple[str, Vector, str, Mapping[str, Any]]"
"""id, embedding, text, metadata"""


def prepare_records(
    index: VectorIndex, chunks: Sequence[NewChunk], namespace: str | None
) -> list[Record]:
    """Convert chunks to records; the log names metadata that is not stored unchanged.

    Raises:
        ConfigurationError: vectors, settings and index do not have the same dimension.
        InvalidInputError: names the first chunk that the index cannot store, and the reason.
    """
    key, vector, _, _ = chunks[0]
    dimension = count_dimensions(vector, f"item 0 (id {key!r}): the vector")
    records, replaced, moved = prepare_input(
        index, dimension, partial(_convert, chunks=chunks, namespace=namespace)
    )
    if replaced:
        names = ", ".join(sorted(replaced))
        _LOG.warning(
            "metadata not stored, because an argument of the same name replaces it: %s",
            names,
        )
    if moved:
        names = ", ".join(map(to_printable, sorted(moved)))
        _LOG.warning("metadata stored and read back, but too large to filter on: %s", names)
    return records


def _convert(
    description: IndexDescription, chunks: Iterable[NewChunk], namespace: str | None
) -> tuple[list[Record], set[str], set[str]]:
    """The records, the metadata keys that arguments replace, and those moved to `_overflow`."""
    # `encode_batches` checks the types of a list's numbers before the first request, so
    # `check_range` is enough for an index that exists. If the index would be created, everything
    # must be checked before its creation
    check = check_range if description.exists else check_vector
    records: list[Record] = []
    moved: set[str] = set()
    replaced: set[str] = set()
    for position, (key, vector, text, metadata) in enumerate(chunks):
        try:
            numbers = check(vector, description.dimension, description.metric)
            stored = to_metadata(text, metadata, namespace, description.non_filterable)
        except InvalidInputError as error:
            named = InvalidInputError(f"item {position} (id {key!r}): {error}")
            named.about_index = error.about_index
            raise named from error
        records.append(Record(key, numbers, stored.metadata))
        moved.update(stored.moved)
        replaced.update(
            name
            for name in (TEXT, NAMESPACE)
            if metadata.get(name) is not None
            and not _is_same(metadata[name], stored.metadata[name])
        )
    return records, replaced, moved


def _is_same(value: Any, text: Any) -> bool:
    return isinstance(value, str) and value == text


def store_records(
    index: VectorIndex, records: Sequence[Record], progress: Progress | None, *, withdraw: bool
) -> None:
    """Store records; when that fails and `withdraw` is set, delete what was stored.

    Raises:
        PartialWriteError: names the ids that are stored, and those that are not.
    """
    under_way: set[Future[Any]] = set()
    try:
        index.put(records, progress, under_way)
    except BaseException as error:
        if not withdraw:
            raise
        keys = [record.key for record in records]
        if not isinstance(error, S3VectorsError) or error.from_progress:  # an interruption
            _undo_in_background(index, keys, under_way)
            raise
        if error.nothing_done or isinstance(error, InvalidInputError):
            raise
        other = _undo(index, keys, error)
        if other is None:
            raise
        raise other from error


def _undo(
    index: VectorIndex, keys: Sequence[str], error: S3VectorsError
) -> PartialWriteError | None:
    """Delete the vectors of generated ids; returns the error to raise instead, if any.

    A request that timed out may have been executed, so all of the ids are deleted.
    """
    done = error.done if isinstance(error, PartialWriteError) else []
    try:
        with time_limit(UNDO_SECONDS):
            index.delete(keys)
    except S3VectorsError as second:
        # If the deletion was refused, `done` is still stored; otherwise that is unknown
        done = done if second.nothing_done else []
        left = set(done)
        missing = [key for key in keys if key not in left]
        text = (
            f"{error}. The deletion of the vectors with generated ids failed too: {second}. To "
            "delete them later, delete the ids in `done` and `missing`"
        )
        return PartialWriteError(text, done=done, missing=missing)
    if not done:
        return None
    text = (
        f"{error.__cause__}. Nothing is left stored: the ids were generated, so the vectors that "
        f"were stored before the error ({len(done)} of {len(keys)}) have been deleted"
    )
    return PartialWriteError(text, done=[], missing=keys)


def _undo_in_background(
    index: VectorIndex, keys: Sequence[str], under_way: set[Future[Any]]
) -> None:
    """Like `_undo`, while another error is raised; the caller waits for a moment only."""

    def delete_stored() -> None:
        wait_for_calls(list(under_way))  # a vector that is put after the deletion would stay
        try:
            index.delete(keys)
        except S3VectorsError as error:
            _LOG.warning(
                "insert into %s was interrupted; up to %d vectors with generated ids stay stored: "
                "%s",
                to_printable(index.name),
                len(keys),
                error,
            )

    call = start_detached(delete_stored)
    wait([call], timeout=UNDO_PATIENCE)
    if not call.done():
        _LOG.warning(
            "insert into %s was interrupted; up to %d vectors with generated ids are stored. They "
            "will be deleted if this process keeps running",
            to_printable(index.name),
            len(keys),
        )
