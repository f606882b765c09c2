"""count_by_filter, list_by_filter, scan_by_metadata: S3 Vectors has no call for them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from .. import filters, rows, scans
from ..inputs import check_fields, check_limit
from ..keys import STATUS
from ..logs import logged
from ..vector_index import Progress
from .base import Base

if TYPE_CHECKING:
    from stache_ai.middleware.context import RequestContext


class Walks(Base):
    """What goes through the whole index."""

    def count_by_filter(
        self,
        filter: dict[str, Any],
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> int:
        """How many chunks pass the filter; a scan of the index.

        Soft-deleted ones do not count, unless the filter says something about `status`.
        """
        with logged("count_by_filter", self._index.name) as line:
            pages = scans.matching(self._index, _present(filter), progress)
            count = sum(len(page.rows) for page in pages)
            line.outcome = f"{count} counted"
        return count

    def list_by_filter(
        self,
        filter: dict[str, Any],
        fields: list[str] | None = None,
        limit: int = 1000,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[dict[str, Any]]:
        """Chunks that pass the filter, in no order; a scan of the index until `limit`.

        Soft-deleted ones are left out, unless the filter says something about `status`.

        Returns:
            Dictionaries with the metadata keys and `text` (or just `fields` of them), and
            `id` and its alias `key`.
        """
        check_fields(fields)
        limit = check_limit(limit)
        with logged("list_by_filter", self._index.name) as line:
            found = islice(scans.rows(self._index, _present(filter), progress), limit)
            listed = [rows.listed(key, stored, fields) for key, stored in found]
            line.outcome = f"{len(listed)} listed"
        return listed

    def scan_by_metadata(
        self,
        filter: dict[str, Any] | None = None,
        fields: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[dict[str, Any]]:
        """All chunks that pass the filter, soft-deleted or not; else like `list_by_filter`."""
        check_fields(fields)
        parts = [*filters.conditions(filter), *filters.in_namespace(namespace)]
        with logged("scan_by_metadata", self._index.name) as line:
            found = scans.rows(self._index, parts, progress)
            listed = [rows.listed(key, stored, fields) for key, stored in found]
            line.outcome = f"{len(listed)} found"
        return listed


def _present(filter: dict[str, Any] | None) -> list[filters.Filter]:
    """A filter, and not soft-deleted if it does not speak of that."""
    parts = filters.conditions(filter)
    return parts if STATUS in filters.keys(filters.all_of(parts)) else [filters.NOT_DELETED, *parts]
