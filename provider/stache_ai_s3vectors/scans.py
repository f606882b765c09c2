"""What S3 Vectors has no call for: find, and delete, by filter. A walk over the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from . import filters
from .errors import InvalidInputError
from .records import filterable
from .vector_index import VectorIndex


def matching(
    index: VectorIndex, parts: Sequence[filters.Filter]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and stored metadata of every vector for which all conditions hold.

    The conditions see values that were too large to be filtered on, too.
    """
    condition = filters.all_of(parts)
    filters.check_filterable(condition, index.describe().non_filterable)
    for key, metadata in index.scan():
        if filters.matches(condition, filterable(key, metadata)):
            yield key, metadata


def delete_matching(index: VectorIndex, parts: Sequence[filters.Filter]) -> list[str]:
    """Delete every vector for which all conditions hold; returns their keys."""
    if not parts:
        raise InvalidInputError("the filter is empty: it would delete everything")
    found = [key for key, _ in matching(index, parts)]
    index.delete(found)
    return found
