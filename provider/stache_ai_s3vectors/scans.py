"""What S3 Vectors has no call for: find, count, and delete, by filter. A walk over the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from . import filters
from .errors import AccessDeniedError, InvalidInputError, NotFoundError, S3VectorsError
from .keys import OVERFLOW
from .outcomes import Outcomes
from .parallel import Page
from .records import from_metadata
from .vector_index import Progress, Row, VectorIndex


def matching(
    index: VectorIndex, parts: Sequence[filters.Filter], progress: Progress | None = None
) -> Iterator[Page[Row]]:
    """Pages with the key and stored metadata of the vectors for which all conditions hold.

    The conditions see values that were too large to be filtered on, too.

    Args:
        progress: called with the number of vectors that were looked at.
    """
    condition = filters.all_of(parts)
    filters.check_filterable(condition, index.describe().non_filterable)
    passes = filters.predicate(condition)
    for page in index.pages():
        rows = [row for row in page.rows if passes(_filterable(*row))]
        if progress is not None:
            progress(len(page.rows))
        yield Page(rows, page.token, page.segment)


def _filterable(key: str, stored: dict[str, object]) -> dict[str, object]:
    """The metadata as filters would see it, had S3 Vectors no limits of size."""
    return from_metadata(key, stored).filterable if OVERFLOW in stored else stored


def rows(
    index: VectorIndex, parts: Sequence[filters.Filter], progress: Progress | None = None
) -> Iterator[Row]:
    """Key and stored metadata of every vector for which all conditions hold."""
    for page in matching(index, parts, progress):
        yield from page.rows


def delete_matching(
    index: VectorIndex, parts: Sequence[filters.Filter], progress: Progress | None = None
) -> list[str]:
    """Delete every vector for which all conditions hold; returns their keys.

    A segment's vectors are deleted when all its pages have been read, because what a listing
    does when vectors vanish under it is not documented. A process that dies in between has
    deleted those of the segments before; calling again deletes the rest.

    Args:
        progress: called with the number of vectors that were deleted.

    Raises:
        PartialWriteError: some were deleted; `missing` are those found and not deleted. There
            may be more, when reading failed.
    """
    if not parts:
        raise InvalidInputError("the filter is empty: it would delete everything")
    found: dict[int | None, list[str]] = defaultdict(list)
    seen: list[str] = []
    outcomes = Outcomes("deleted", seen, progress)
    try:
        for page in matching(index, parts):
            keys = [key for key, _ in page.rows]
            seen += keys
            found[page.segment] += keys
            if page.token is None:
                _delete(index, found.pop(page.segment), outcomes)
        _delete(index, found.pop(None, []), outcomes)  # the first page, which was of all segments
    except S3VectorsError as error:
        outcomes.fail(error)
    outcomes.check()
    return outcomes.done


def _delete(index: VectorIndex, keys: list[str], outcomes: Outcomes) -> None:
    """Delete a segment's; other segments are tried after a failure that need not be theirs."""
    try:
        index.delete(keys)
        outcomes.note(keys)
    except (NotFoundError, AccessDeniedError):
        raise
    except S3VectorsError as error:
        outcomes.fail(error)
