"""What S3 Vectors has no call for: find, count, and delete, by filter. A walk over the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from stache_ai_s3vectors.aws.outcomes import Outcomes
from stache_ai_s3vectors.aws.parallel import Page
from stache_ai_s3vectors.aws.vector_index import Progress, Row, VectorIndex
from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.records import from_metadata
from stache_ai_s3vectors.errors import InvalidInputError, PartialWriteError, S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import OVERFLOW


def scan_pages(
    index: VectorIndex, parts: Sequence[filters.Filter], progress: Progress | None = None
) -> Iterator[Page[Row]]:
    """Pages with the key and stored metadata of the vectors for which all conditions hold.

    The conditions see values that were too large to be filtered on, too.

    Args:
        progress: called with the number of vectors that were looked at.
    """
    condition = filters.join_conditions(parts)
    try:
        filters.check_filterable(condition, index.describe().non_filterable)
    except InvalidInputError:  # unless it was made anew since
        filters.check_filterable(condition, index.describe(fresh=True).non_filterable)
    passes, keys = filters.build_predicate(condition), filters.collect_keys(condition)
    for page in index.list_pages():
        rows = [row for row in page.rows if passes(_select_filterable(*row, keys))]
        if progress is not None:
            progress(len(page.rows))
        yield Page(rows, page.token, page.segment)


def _select_filterable(key: str, stored: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """The metadata as filters would see it, had S3 Vectors no limits of size.

    `_overflow` is taken apart only if it can have something to say about the wanted keys.
    """
    if OVERFLOW not in stored or all(isinstance(stored.get(k), (str, bool)) for k in keys):
        return stored
    return from_metadata(key, stored).filterable


def scan_rows(
    index: VectorIndex, parts: Sequence[filters.Filter], progress: Progress | None = None
) -> Iterator[Row]:
    """Key and stored metadata of every vector for which all conditions hold."""
    for page in scan_pages(index, parts, progress):
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
    unfinished: dict[int | None, list[str]] = defaultdict(list)
    seen: list[str] = []
    outcomes = Outcomes("deleted", seen, progress)
    unread: S3VectorsError | None = None
    with outcomes.log_interruption(index.name):
        try:
            for page in scan_pages(index, parts):
                keys = [key for key, _ in page.rows]
                seen += keys
                unfinished[page.segment] += keys
                if page.token is None:
                    _delete(index, unfinished.pop(page.segment), outcomes)
                if outcomes.hopeless:
                    break
        except S3VectorsError as error:
            unread = error
        # The first page, which was of all segments; and, when reading failed, what was read
        _delete(index, [key for keys in unfinished.values() for key in keys], outcomes)
    if unread is not None:
        if not outcomes.done:
            raise unread
        raise _build_partial_error(outcomes, unread) from unread
    outcomes.check()
    return outcomes.done


def _delete(index: VectorIndex, keys: list[str], outcomes: Outcomes) -> None:
    """Delete a segment's; a failure does not keep the other segments from being tried."""
    if outcomes.hopeless:
        return
    try:
        index.delete(keys, part_of=outcomes)
        outcomes.note(keys)
    except S3VectorsError as error:
        outcomes.fail(error)


def _build_partial_error(outcomes: Outcomes, error: S3VectorsError) -> PartialWriteError:
    text = (
        f"{len(outcomes.done)} vectors are deleted, but not all of the index was read: {error}. "
        "Calling again deletes the rest"
    )
    return PartialWriteError(text, done=outcomes.done, missing=outcomes.missing)
