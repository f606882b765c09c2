"""START HERE. Stache's vector provider, in Stache's words.

Stache finds this class through the entry point `stache.vectordb: s3vectors` and builds
one instance for each of its indexes: documents, summaries, insights.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from stache_ai.providers.base import VectorDBProvider

from . import filters, limits, rows, scans
from .errors import ConfigurationError, InvalidInputError
from .inputs import check_ids, check_lengths, check_top_k, check_vector
from .inserts import store, to_records
from .records import from_metadata, with_status
from .settings import resolve
from .vector_index import Description, Record, VectorIndex

if TYPE_CHECKING:
    from stache_ai.config import Settings
    from stache_ai.middleware.context import RequestContext

_LOG = logging.getLogger(__name__)


class S3VectorsProvider(VectorDBProvider):  # type: ignore[misc]  # stache_ai ships no types
    """Keeps Stache's vectors in one index of an Amazon S3 Vectors bucket.

    Construction reads settings and makes no call. Every method raises a subclass of
    `S3VectorsError` when it could not do what it says; none answers with an empty result
    instead. `context` is Stache's and not used.

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
    ) -> list[str]:
        """Store chunks; those whose ids exist are replaced.

        Args:
            vectors: one embedding per chunk, as long as the index's dimension.
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
        keys = [str(uuid.uuid4()) for _ in vectors] if ids is None else ids
        metadatas = [{} for _ in vectors] if metadatas is None else metadatas
        check_lengths(vectors=vectors, texts=texts, metadatas=metadatas, ids=keys)
        check_ids(keys, unique=True)
        if not keys:
            return []
        chunks = zip(keys, vectors, texts, metadatas, strict=True)
        store(self._index, to_records(self._describe(), chunks, namespace), withdraw=ids is None)
        _LOG.debug("inserted %d vectors into %s", len(keys), self.index_name)
        return list(keys)

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

        Args:
            query_vector: the question's embedding.
            top_k: how many, 1 to 10,000.
            filter: metadata conditions, all of which must hold; a list means "any of".
            namespace: `name`, `exact:name`, or `name/*` for it and all below it. The
                filter cannot widen it.

        Returns:
            Dictionaries with `id`, `score` (0 to 1, best first), `text` and its alias
            `content`, `namespace`, `metadata`.
        """
        parts = [filters.IS_ACTIVE, filters.NO_SUMMARY, *filters.conditions(filter)]
        return self._search(query_vector, top_k, [*parts, *filters.in_namespace(namespace)])

    def search_summaries(
        self,
        query_vector: list[float],
        top_k: int = 10,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """The nearest document summaries that are not soft-deleted; else like `search`."""
        parts = [filters.IS_ACTIVE, filters.IS_SUMMARY, *filters.in_namespace(namespace)]
        return self._search(query_vector, top_k, parts)

    def _search(
        self, vector: list[float], top_k: int, parts: list[filters.Filter]
    ) -> list[dict[str, Any]]:
        check_top_k(top_k)
        index = self._describe()
        condition = {"$and": parts}
        filters.check_filterable(condition, index.non_filterable)
        numbers = check_vector(vector, index.dimension, index.metric)
        matches, metric = self._index.query(numbers, top_k, condition)
        _LOG.debug("found %d of %d vectors in %s", len(matches), top_k, self.index_name)
        return [
            rows.found(match.key, rows.score(match.distance, metric), match.metadata)
            for match in matches
        ]

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
        return [
            rows.fetched(chunk.key, chunk.metadata, fields)
            for chunk in self._existing(ids, namespace)
        ]

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
        return [
            {
                "id": chunk.key,
                "vector": chunk.vector,
                "metadata": from_metadata(chunk.key, chunk.metadata).everything,
            }
            for chunk in self._existing(ids, namespace, data=True)
        ]

    def _existing(
        self, ids: list[str], namespace: str | None, *, data: bool = False
    ) -> Iterator[Record]:
        """The chunks of these ids, but not those of another namespace."""
        check_ids(ids)
        inside = filters.all_of(filters.exactly(namespace))
        elsewhere = 0
        for chunk in self._index.get(ids, data=data):
            if filters.matches(inside, chunk.metadata):
                yield chunk
            else:
                elsewhere += 1
        if elsewhere:
            _LOG.warning("%d ids are not in namespace %s: left alone", elsewhere, namespace)

    def update_status(
        self,
        ids: list[str],
        namespace: str | None,
        status: str,
        context: RequestContext | None = None,
    ) -> int:
        """Set the status of chunks; "active" ones are found by `search`, others are not.

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: chunks of other namespaces are left alone.
            status: "active", "deleting", "purging" or "purged".

        Returns:
            How many were updated.
        """
        if not status:
            raise InvalidInputError(f"the status is {status!r}; Stache's are active, deleting, …")
        hidden = self._index.describe().non_filterable
        records = [
            replace(chunk, metadata=with_status(chunk.key, chunk.metadata, status, hidden))
            for chunk in self._existing(ids, namespace, data=True)
        ]
        self._index.put(records)
        return len(records)

    def delete(
        self,
        ids: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
        *,
        filter: dict[str, Any] | None = None,
    ) -> bool:
        """Delete chunks by id, or all that pass a filter.

        Stache's pipeline deletes a document with `filter=`, which its own interface lacks.

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: chunks of other namespaces are left alone.
            filter: instead of ids; as for `search`, and a scan of the index.

        Returns:
            True: none of the ids is left in the namespace. A failure is an error.
        """
        if (ids is None) is (filter is None):
            raise InvalidInputError("delete takes either ids or a filter")
        if ids is None:
            scans.delete_matching(
                self._index, [*filters.conditions(filter), *filters.exactly(namespace)]
            )
            return True
        check_ids(ids)
        if namespace is not None:
            ids = [chunk.key for chunk in self._existing(ids, namespace)]
        self._index.delete(list(dict.fromkeys(ids)))
        return True

    def delete_by_metadata(
        self,
        field: str,
        value: str,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """Delete all chunks whose metadata has that value; a scan of the index.

        Returns:
            `deleted`, the number, and `ids`.
        """
        parts = [*filters.conditions({field: value}), *filters.exactly(namespace)]
        deleted = scans.delete_matching(self._index, parts)
        return {"deleted": len(deleted), "ids": deleted}

    def count_by_filter(
        self,
        filter: dict[str, Any],
        context: RequestContext | None = None,
    ) -> int:
        """How many chunks pass the filter, whatever their status; a scan of the index."""
        return sum(1 for _ in scans.matching(self._index, filters.conditions(filter)))

    def list_by_filter(
        self,
        filter: dict[str, Any],
        fields: list[str] | None = None,
        limit: int = 1000,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """Chunks that pass the filter, whatever their status; a scan until `limit`.

        Returns:
            Dictionaries with the metadata keys and `text` (or just `fields` of them), and
            `id` and its alias `key`.
        """
        if limit < 1:
            raise InvalidInputError(f"limit is {limit!r}; it must be 1 or more")
        found = islice(scans.matching(self._index, filters.conditions(filter)), limit)
        return [rows.listed(key, chunk, fields) for key, chunk in found]

    def scan_by_metadata(
        self,
        filter: dict[str, Any] | None = None,
        fields: list[str] | None = None,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> list[dict[str, Any]]:
        """All chunks that pass the filter; else like `list_by_filter`."""
        parts = [*filters.conditions(filter), *filters.in_namespace(namespace)]
        return [
            rows.listed(key, chunk, fields) for key, chunk in scans.matching(self._index, parts)
        ]

    def get_collection_info(
        self,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """What the index is: `name`, `bucket`, `arn`, `dimension` and so on.

        S3 Vectors keeps no count of vectors; `count_by_filter({})` counts them.
        """
        index = self._index.describe()
        return {"name": self.index_name, "bucket": self.bucket_name, **index.as_dict()}
