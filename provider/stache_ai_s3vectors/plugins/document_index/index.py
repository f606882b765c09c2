"""START HERE. Stache's DocumentIndexProvider on SQLite.

Where Stache's interface leaves behavior open, this behaves like `stache-ai-dynamodb`, with three
exceptions: an update does not create a document that does not exist; restoring or deleting a
document removes all its entries from the trash; and a page has as many documents as requested.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from stache_ai.providers.base import DocumentIndexProvider

from stache_ai_s3vectors.service.metadata_keys import ACTIVE
from stache_ai_s3vectors.settings import resolve_document_index_path

from . import documents, identifiers, ingests, jobs, sessions, trash
from .database import Database, open_database
from .encoding import format_time, read_clock
from .identifiers import Source

if TYPE_CHECKING:
    from stache_ai.config import Settings
    from stache_ai.middleware.context import RequestContext

_LOG = logging.getLogger(__name__)

_RETENTION_DAYS: Final = 30
_REPLACEMENT_REASON: Final = "reingest_version"
"""Stache's reason to delete a document before a new version is ingested."""


class SQLiteDocumentIndex(DocumentIndexProvider):  # type: ignore[misc]  # stache_ai ships no types
    """The documents of a Stache, in one SQLite file.

    Several threads and several processes can use the same file. When a call returns, its changes
    are on disk; a call that raises has changed nothing.

    Args:
        settings: Stache's, or ours with `s3vectors_document_index_path`, the path of the file.

    Raises:
        DocumentIndexError: the file is locked, damaged, not writable, newer than this version, or
            not a document index. Every other method raises it too.
    """

    def __init__(self, settings: Settings) -> None:
        self.path = resolve_document_index_path(settings)
        days = getattr(settings, "trash_retention_days", _RETENTION_DAYS)
        self._retention = timedelta(days=days)
        self._open()
        if ingests.has_unsettled(self.path):
            self._settle(settings)
        _LOG.info("document index: %s", self.path)

    def _settle(self, settings: Settings) -> None:
        """Complete or undo interrupted ingests before the first document is listed."""
        from stache_ai.providers.factories import (  # noqa: PLC0415 - it loads every provider
            VectorDBProviderFactory,
        )

        try:
            vectors = VectorDBProviderFactory.create(settings)
            ingests.settle(self.path, getattr(vectors, "index_name", ""), vectors)
        except Exception as error:  # noqa: BLE001 - settling can wait until the vectors are available
            _LOG.warning("interrupted ingests are not settled yet: %s", error)

    def _open(self) -> Database:
        return open_database(self.path)

    def get_name(self) -> str:
        """The name that Stache logs."""
        return "sqlite-document-index"

    # Documents

    def create_document(
        self,
        doc_id: str,
        filename: str,
        namespace: str,
        chunk_ids: list[str],
        summary: str | None = None,
        summary_embedding_id: str | None = None,
        headings: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        file_type: str | None = None,
        file_size: int | None = None,
        source_path: str | None = None,
        content_hash: str | None = None,
        chunk_count: int | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """List a document, as active; one with the same id is replaced."""
        optional = {
            "source_path": source_path,
            "content_hash": content_hash,
            "summary": summary,
            "summary_embedding_id": summary_embedding_id,
            "headings": headings,
            "metadata": metadata,
            "file_type": file_type,
        }
        record = {
            "doc_id": doc_id,
            "filename": filename,
            "namespace": namespace,
            "chunk_count": len(chunk_ids) if chunk_count is None else chunk_count,
            "created_at": format_time(read_clock()),
            "chunk_ids": list(chunk_ids),
            "status": ACTIVE,
            **{name: value for name, value in optional.items() if value},
            **({} if file_size is None else {"file_size": file_size}),
        }
        database = self._open()
        session = sessions.get_own_session(database)
        with database.write() as db:
            documents.remove_document(db, record)
            documents.save_document(db, record)
            ingests.end_ingest(db, record, session)
        return record

    def get_document(
        self, doc_id: str, namespace: str | None = None, context: RequestContext | None = None
    ) -> dict[str, Any] | None:
        """Get a document's record, whatever its status; without a namespace, from any.

        Raises:
            InvalidInputError: several namespaces have a document of this id.
        """
        with self._open().read() as db:
            return documents.load_document(db, doc_id, namespace)

    def list_documents(
        self,
        namespace: str | None = None,
        limit: int = 100,
        last_evaluated_key: dict[str, Any] | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """List a page of active documents, the newest first.

        Documents that are listed or deleted between two pages do not shift the others.

        Args:
            namespace: only this one; None for all.
            limit: the most documents of the page.
            last_evaluated_key: `next_key` of the page before.

        Returns:
            `documents`, and `next_key`, which is None on the last page.
        """
        with self._open().read() as db:
            records, token = documents.list_page(db, namespace, limit, last_evaluated_key)
        return {"documents": records, "next_key": token}

    def delete_document(
        self, doc_id: str, namespace: str | None = None, context: RequestContext | None = None
    ) -> bool:
        """Delete a document, its entry in the trash, and its reservations.

        Returns:
            Whether there was one.
        """
        with self._open().write() as db:
            record = documents.load_document(db, doc_id, namespace)
            if record is not None:
                documents.remove_document(db, record)
                identifiers.forget_document(db, doc_id)
        return record is not None

    def update_document_summary(
        self,
        doc_id: str,
        summary: str,
        summary_embedding_id: str,
        namespace: str | None = None,
        context: RequestContext | None = None,
    ) -> bool:
        """Set a document's summary and the id of its embedding; False when there is no document."""
        summarized = {"summary": summary, "summary_embedding_id": summary_embedding_id}
        with self._open().write() as db:
            record = documents.load_document(db, doc_id, namespace)
            if record is not None:
                documents.save_document(db, {**record, **summarized})
        return record is not None

    def update_document_metadata(
        self,
        doc_id: str,
        namespace: str,
        updates: dict[str, Any],
        context: RequestContext | None = None,
    ) -> bool:
        """Replace a document's namespace, filename, metadata or headings.

        Returns:
            Whether there was such a document, in `namespace` or already in the new one.

        Raises:
            InvalidInputError: another field, or none.
        """
        with self._open().write() as db:
            return documents.update_document(db, doc_id, namespace, updates)

    def get_chunk_ids(
        self, doc_id: str, namespace: str | None = None, context: RequestContext | None = None
    ) -> list[str]:
        """Get the ids of a document's vectors; empty if there is no such document."""
        record = self.get_document(doc_id, namespace)
        return [] if record is None else list(record["chunk_ids"])

    def document_exists(
        self, filename: str, namespace: str, context: RequestContext | None = None
    ) -> bool:
        """Whether a namespace has a document of this name; documents in the trash count."""
        with self._open().read() as db:
            return documents.has_filename(db, filename, namespace)

    def count_by_namespace(
        self, namespace: str, context: RequestContext | None = None
    ) -> dict[str, int]:
        """Count the active documents (`doc_count`) and chunks (`chunk_count`) of a namespace."""
        with self._open().read() as db:
            return documents.count_active(db, namespace)

    # Identifiers

    def reserve_identifier(
        self,
        content_hash: str,
        filename: str,
        namespace: str,
        doc_id: str,
        source_path: str | None = None,
        file_size: int | None = None,
        file_modified_at: str | None = None,
        metadata: dict[str, Any] | None = None,
        context: RequestContext | None = None,
    ) -> bool:
        """Reserve a document's identifier; False if it is reserved already."""
        source = Source(content_hash, filename, namespace, source_path)
        more = {"file_size": file_size, "file_modified_at": file_modified_at or None}
        with self._open().write() as db:
            return identifiers.reserve(db, source, doc_id, {**more, **(metadata or {})})

    def get_document_by_identifier(
        self,
        content_hash: str,
        filename: str,
        namespace: str,
        source_path: str | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any] | None:
        """Get the completed reservation of an identifier, if there is one."""
        with self._open().read() as db:
            source = Source(content_hash, filename, namespace, source_path)
            return identifiers.find_complete(db, source)

    def get_document_by_source_path(
        self,
        namespace: str,
        source_path: str | None = None,
        filename: str | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any] | None:
        """Get the active document of a source path, or of a name without a source path."""
        identifier = documents.choose_identifier(filename, source_path)
        if not identifier:
            return None
        with self._open().read() as db:
            record = documents.find_active(db, namespace, identifier)
        names = ("doc_id", "namespace", "filename", "source_path", "content_hash", "chunk_ids")
        return record and {name: record.get(name) for name in (*names, "created_at")}

    def complete_identifier_reservation(
        self,
        content_hash: str,
        filename: str,
        namespace: str,
        doc_id: str,
        chunk_count: int,
        source_path: str | None = None,
        context: RequestContext | None = None,
    ) -> None:
        """Complete a reservation: the document was ingested."""
        source = Source(content_hash, filename, namespace, source_path)
        with self._open().write() as db:
            identifiers.complete(db, source, doc_id, chunk_count)

    def release_identifier(
        self,
        content_hash: str,
        filename: str,
        namespace: str,
        source_path: str | None = None,
        context: RequestContext | None = None,
    ) -> None:
        """Delete a reservation: the ingest failed."""
        with self._open().write() as db:
            identifiers.release(db, Source(content_hash, filename, namespace, source_path))

    # Trash

    def soft_delete_document(
        self,
        doc_id: str,
        namespace: str,
        deleted_by: str | None = None,
        delete_reason: str = "user_initiated",
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """Move a document to the trash.

        Raises:
            InvalidInputError: there is none, or it is not active.
        """
        database = self._open()
        session = sessions.open_session(database) if delete_reason == _REPLACEMENT_REASON else None
        reason = {"deleted_by": deleted_by, "delete_reason": delete_reason}
        with database.write() as db:
            record = trash.load_existing(db, doc_id, namespace)
            if session is not None:
                trash.note_replacement(db, record, session)
            return trash.move_to_trash(db, record, self._retention, reason)

    def restore_document(
        self,
        doc_id: str,
        namespace: str,
        deleted_at_ms: int,
        restored_by: str | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """Take a document out of the trash; its pending cleanup job is cancelled.

        Raises:
            InvalidInputError: there is none, or it is not in the trash.
        """
        with self._open().write() as db:
            return trash.restore(db, trash.load_existing(db, doc_id, namespace), restored_by)

    def list_trash(
        self,
        namespace: str | None = None,
        limit: int = 50,
        next_key: str | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """List a page of the trash, the latest deletion first; at most 100 documents."""
        with self._open().read() as db:
            entries, token = trash.list_page(db, namespace, limit, next_key)
        return {"documents": entries, "next_key": token}

    def permanently_delete_document(
        self,
        doc_id: str,
        namespace: str,
        deleted_at_ms: int,
        deleted_by: str | None = None,
        filename: str | None = None,
        context: RequestContext | None = None,
    ) -> dict[str, Any]:
        """Delete a document in the trash permanently; a cleanup job deletes its vectors.

        Raises:
            InvalidInputError: there is none, or it is not in the trash.
        """
        with self._open().write() as db:
            record = trash.load_existing(db, doc_id, namespace)
            request = {
                "deleted_at_ms": deleted_at_ms,
                "deleted_by": deleted_by,
                "filename": filename or record.get("filename", "unknown"),
            }
            return trash.create_cleanup_job(db, record, request)

    def complete_permanent_delete(
        self,
        doc_id: str,
        namespace: str,
        deleted_at_ms: int,
        filename: str,
        context: RequestContext | None = None,
    ) -> None:
        """The vectors are deleted: leave a tombstone, unless the document was restored."""
        with self._open().write() as db:
            trash.complete_purge(db, documents.load_document(db, doc_id, namespace))

    def list_expired_trash(
        self, limit: int = 100, context: RequestContext | None = None
    ) -> list[dict[str, Any]]:
        """List documents whose time in the trash is over, the oldest first."""
        with self._open().read() as db:
            return trash.list_expired(db, limit)

    # Cleanup jobs

    def list_cleanup_jobs(
        self, limit: int = 10, context: RequestContext | None = None
    ) -> list[dict[str, Any]]:
        """List the jobs for Stache's cleanup worker, the oldest first."""
        with self._open().read() as db:
            return jobs.list_pending(db, limit)

    def delete_cleanup_job(
        self, cleanup_job_id: str, context: RequestContext | None = None
    ) -> None:
        """Delete a job that is done."""
        with self._open().write() as db:
            jobs.delete(db, cleanup_job_id)

    def mark_cleanup_job_failed(
        self, cleanup_job_id: str, error: str, context: RequestContext | None = None
    ) -> None:
        """Count a failure; after ten retries, the job waits until its document is purged again."""
        with self._open().write() as db:
            jobs.record_failure(db, cleanup_job_id, error)
