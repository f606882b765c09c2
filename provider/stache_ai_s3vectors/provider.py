"""START HERE. Stache's vector provider, in Stache's terms.

Stache finds this class through the entry point `stache.vectordb: s3vectors` and builds one
instance for each of its indexes: documents, summaries, insights. The methods check their
arguments and call `operations`. They are in one file so that a reader sees at once all that Stache
calls.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from stache_ai.providers.base import VectorDBProvider

from stache_ai_s3vectors.aws.connections import preload
from stache_ai_s3vectors.aws.vector_index import Progress, VectorIndex
from stache_ai_s3vectors.chunks import filters, results
from stache_ai_s3vectors.chunks.arguments import (
    check_fields,
    check_ids,
    check_limit,
    check_scalar,
    make_chunks,
)
from stache_ai_s3vectors.chunks.metadata_values import is_text
from stache_ai_s3vectors.chunks.records import from_metadata, remove_empty_namespace
from stache_ai_s3vectors.chunks.vectors import Vector, read_numbers
from stache_ai_s3vectors.errors import (
    AccessDeniedError,
    DocumentIndexError,
    InvalidInputError,
    NamespaceError,
    RejectedError,
)
from stache_ai_s3vectors.operations import by_id, scan, search
from stache_ai_s3vectors.operations.insert import prepare_records, store_records
from stache_ai_s3vectors.operations.operation_log import log_operation
from stache_ai_s3vectors.operations.query_text import take_question
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import STATUS, TYPE
from stache_ai_s3vectors.settings import resolve_document_index_path, resolve_settings

if TYPE_CHECKING:
    import numpy.typing as npt
    from stache_ai.config import Settings
    from stache_ai.middleware.context import RequestContext

    from stache_ai_s3vectors.plugins.document_index.ingests import VectorProvider


_LOG = logging.getLogger(__name__)

_SQLITE: Final = "sqlite"
"""The name under which Stache knows our document index."""


class S3VectorsProvider(VectorDBProvider):  # type: ignore[misc]  # untyped
    """Keeps Stache's vectors in one index of an Amazon S3 Vectors bucket.

    The constructor reads settings and makes no call. Every method raises a subclass of
    `S3VectorsError` on failure; none returns an empty result instead. Threads may share a
    provider. `context` is Stache's request context: `search` reads the question from it, and
    `search`, `search_summaries` and `insert` know from it that Stache makes the call. `progress` is
    called with the number of vectors that were just processed.

    Args:
        settings: Stache's settings, or `stache_ai_s3vectors.Settings`.
        index_name: the index; the documents index when not given.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    def __init__(self, settings: Settings, index_name: str | None = None) -> None:
        self.settings = settings
        self._options = resolve_settings(settings, index_name)
        self.bucket_name = self._options.bucket_name
        self.index_name = self._options.index_name
        self.dimensions = self._options.dimension
        self._unsettled_index = VectorIndex(self._options)
        self._document_index_path = _resolve_document_index_path(settings)
        self._ingests_settled = self._document_index_path is None

    @property
    def client(self) -> Any:
        """The boto3 `s3vectors` client."""
        return self._index.client

    def preload(self) -> None:
        """Load what the first request needs, without credentials, a connection or a request.

        For a process that is copied when it has started, like a Lambda function with SnapStart.

        Raises:
            ConfigurationError: no client can be created with these settings.
        """
        preload(self._options)

    @property
    def capabilities(self) -> set[str]:
        """The capabilities that Stache may rely on.

        "metadata_scan" and "export" are left out, although `scan_by_metadata` works:
        with either, Stache's CLI expects Qdrant's client and crashes.
        """
        return {"server_side_filtering"}

    @property
    def max_batch_size(self) -> int:
        """The number of vectors that Stache should insert at a time: one PutVectors request."""
        return limits.PUT_BATCH

    def get_collection_info(
        self,
        context: RequestContext | None = None,
        *,
        count: bool = False,
    ) -> dict[str, Any]:
        """Describe the index as it is now: `name`, `bucket`, `arn`, `dimension` and so on.

        Args:
            count: also count all vectors, as `count`. This lists the whole index, because S3
                Vectors does not count.
        """
        with log_operation("get_collection_info", self._index.name):
            description = self._index.describe_or_create(fresh=True).as_dict()
            if count:
                description["count"] = sum(
                    len(page.rows) for page in self._index.list_pages(metadata=False)
                )
        return {"name": self.index_name, "bucket": self.bucket_name, **description}

    def search(
        self,
        query_vector: Vector,
        top_k: int = 5,
        filter: dict[str, Any] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Find the nearest chunks that are neither soft-deleted nor summaries.

        A chunk is soft-deleted if its `status` is "deleting", "purging" or "purged". Chunks with a
        status of your own, for example "open", are found.

        With `S3VECTORS_SEARCH_MODE=hybrid`, and an index that has text search on `text`, the
        search also ranks by the question's words, which Stache's pipeline puts into `context`.

        Args:
            query_vector: the question's embedding.
            top_k: how many results; the service returns at most 10,000.
            filter: metadata conditions, all of which must hold; a list means "any of".
            namespace: `name`, `exact:name`, or `name/*` for the namespace and all below it; None
                for all. The filter cannot widen it.

        Returns:
            Dictionaries with `id`, `score` (0 to 1, best first; in hybrid search the best result
            has the score of the nearest one, the others shares of it), `text` and its alias
            `content`, `namespace`, `metadata`.
        """
        conditions = [filters.NOT_DELETED, filters.NO_SUMMARY, *filters.parse_filter(filter)]
        if namespace == "" and TYPE not in (filter or ()) and self._has_empty_default(context):
            namespace = None
        question = take_question(context) if self._options.hybrid else None
        return self._search("search", query_vector, top_k, conditions, namespace, question)

    def search_summaries(
        self,
        query_vector: Vector,
        top_k: int = 10,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Find the nearest document summaries that are not soft-deleted; else like `search`."""
        conditions = [filters.NOT_DELETED, filters.IS_SUMMARY]
        if namespace == "" and context is not None:
            namespace = None  # Stache's GET /documents/discover?namespace= means all of them
        return self._search("search_summaries", query_vector, top_k, conditions, namespace)

    def _search(
        self,
        operation: str,
        vector: Vector,
        top_k: int,
        conditions: list[filters.Filter],
        namespace: str | None,
        question: str | None = None,
    ) -> list[dict[str, Any]]:
        conditions = [*conditions, *filters.match_namespace(namespace)]
        with log_operation(operation, self._index.name) as entry:
            chunks = search.search(self._index, vector, top_k, conditions, question)
            entry.outcome = f"{len(chunks)} of {top_k} found"
        return chunks

    def get_by_ids(
        self,
        ids: list[str],
        fields: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Get chunks by id, in the order of the ids; ids that do not exist are left out.

        Args:
            ids: any number of ids.
            fields: metadata keys to return; all when None.
            namespace: leave out chunks of other namespaces.

        Returns:
            Dictionaries with the metadata keys, and `id`, `text` and its alias `content`.
        """
        with log_operation("get_by_ids", self._index.name) as entry:
            check_ids(ids)
            check_fields(fields)
            chunks = [
                results.to_fetched_chunk(chunk.key, chunk.metadata, fields)
                for chunk in by_id.get_chunks(self._index, ids, namespace)
            ]
            entry.outcome = f"{len(chunks)} of {len(ids)} found"
        return chunks

    def get_vectors_with_embeddings(
        self,
        ids: list[str],
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Get chunks with their embeddings, as stored; otherwise like `get_by_ids`.

        Returns:
            Dictionaries with `id`, `vector`, and `metadata` including `text`.
        """
        with log_operation("get_vectors_with_embeddings", self._index.name) as entry:
            check_ids(ids)
            chunks = [
                {
                    "id": chunk.key,
                    "vector": read_numbers(chunk.vector),
                    "metadata": from_metadata(chunk.key, chunk.metadata).everything,
                }
                for chunk in by_id.get_chunks(self._index, ids, namespace, data=True)
            ]
            entry.outcome = f"{len(chunks)} of {len(ids)} found"
        return chunks

    def count_by_filter(
        self,
        filter: dict[str, Any],
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Count the chunks that pass the filter; this scans the index.

        Soft-deleted chunks do not count, unless the filter has a condition on `status`.
        """
        with log_operation("count_by_filter", self._index.name) as entry:
            pages = scan.scan_pages(self._index, _exclude_deleted(filter), progress)
            count = sum(len(page.rows) for page in pages)
            entry.outcome = f"{count} counted"
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
        """List chunks that pass the filter, in no order; this scans the index until `limit`.

        Soft-deleted chunks are left out, unless the filter has a condition on `status`.

        Returns:
            Dictionaries with the metadata keys and `text` (or just `fields` of them), and
            `id` and its alias `key`.
        """
        check_fields(fields)
        limit = check_limit(limit)
        with log_operation("list_by_filter", self._index.name) as entry:
            rows = islice(scan.scan_rows(self._index, _exclude_deleted(filter), progress), limit)
            listed = [results.to_listed_chunk(key, stored, fields) for key, stored in rows]
            entry.outcome = f"{len(listed)} listed"
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
        """List all chunks that pass the filter, soft-deleted or not; else like `list_by_filter`."""
        check_fields(fields)
        conditions = [*filters.parse_filter(filter), *filters.match_namespace(namespace)]
        with log_operation("scan_by_metadata", self._index.name) as entry:
            rows = scan.scan_rows(self._index, conditions, progress)
            listed = [results.to_listed_chunk(key, stored, fields) for key, stored in rows]
            entry.outcome = f"{len(listed)} found"
        return listed

    def insert(
        self,
        vectors: Sequence[Vector] | npt.NDArray[Any],
        texts: list[str],
        metadatas: list[dict[str, Any]] | None = None,
        ids: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[str]:
        """Store chunks; chunks whose ids exist are replaced.

        Args:
            vectors: one embedding per chunk, as long as the index's dimension: lists, or the
                rows of a numpy array.
            texts: their texts.
            metadatas: their metadata, any JSON values; `status` defaults to "active". Stache
                replaces a status of your own when it moves the chunk to the trash; after a
                restore the status is "active".
            ids: their ids, 1 to 1,024 bytes in UTF-8; by default they are generated.
            namespace: overrides a `namespace` in the metadata; "default" without either.

        Returns:
            The ids, in the order of the chunks. All chunks are stored.

        Raises:
            InvalidInputError: a chunk cannot be stored; nothing was sent.
            DocumentIndexError: the document index on SQLite cannot be written; nothing was sent.
            PartialWriteError: the service failed half-way. Chunks with generated ids are then
                deleted; chunks with your own ids stay.
        """
        chunks = make_chunks(vectors, texts, metadatas, ids)
        if not chunks:
            return []
        if self._has_empty_default(context):
            namespace = namespace or None
            chunks = [
                (key, vector, text, remove_empty_namespace(metadata))
                for key, vector, text, metadata in chunks
            ]
        keys = [key for key, *_ in chunks]
        with log_operation("insert", self._index.name) as entry:
            records = prepare_records(self._index, chunks, namespace)
            if ids is None and context is not None:  # Stache ingests a document
                self._announce(keys, [metadata for *_, metadata in chunks], namespace)
            store_records(self._index, records, progress, withdraw=ids is None)
            entry.outcome = f"{len(keys)} vectors stored"
        return keys

    def update_status(
        self,
        ids: list[str],
        namespace: str | None,
        status: str,
        context: RequestContext | None = None,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Set the status of chunks; searches leave out "deleting", "purging" and "purged".

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: a guard: ids in another namespace are not changed, and are an error.
            status: "active", "deleting", "purging" or "purged"; or one of the user's own.

        Returns:
            How many were updated.

        Raises:
            NamespaceError: ids are in another namespace, and nothing was updated.
            PartialWriteError: some could not be updated; all others are.
        """
        if not is_text(status) or not status:
            raise InvalidInputError(
                f"the status is {status!r:.80}; it must be a non-empty string, for example active"
            )
        check_ids(ids)
        filters.match_exact_namespace(namespace)
        with log_operation("update_status", self._index.name) as entry:
            count = by_id.set_status(self._index, ids, namespace, status, progress)
            entry.outcome = f"{count} of {len(ids)} now {status}"
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
        """Delete chunks by id, or all chunks that pass a filter.

        Stache's pipeline deletes a document with `filter=`, which its own interface lacks.

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: with ids a guard: ids in another namespace are not deleted, and are an
                error. With a filter, a part of it.
            filter: instead of ids; as for `search`. It scans the index. Soft-deleted chunks
                are deleted too.

        Returns:
            True: none of the chunks is left. A failure is an error.

        Raises:
            NamespaceError: ids are in another namespace, and nothing was deleted.
            PartialWriteError: some could not be deleted; all others are.
        """
        if (ids is None) is (filter is None):
            raise InvalidInputError("delete takes either ids or a filter; give one of them")
        if ids is None:
            conditions = filters.parse_filter(filter)
            if not conditions:
                raise InvalidInputError(
                    "the filter is empty: it would delete everything; give at least one condition"
                )
            conditions = [*conditions, *filters.match_exact_namespace(namespace)]
            self._delete_matching("delete", conditions, progress)
            return True
        check_ids(ids)
        filters.match_exact_namespace(namespace)
        with log_operation("delete", self._index.name) as entry:
            if namespace is None:
                self._index.delete(list(dict.fromkeys(ids)), progress)
                entry.outcome = f"{len(ids)} ids deleted"
            else:
                count = by_id.delete_inside(self._index, ids, namespace, progress)
                entry.outcome = f"{count} of {len(ids)} ids deleted"
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
        """Delete all chunks whose metadata has this value; this scans the index.

        After a failure, call again to delete the rest.

        Returns:
            `deleted`, the number, and `ids`.

        Raises:
            PartialWriteError: some could not be deleted, or not all of the index was read.
        """
        if not is_text(field) or not field or field.startswith("$"):
            raise InvalidInputError(f"field is {field!r:.80}; it must be a metadata key")
        check_scalar("value", value)
        conditions = [
            *filters.parse_filter({field: value}),
            *filters.match_exact_namespace(namespace),
        ]
        deleted = self._delete_matching("delete_by_metadata", conditions, progress)
        return {"deleted": len(deleted), "ids": deleted}

    def _delete_matching(
        self, operation: str, conditions: list[filters.Filter], progress: Progress | None
    ) -> list[str]:
        with log_operation(operation, self._index.name) as entry:
            deleted = scan.delete_matching(self._index, conditions, progress)
            entry.outcome = f"{len(deleted)} vectors deleted"
        return deleted

    @property
    def _index(self) -> VectorIndex:
        """The index.

        The first read settles the ingests that killed processes left: it completes them or deletes
        their vectors.
        """
        path = self._document_index_path
        if not self._ingests_settled and path is not None:
            self._ingests_settled = True  # settling uses the index
            from stache_ai_s3vectors.plugins.document_index import ingests  # noqa: PLC0415 - Lambda needs no SQLite

            try:
                ingests.settle(path, self.index_name, cast("VectorProvider", self))
            except DocumentIndexError as error:  # searches and writes still work
                _LOG.warning("%s", error)
            except (AccessDeniedError, NamespaceError, RejectedError) as error:
                # A later call would fail in the same way. Another process may have the permission
                _LOG.warning("interrupted ingests are not settled: %s", error)
            except BaseException:
                self._ingests_settled = False
                raise
        return self._unsettled_index

    def _announce(
        self, ids: Sequence[str], metadatas: Sequence[dict[str, Any]], namespace: str | None
    ) -> None:
        """Record, in the document index on SQLite, a document whose vectors are stored next."""
        if self._document_index_path is not None:
            from stache_ai_s3vectors.plugins.document_index import ingests  # noqa: PLC0415 - Lambda needs no SQLite

            ingests.announce(self._document_index_path, self.index_name, ids, metadatas, namespace)

    def _has_empty_default(self, context: Any) -> bool:
        """Whether Stache passes an empty namespace for none.

        With DEFAULT_NAMESPACE= in its environment, Stache's pipeline passes "" where it otherwise
        passes None. Only calls of Stache have a context.
        """
        return context is not None and getattr(self.settings, "default_namespace", None) == ""


def _resolve_document_index_path(settings: Settings) -> Path | None:
    """The file of the document index; None when Stache uses another one."""
    name = getattr(settings, "document_index_provider", None)
    return resolve_document_index_path(settings) if name == _SQLITE else None


def _exclude_deleted(filter: dict[str, Any] | None) -> list[filters.Filter]:
    """A filter's conditions, and one against soft-deleted chunks unless it is on the status."""
    conditions = filters.parse_filter(filter)
    return (
        conditions
        if STATUS in filters.collect_keys(filters.join_conditions(conditions))
        else [filters.NOT_DELETED, *conditions]
    )
