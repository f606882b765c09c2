"""insert, update_status, delete, delete_by_metadata."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import filters, scans, updates
from ..errors import InvalidInputError
from ..inputs import (
    check_ids,
    check_lengths,
    check_list,
    check_scalar,
    checked_ids,
    dimension_of,
)
from ..inserts import check_chunks, store, to_records
from ..logs import logged
from ..records import without_empty_namespace
from ..values import is_text
from ..vector_index import Progress
from .base import Base

if TYPE_CHECKING:
    from stache_ai.middleware.context import RequestContext


class Writes(Base):
    """What changes the index."""

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
            metadatas: their metadata, any JSON values; `status` is "active" unless given. A status
                of the user's own is replaced when Stache moves the chunk to the trash, and is
                "active" after it was restored.
            ids: their ids, 1 to 1,024 characters; made up when not given.
            namespace: beats a `namespace` in the metadata; "default" when there is neither.

        Returns:
            The ids, in the order of the chunks; all of them are stored.

        Raises:
            InvalidInputError: a chunk cannot be stored; nothing was sent.
            PartialWriteError: the service failed half-way. Ids made up in this call are
                deleted again, the caller's own stay.
        """
        check_list("vectors", vectors, of="vectors", ordered=True)
        check_list("texts", texts, of="texts", ordered=True)
        keys = [str(uuid.uuid4()) for _ in vectors] if ids is None else checked_ids(ids)
        metadatas = [{} for _ in vectors] if metadatas is None else metadatas
        check_list("metadatas", metadatas, of="dictionaries", ordered=True)
        check_lengths(vectors=vectors, texts=texts, metadatas=metadatas, ids=keys)
        if not keys:
            return []
        if self._without_default(context):
            namespace, metadatas = namespace or None, [*map(without_empty_namespace, metadatas)]
        chunks = [*zip(keys, vectors, texts, metadatas, strict=True)]
        with logged("insert", self._index.name) as line:
            records = self._with_description(
                dimension_of(chunks[0][1], f"item 0 (id {keys[0]!r}): the vector"),
                partial(to_records, chunks=chunks, namespace=namespace),
                partial(check_chunks, chunks=chunks, namespace=namespace),
            )
            if ids is None and context is not None:  # Stache ingests a document
                self._announce(keys, metadatas, namespace)
            store(self._index, records, progress, withdraw=ids is None)
            line.outcome = f"{len(keys)} vectors stored"
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
        """Set the status of chunks; "deleting", "purging" and "purged" ones are not found.

        Args:
            ids: any number of ids; those that do not exist are passed over.
            namespace: a guard: ids that are in another namespace are left alone, and are an error.
            status: "active", "deleting", "purging" or "purged"; or one of the user's own.

        Returns:
            How many were updated.

        Raises:
            NamespaceError: ids are in another namespace, and nothing was updated.
            PartialWriteError: some could not be updated; all others are.
        """
        if not is_text(status) or not status:
            raise InvalidInputError(
                f"the status is {status!r:.80}; Stache's are active, deleting, …"
            )
        check_ids(ids)
        filters.exactly(namespace)
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
            namespace: with ids a guard: those that are in another namespace are left alone, and
                are an error. With a filter, it is part of it.
            filter: instead of ids; as for `search`, and a scan of the index. What is
                soft-deleted is deleted, too.

        Returns:
            True: none of the ids is left. A failure is an error.

        Raises:
            NamespaceError: ids are in another namespace, and nothing was deleted.
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
        filters.exactly(namespace)
        with logged("delete", self._index.name) as line:
            if namespace is None:
                self._index.delete(list(dict.fromkeys(ids)), progress)
                line.outcome = f"{len(ids)} ids deleted"
            else:
                count = updates.delete_inside(self._index, ids, namespace, progress)
                line.outcome = f"{count} of {len(ids)} ids deleted"
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
        if not is_text(field) or not field or field.startswith("$"):
            raise InvalidInputError(f"field is {field!r:.80}; it must be a metadata key")
        check_scalar("value", value)
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
