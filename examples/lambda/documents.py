"""Change a document in the index of documents and its vectors, together.

Stache's pipeline changes the index first. If it cannot change the vectors then, it logs that and
reports success. Here such a failure is an error. To complete what failed half-way, send the same
event again, or do what the message says.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn, TypeAlias

from stache_ai.rag.pipeline import RAGPipeline

from stache_ai_s3vectors import S3VectorsError

Answer: TypeAlias = dict[str, Any]


class BadEventError(ValueError):
    """The event is not valid; the message says what to send."""


def check_skipped(stache: RAGPipeline, event: Answer, done: Answer, record: Answer | None) -> None:
    """Check that a document that Stache skipped as a duplicate can be found.

    Raises:
        ValueError: it is in the trash, or being purged.
        RuntimeError: it is not there; it can be ingested now.
    """
    status = record["status"] if record else "not listed"
    if status == "active":
        return
    same = f"the same text was ingested as document {done['doc_id']}, which"
    if record and status == "deleting":
        raise ValueError(
            f"{same} has been in the trash since {_read_deletion_time(record)}: send restore, or "
            "purge and then ingest"
        )
    if status == "purging":
        raise ValueError(f"{same} is being purged: send purge again, then ingest")
    _release(stache, {**event, **done})
    raise RuntimeError(f"{same} is {status}: send ingest again, now it will be stored")


def withdraw(stache: RAGPipeline, event: Answer, done: Answer) -> NoReturn:
    """Delete a document that is stored, but not listed.

    Raises:
        RuntimeError: always, with what to do.
    """
    stache.documents_provider.delete(done["ids"], namespace=event["namespace"])
    _release(stache, {**event, **done})
    raise RuntimeError(
        f"document {done['doc_id']} could not be listed in the documents table, so the "
        "ingest was undone; nothing is stored. The function's log says why; then send ingest again"
    )


def retire(stache: RAGPipeline, doc_id: str, namespace: str) -> None:
    """Move the previous version to the trash, where queries do not find it.

    Raises:
        RuntimeError: it may not be in the trash.
    """
    try:
        move_to_trash(stache, doc_id, namespace)
    except S3VectorsError as error:
        raise RuntimeError(
            f"the new version is stored, but queries may still find the previous one, {doc_id}: "
            f"{error}. Send delete for that one"
        ) from error


def move_to_trash(stache: RAGPipeline, doc_id: str, namespace: str) -> Answer:
    """Move a document to the trash, unless it is there.

    Raises:
        ValueError: there is no such document.
    """
    record = _get_record(stache, doc_id, namespace)
    if record["status"] not in {"active", "deleting"}:
        raise ValueError(
            f"document {doc_id} is {record['status']}: it cannot be moved to the trash"
        )
    _mark(stache, record, "deleting")  # first: from then on it can be repeated
    if record["status"] != "deleting":
        record = stache.document_index_provider.soft_delete_document(doc_id, namespace)
    return {
        "doc_id": doc_id,
        "namespace": namespace,
        "deleted_at_ms": _read_deletion_time(record),
        "purge_after": record["purge_after"],
    }


def restore(stache: RAGPipeline, doc_id: str, namespace: str, deleted_at_ms: int) -> Answer:
    """Take a document out of the trash.

    Raises:
        ValueError: it is not there.
        RuntimeError: not all of it can be found; the message says what to do.
    """
    record = _get_trashed(stache, doc_id, namespace, deleted_at_ms)
    if record["status"] == "purging":
        raise ValueError(f"document {doc_id} is being purged: send purge again to complete it")
    stache.document_index_provider.restore_document(doc_id, namespace, deleted_at_ms)
    problem = f"document {doc_id} is out of the trash, but queries may not find all of it"
    try:
        marked = _mark(stache, record, "active")
    except S3VectorsError as error:
        raise RuntimeError(f"{problem}: {error}. Send delete, then restore again") from error
    if marked < len(record["chunk_ids"]):
        raise RuntimeError(f"{problem}: {marked} of its {len(record['chunk_ids'])} chunks exist")
    return {"doc_id": doc_id, "namespace": namespace, "status": "active"}


def purge(stache: RAGPipeline, doc_id: str, namespace: str, deleted_at_ms: int) -> Answer:
    """Delete a document that is in the trash, for good.

    Raises:
        ValueError: it is not there.
        RuntimeError: it is not all gone; to be repeated.
    """
    record = _get_trashed(stache, doc_id, namespace, deleted_at_ms)
    index = stache.document_index_provider
    job = stache.purge_trash_entry(doc_id, namespace, deleted_at_ms)
    stache.documents_provider.delete(job["chunk_ids"], namespace=namespace)
    _release(stache, record)
    index.complete_permanent_delete(doc_id, namespace, deleted_at_ms, record["filename"])
    if _get_record(stache, doc_id, namespace)["status"] != "purged":  # a conflict is only logged
        raise RuntimeError(
            f"document {doc_id} no longer has vectors, but is still listed: purge again"
        )
    index.delete_cleanup_job(job["cleanup_job_id"])
    chunks = len(job["chunk_ids"])
    return {"doc_id": doc_id, "namespace": namespace, "chunks_deleted": chunks}


def _get_record(stache: RAGPipeline, doc_id: str, namespace: str) -> Answer:
    record: Answer | None = stache.get_document_record(doc_id, namespace)
    if record is None:
        raise ValueError(f"there is no document {doc_id!r} in namespace {namespace!r}")
    return record


def _get_trashed(stache: RAGPipeline, doc_id: str, namespace: str, deleted_at_ms: int) -> Answer:
    record = _get_record(stache, doc_id, namespace)
    if record["status"] not in {"deleting", "purging"}:
        raise ValueError(f"document {doc_id} is {record['status']}, not in the trash")
    since = _read_deletion_time(record)
    if since != deleted_at_ms:
        raise BadEventError(
            f"deleted_at_ms is {deleted_at_ms}; document {doc_id} has been in the trash since "
            f"{since}"
        )
    return record


def _read_deletion_time(record: Answer) -> int:
    """As Stache names what is in the trash."""
    return int(datetime.fromisoformat(record["deleted_at"]).timestamp() * 1000)


def _mark(stache: RAGPipeline, record: Answer, status: str) -> int:
    chunks = record.get("chunk_ids", [])
    updated: int = stache.documents_provider.update_status(chunks, record["namespace"], status)
    return updated


def _release(stache: RAGPipeline, document: Answer) -> None:
    """Let the same text be ingested under the same filename again."""
    if document.get("content_hash"):
        stache.document_index_provider.release_identifier(
            document["content_hash"],
            document.get("filename", "text"),
            document["namespace"],
            document.get("source_path"),
        )
