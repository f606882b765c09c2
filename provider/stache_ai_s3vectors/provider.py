"""START HERE. Stache's vector provider, in Stache's words.

Stache finds this class through the entry point `stache.vectordb: s3vectors` and builds
one instance for each of its indexes: documents, summaries, insights.
"""

from __future__ import annotations

import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any

from stache_ai.providers.base import VectorDBProvider

from . import filters, limits, rows, scans, searches, updates
from .answers import Description
from .errors import ConfigurationError, InvalidInputError
from .inputs import check_ids, check_lengths
from .inserts import store, to_records
from .keys import STATUS
from .logs import logged
from .questions import handed_over
from .records import from_metadata
from .settings import resolve
from .values import is_text
from .vector_index import Progress, VectorIndex

if TYPE_CHECKING:
    from stache_ai.config import Settings
    from stache_ai.middleware.context import RequestContext


class S3VectorsProvider(VectorDBProvider):  # type: ignore[misc]  # stache_ai ships no types
    """Keeps Stache's vectors in one index of an Amazon S3 Vectors bucket.

    Construction reads settings and makes no call. Every method raises a subclass of
    `S3VectorsError` when it could not do what it says; none answers with an empty result
    instead. Threads may share a provider. `context` is Stache's; only `search` looks into it.
    `progress`, where there is one, is called with the number of vectors just dealt with.

    Args:
        settings: Stache's settings, or `stache_ai_s3vectors.Settings`.
        index_name: the index; the documents index when not given.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    def __init__(self, settings: Settings, index_name: str | None = None) -> None:
        self.settings = settings
        self._options = resolve(settings, index_name)
        self.bucket_name = self._options.bucket
        self.index_name = self._options.index
        self.dimensions = self._options.dimension
        self._index = VectorIndex(self._options)

    @property
    def client(self) -> Any:
        """The boto3 `s3vectors` client."""
        return self._index.client

    @property
    def capabilities(self) -> set[str]:
        """What Stache may rely on.

        "metadata_scan" and "export" are left out, although `scan_by_metadata` works:
        Stache's CLI takes either for Qdrant's client and crashes.
        """
        return {"server_side_filtering"}

    @property
    def max_batch_size(self) -> int:
        """Vectors that Stache should hand over at a time: one PutVectors."""
        return limits.PUT_BATCH

    def insert(
        self,
        vectors: list[list[float]],
        texts: list[str],
        metadatas: list[dict[str, Any]] | None = None,
        ids: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[str]:
        """Store chunks; those whose ids exist are replaced.

        Args:
            vectors: one embedding per chunk, as long as the index's dimension: lists, or the
                rows of a numpy array.
            texts: their texts.
            metadatas: their metadata, any JSON values; `status` is "active" unless given.
            ids: their ids, 1 to 1,024 characters; made up when not given.
            namespace: beats a `namespace` in the metadata.

        Returns:
            The ids, in the order of the chunks; all of them are stored.

        Raises:
            InvalidInputError: a chunk cannot be stored; nothing was sent.
            PartialWriteError: the service failed half-way. Ids made up in this call are
                deleted again, the caller's own stay.
        """
        keys = [str(uuid.uuid4()) for _ in vectors] if ids is None else list(ids)
        metadatas = [{} for _ in vectors] if metadatas is None else metadatas
        check_lengths(vectors=vectors, texts=texts, metadatas=metadatas, ids=keys)
        check_ids(keys, unique=True)
        if not keys:
            return []
        with logged("insert", self._index.name) as line:
            chunks = zip(keys, vectors, texts, metadatas, strict=True)
            records = to_records(self._describe(), chunks, namespace)
            store(self._index, records, progress, withdraw=ids is None)
            line.outcome = f"{len(keys)} vectors stored"
        return keys

    def _describe(self) -> Description:
        """The index's attributes, once they are known to fit the settings."""
        index = self._index.describe()
        if index.dimension != self.dimensions:
            raise ConfigurationError(
                f"index {self.bucket_name}/{self.index_name} has {index.dimension} dimensions, "
                f"Stache's settings say {self.dimensions}: set EMBEDDING_DIMENSION="
                f"{index.dimension} and an embedding model of that size, or use another index"
            )
        return index

    def search(
        self,
        query_vector: list[float],
        top_k: int = 5,
        filter: dict[str, Any] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """The nearest chunks that are neither soft-deleted nor summaries.

        With `S3VECTORS_SEARCH_MODE=hybrid`, and an index that has text search on `text`, the
        question's words count, too: Stache's pipeline hands them over in `context`.

        Args:
            query_vector: the question's embedding.
            top_k: how many, 1 to 10,000.
            filter: metadata conditions, all of which must hold; a list means "any of".
            namespace: `name`, `exact:name`, or `name/*` for it and all below it. The
                filter cannot widen it.

        Returns:
            Dictionaries with `id`, `score` (0 to 1, best first; in hybrid search relative to
            the best), `text` and its alias `content`, `namespace`, `metadata`.
        """
        parts = [filters.IS_ACTIVE, filters.NO_SUMMARY, *filters.conditions(filter)]
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
        parts = [filters.IS_ACTIVE, filters.IS_SUMMARY]
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
            self._describe()
            found = searches.search(self._index, vector, top_k, parts, question)
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
                    "vector": chunk.vector,
                    "metadata": from_metadata(chunk.key, chunk.metadata).everything,
                }
                for chunk in updates.existing(self._index, ids, namespace, data=True)
            ]
            line.outcome = f"{len(found)} of {len(ids)} found"
        return found

    def update_status(
        self,
        ids: list[str],
        namespace: str | None,
        status: str,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Set the status of chunks; "active" ones are found by `search`, others are not.

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: chunks of other namespaces are left alone.
            status: "active", "deleting", "purging" or "purged".

        Returns:
            How many were updated.

        Raises:
            PartialWriteError: some could not be updated; all others are.
        """
        if not is_text(status) or not status:
            raise InvalidInputError(
                f"the status is {status!r:.80}; Stache's are active, deleting, …"
            )
        check_ids(ids)
        with logged("update_status", self._index.name) as line:
            count = updates.set_status(self._index, ids, namespace, status, progress)
            line.outcome = f"{count} of {len(ids)} now {status}"
        return count

    def delete(
        self,
        ids: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
        *,
        filter: dict[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> bool:
        """Delete chunks by id, or all that pass a filter.

        Stache's pipeline deletes a document with `filter=`, which its own interface lacks.

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: chunks of other namespaces are left alone.
            filter: instead of ids; as for `search`, and a scan of the index. What is
                soft-deleted is deleted, too.

        Returns:
            True: none of the ids is left in the namespace. A failure is an error.

        Raises:
            PartialWriteError: some could not be deleted; all others are.
        """
        if (ids is None) is (filter is None):
            raise InvalidInputError("delete takes either ids or a filter")
        if ids is None:
            conditions = filters.conditions(filter)
            if not conditions:
                raise InvalidInputError("the filter is empty: it would delete everything")
            parts = [*conditions, *filters.exactly(namespace)]
            self._delete_matching("delete", parts, progress)
            return True
        check_ids(ids)
        with logged("delete", self._index.name) as line:
            if namespace is not None:
                ids = [chunk.key for chunk in updates.existing(self._index, ids, namespace)]
            self._index.delete(list(dict.fromkeys(ids)), progress)
            line.outcome = f"{len(ids)} ids deleted"
        return True

    def delete_by_metadata(
        self,
        field: str,
        value: str,
        namespace: str | None = None,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Delete all chunks whose metadata has that value; a scan of the index.

        After a failure, calling again deletes the rest.

        Returns:
            `deleted`, the number, and `ids`.

        Raises:
            PartialWriteError: some could not be deleted, or not all of the index was read.
        """
        parts = [*filters.conditions({field: value}), *filters.exactly(namespace)]
        deleted = self._delete_matching("delete_by_metadata", parts, progress)
        return {"deleted": len(deleted), "ids": deleted}

    def _delete_matching(
        self, operation: str, parts: list[filters.Filter], progress: Progress | None
    ) -> list[str]:
        with logged(operation, self._index.name) as line:
            deleted = scans.delete_matching(self._index, parts, progress)
            line.outcome = f"{len(deleted)} vectors deleted"
        return deleted

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
        if limit < 1:
            raise InvalidInputError(f"limit is {limit!r}; it must be 1 or more")
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
        parts = [*filters.conditions(filter), *filters.in_namespace(namespace)]
        with logged("scan_by_metadata", self._index.name) as line:
            found = scans.rows(self._index, parts, progress)
            listed = [rows.listed(key, stored, fields) for key, stored in found]
            line.outcome = f"{len(listed)} found"
        return listed

    def get_collection_info(
        self,
        context: RequestContext | None = None,
        *,
        count: bool = False,
    ) -> dict[str, Any]:
        """What the index is now: `name`, `bucket`, `arn`, `dimension` and so on.

        Args:
            count: also count all vectors, as `count`; S3 Vectors keeps no count, so this
                lists the whole index.
        """
        with logged("get_collection_info", self._index.name):
            told = self._index.describe(fresh=True).as_dict()
            if count:
                told["count"] = sum(len(page.rows) for page in self._index.pages(metadata=False))
        return {"name": self.index_name, "bucket": self.bucket_name, **told}


def _present(filter: dict[str, Any] | None) -> list[filters.Filter]:
    """A filter, and not soft-deleted if it does not speak of that."""
    parts = filters.conditions(filter)
    return parts if STATUS in filters.keys(filters.all_of(parts)) else [filters.IS_ACTIVE, *parts]
