"""From Stache's lists to stored records: check all of them, then store them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .answers import Description
from .batches import Record
from .errors import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    PartialWriteError,
    RejectedError,
    S3VectorsError,
)
from .inputs import check_vector
from .records import to_metadata
from .vector_index import Progress, VectorIndex

_LOG = logging.getLogger(__name__)

Chunk: TypeAlias = tuple[str, Sequence[float], str, Mapping[str, Any]]
"""id, embedding, text, metadata"""


def to_records(index: Description, chunks: Iterable[Chunk], namespace: str | None) -> list[Record]:
    """The records for chunks.

    Raises:
        InvalidInputError: names the first chunk that the index cannot hold, and why.
    """
    records: list[Record] = []
    moved: set[str] = set()
    for position, (key, vector, text, metadata) in enumerate(chunks):
        try:
            numbers = check_vector(vector, index.dimension, index.metric)
            stored = to_metadata(text, metadata, namespace, index.non_filterable)
        except InvalidInputError as error:
            raise InvalidInputError(f"item {position} (id {key!r}): {error}") from error
        records.append(Record(key, numbers, stored.metadata))
        moved.update(stored.moved)
    if moved:
        names = ", ".join(sorted(moved))
        _LOG.warning("metadata too large to filter on (stored, and read back): %s", names)
    return records


def store(
    index: VectorIndex, records: Sequence[Record], progress: Progress | None, *, withdraw: bool
) -> None:
    """Store records; when that fails and `withdraw` is set, delete what was stored.

    Raises:
        PartialWriteError: says which are stored and which are not.
    """
    try:
        index.put(records, progress)
    except (NotFoundError, AccessDeniedError, RejectedError):
        raise  # refused, as were all that were sent with it: nothing is stored
    except S3VectorsError as error:
        if withdraw:
            raise _withdrawn(index, [record.key for record in records], error) from error
        raise


def _withdrawn(index: VectorIndex, keys: Sequence[str], error: S3VectorsError) -> S3VectorsError:
    """The error to raise after deleting what is stored under ids that nobody knows.

    A request that timed out may have been carried out, so all of them are deleted.
    """
    done = error.done if isinstance(error, PartialWriteError) else []
    cause = error.__cause__ if isinstance(error, PartialWriteError) else error
    try:
        index.delete(keys)
    except S3VectorsError as second:
        deleted = set(second.done) if isinstance(second, PartialWriteError) else set()
        done = [key for key in done if key not in deleted]
        left = set(done)
        missing = [key for key in keys if key not in left]
        text = f"{error}. Deleting what is stored under made-up ids failed too: {second}"
        return PartialWriteError(text, done=done, missing=missing)
    if not done:
        return error
    text = (
        f"{cause}. Nothing of the call is stored: its ids were made up, so what was stored "
        f"under them before ({len(done)} of {len(keys)} vectors) is deleted again"
    )
    return PartialWriteError(text, done=[], missing=keys)
