"""From Stache's lists to stored records: check all of them, then store them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.deadlines import time_limit
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.parallel import CallCounter, start_detached
from stache_ai_s3vectors.aws.vector_index import Progress, VectorIndex
from stache_ai_s3vectors.chunks.records import to_metadata
from stache_ai_s3vectors.chunks.vectors import (
    Numbers,
    check_range,
    check_vector,
    count_dimensions,
)
from stache_ai_s3vectors.errors import InvalidInputError, PartialWriteError, S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, TEXT
from stache_ai_s3vectors.service.printable import to_printable

from .dimensions import prepare_for

_LOG = logging.getLogger(__name__)

UNDO_SECONDS: Final = 5.0
"""Seconds in which the deletion of what a failed insert has stored is tried again."""

UNDO_PATIENCE: Final = 1.0
"""Seconds that an interrupted caller waits for that deletion."""

NewChunk: TypeAlias = tuple[str, Sequence[float], str, Mapping[str, Any]]
"""id, embedding, text, metadata"""


def prepare_records(
    index: VectorIndex, chunks: Sequence[NewChunk], namespace: str | None
) -> list[Record]:
    """The records for chunks; the log names metadata that is not stored as it was given.

    Raises:
        ConfigurationError: vectors, settings and index do not have the same dimension.
        InvalidInputError: names the first chunk that the index cannot hold, and why.
    """
    key, vector, _, _ = chunks[0]
    dimension = count_dimensions(vector, f"item 0 (id {key!r}): the vector")
    # encode_vector completes the check of a vector, but only when the index exists
    check = check_vector if index.would_create else check_range
    records, replaced, moved = prepare_for(
        index,
        dimension,
        partial(_convert, chunks=chunks, namespace=namespace, check=check),
    )
    if replaced:
        names = ", ".join(sorted(replaced))
        _LOG.warning(
            "metadata that the arguments of the same meaning replace, and that is not stored: %s",
            names,
        )
    if moved:
        names = ", ".join(map(to_printable, sorted(moved)))
        _LOG.warning("metadata too large to filter on (stored, and read back): %s", names)
    return records


def _convert(
    description: IndexDescription,
    chunks: Iterable[NewChunk],
    namespace: str | None,
    check: Callable[[Any, int, str], Numbers],
) -> tuple[list[Record], set[str], set[str]]:
    """The records, the names of metadata that arguments replace, and of what was moved."""
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
        PartialWriteError: says which are stored and which are not.
    """
    under_way = CallCounter()
    try:
        index.put(records, progress, under_way)
    except S3VectorsError as error:
        if error.nothing_done or not withdraw or isinstance(error, InvalidInputError):
            raise
        other = _undo(index, [record.key for record in records], error)
        if other is None:
            raise
        raise other from error
    except BaseException:  # an interruption, or an error of the caller's own `progress`
        if withdraw:
            _undo_in_background(index, [record.key for record in records], under_way)
        raise


def _undo(
    index: VectorIndex, keys: Sequence[str], error: S3VectorsError
) -> PartialWriteError | None:
    """Delete what is stored under ids that nobody knows; the error to raise instead, if any.

    A request that timed out may have been carried out, so all of them are deleted.
    """
    done = error.done if isinstance(error, PartialWriteError) else []
    try:
        with time_limit(UNDO_SECONDS):
            index.delete(keys)
    except S3VectorsError as second:
        # When it was refused, what was stored is there; otherwise nobody knows
        done = done if second.nothing_done else []
        left = set(done)
        missing = [key for key in keys if key not in left]
        text = (
            f"{error}. Deleting what is stored under the ids that the call made up failed, too: "
            f"{second}. To delete it later, delete the ids in `done` and `missing`"
        )
        return PartialWriteError(text, done=done, missing=missing)
    if not done:
        return None
    text = (
        f"{error.__cause__}. Nothing of the call is stored: its ids were made up, so what was "
        f"stored under them before ({len(done)} of {len(keys)} vectors) is deleted again"
    )
    return PartialWriteError(text, done=[], missing=keys)


def _undo_in_background(index: VectorIndex, keys: Sequence[str], under_way: CallCounter) -> None:
    """The same, on the way out with another error; for a moment here, then in the background."""

    def withdraw() -> None:
        under_way.wait()  # what is stored after it was deleted would stay
        try:
            index.delete(keys)
        except S3VectorsError as error:
            _LOG.warning(
                "insert into %s was interrupted; up to %d vectors stay stored under ids that it "
                "made up: %s",
                to_printable(index.name),
                len(keys),
                error,
            )

    call = start_detached(withdraw)
    wait([call], timeout=UNDO_PATIENCE)
    if not call.done():
        _LOG.warning(
            "insert into %s was interrupted; up to %d vectors are stored under ids that it made "
            "up. They are being deleted, for as long as this process runs",
            to_printable(index.name),
            len(keys),
        )
