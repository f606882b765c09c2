"""What S3 Vectors has no call for: find, and delete, by filter. A walk over the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import filters
from .errors import InvalidInputError
from .records import Chunk, from_metadata
from .vector_index import VectorIndex


def matching(index: VectorIndex, parts: Sequence[filters.Filter]) -> Iterator[tuple[str, Chunk]]:
    """Key and chunk of every vector for which all conditions hold.

    The conditions see values that were too large to be filtered on, too.
    """
    condition = filters.all_of(parts)
    filters.check_filterable(condition, index.describe().non_filterable)
    for key, metadata in index.scan():
        chunk = from_metadata(key, metadata)
        if filters.matches(condition, chunk.filterable):
            yield key, chunk


def delete_matching(index: VectorIndex, parts: Sequence[filters.Filter]) -> list[str]:
    """Delete every vector for which all conditions hold; returns their keys."""
    if not parts:
        raise InvalidInputError("the filter is empty: it would delete everything")
    found = [key for key, _ in matching(index, parts)]
    index.delete(found)
    return found
