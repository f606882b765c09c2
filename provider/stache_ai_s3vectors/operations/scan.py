"""Find, count and delete by filter. S3 Vectors has no call for it, so this scans the index."""

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
    index: VectorIndex, conditions: Sequence[filters.Filter], progress: Progress | None = None
) -> Iterator[Page[Row]]:
    """Yield pages with key and stored metadata of the vectors for which all conditions hold.

    The conditions also see values in `_overflow`, which S3 Vectors cannot filter on.

    Args:
        progress: called with the number of vectors that were read.
    """
    condition = filters.join_conditions(conditions)
    try:
        filters.check_filterable(condition, index.describe_or_create().non_filterable)
    except InvalidInputError:  # the index may have been created anew since
        filters.check_filterable(condition, index.describe_or_create(fresh=True).non_filterable)
    passes, keys = filters.build_predicate(condition), filters.collect_keys(condition)
    for page in index.list_pages():
        rows = [row for row in page.rows if passes(_select_filterable(*row, keys))]
        if progress is not None:
            progress(len(page.rows))
        yield Page(rows, page.token, page.segment)


def _select_filterable(key: str, stored: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """The metadata that filters would see if S3 Vectors had no size limits.

    `_overflow` is parsed only if it can have values of these keys.
    """
    if OVERFLOW not in stored or all(isinstance(stored.get(k), (str, bool)) for k in keys):
        return stored
    return from_metadata(key, stored).filterable


def scan_rows(
    index: VectorIndex, conditions: Sequence[filters.Filter], progress: Progress | None = None
) -> Iterator[Row]:
    """Yield key and stored metadata of every vector for which all conditions hold."""
    for page in scan_pages(index, conditions, progress):
        yield from page.rows


def delete_matching(
    index: VectorIndex, conditions: Sequence[filters.Filter], progress: Progress | None = None
) -> list[str]:
    """Delete every vector for which all conditions hold; returns their keys.

    A segment's vectors are deleted after all its pages have been read, because AWS does not
    document how a listing reacts to deletions. A process that ends in between has deleted the
    segments before; call again to delete the rest.

    Args:
        progress: called with the number of vectors that were deleted.

    Raises:
        PartialWriteError: some were deleted; `missing` has those that match and were not. If
            reading failed, there may be more.
    """
    unfinished: dict[int | None, list[str]] = defaultdict(list)
    seen: list[str] = []
    outcomes = Outcomes("deleted", seen, progress)
    unread: S3VectorsError | None = None
    with outcomes.conclude(index.name):
        try:
            for page in scan_pages(index, conditions):
                keys = [key for key, _ in page.rows]
                seen += keys
                unfinished[page.segment] += keys
                if page.token is None:
                    _delete(index, unfinished.pop(page.segment), outcomes)
                if outcomes.hopeless:
                    break
        except S3VectorsError as error:
            if error.from_progress:
                raise
            unread = error
        # The first page, which is of no segment; if reading failed, also the unfinished segments
        _delete(index, [key for keys in unfinished.values() for key in keys], outcomes)
        if unread is not None:
            if not outcomes.done:
                raise unread
            raise _build_partial_error(outcomes, unread) from unread
    return outcomes.done


def _delete(index: VectorIndex, keys: list[str], outcomes: Outcomes) -> None:
    """Delete a segment's vectors; after a failure, the other segments are still tried."""
    if outcomes.hopeless:
        return
    try:
        index.delete(keys, part_of=outcomes)
    except S3VectorsError as error:
        outcomes.note_error(error)
    else:
        outcomes.note_done(keys)


def _build_partial_error(outcomes: Outcomes, error: S3VectorsError) -> PartialWriteError:
    text = (
        f"{len(outcomes.done)} vectors are deleted, but not all of the index was read: {error}. "
        "Call again to delete the rest"
    )
    return PartialWriteError(text, done=outcomes.done, missing=outcomes.missing)
