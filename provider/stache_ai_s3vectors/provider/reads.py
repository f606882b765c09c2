"""search, search_summaries, and chunks by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import filters, rows, searches, updates
from ..bodies import numbers
from ..inputs import check_fields, check_ids, dimension_of
from ..keys import TYPE
from ..logs import logged
from ..questions import handed_over
from ..records import from_metadata
from .base import Base

if TYPE_CHECKING:
    from stache_ai.middleware.context import RequestContext


class Reads(Base):
    """What asks the service for the chunks that are wanted."""

    def search(
        self,
        query_vector: list[float],
        top_k: int = 5,
        filter: dict[str, Any] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """The nearest chunks that are neither soft-deleted nor summaries.

        Soft-deleted are those whose `status` is "deleting", "purging" or "purged". A status of the
        user's own, "open" for instance, is found.

        With `S3VECTORS_SEARCH_MODE=hybrid`, and an index that has text search on `text`, the
        question's words count, too: Stache's pipeline hands them over in `context`.

        Args:
            query_vector: the question's embedding.
            top_k: how many; the service has 10,000 at most.
            filter: metadata conditions, all of which must hold; a list means "any of".
            namespace: `name`, `exact:name`, or `name/*` for it and all below it; None for all.
                The filter cannot widen it.

        Returns:
            Dictionaries with `id`, `score` (0 to 1, best first; in hybrid search the score of the
            nearest result, and shares of it), `text` and its alias `content`, `namespace`,
            `metadata`.
        """
        parts = [filters.NOT_DELETED, filters.NO_SUMMARY, *filters.conditions(filter)]
        if namespace == "" and TYPE not in (filter or ()) and self._without_default(context):
            namespace = None
        question = handed_over(context) if self._options.hybrid else None
        return self._search("search", query_vector, top_k, parts, namespace, question)

    def search_summaries(
        self,
        query_vector: list[float],
        top_k: int = 10,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """The nearest document summaries that are not soft-deleted; else like `search`."""
        parts = [filters.NOT_DELETED, filters.IS_SUMMARY]
        if namespace == "" and context is not None:
            namespace = None  # Stache's GET /documents/discover?namespace= means all of them
        return self._search("search_summaries", query_vector, top_k, parts, namespace)

    def _search(
        self,
        operation: str,
        vector: list[float],
        top_k: int,
        parts: list[filters.Filter],
        namespace: str | None,
        question: str | None = None,
    ) -> list[dict[str, Any]]:
        parts = [*parts, *filters.in_namespace(namespace)]
        with logged(operation, self._index.name) as line:
            found = self._with_description(
                dimension_of(vector, "query_vector"),
                lambda index: searches.search(self._index, index, vector, top_k, parts, question),
                lambda index: searches.check(index, vector, top_k, parts),
            )
            line.outcome = f"{len(found)} of {top_k} found"
        return found

    def get_by_ids(
        self,
        ids: list[str],
        fields: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Chunks by id, in the order asked; those that do not exist are left out.

        Args:
            ids: any number of ids.
            fields: metadata keys to return; all when None.
            namespace: leave out chunks of other namespaces.

        Returns:
            Dictionaries with the metadata keys, and `id`, `text` and its alias `content`.
        """
        with logged("get_by_ids", self._index.name) as line:
            check_ids(ids)
            check_fields(fields)
            found = [
                rows.fetched(chunk.key, chunk.metadata, fields)
                for chunk in updates.existing(self._index, ids, namespace)
            ]
            line.outcome = f"{len(found)} of {len(ids)} found"
        return found

    def get_vectors_with_embeddings(
        self,
        ids: list[str],
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Chunks with their embeddings, as stored; else like `get_by_ids`.

        Returns:
            Dictionaries with `id`, `vector`, and `metadata` including `text`.
        """
        with logged("get_vectors_with_embeddings", self._index.name) as line:
            check_ids(ids)
            found = [
                {
                    "id": chunk.key,
                    "vector": numbers(chunk.vector),
                    "metadata": from_metadata(chunk.key, chunk.metadata).everything,
                }
                for chunk in updates.existing(self._index, ids, namespace, data=True)
            ]
            line.outcome = f"{len(found)} of {len(ids)} found"
        return found
