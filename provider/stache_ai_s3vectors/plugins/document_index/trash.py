"""Soft-deleted documents: list, restore, purge, expire."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service.metadata_keys import ACTIVE, DELETING, PURGED, PURGING

from . import jobs
from .documents import choose_identifier, load_document, remove_trash_entry, save_document
from .encoding import (
    DocumentRecord,
    check_limit,
    check_text,
    decode_record,
    decode_token,
    encode_namespace,
    encode_record,
    encode_token,
    format_time,
    read_clock,
)
from .identifiers import forget_document

_LOG = logging.getLogger(__name__)

_PAGE: Final = 100
"""The most entries of a page."""

_REFUSALS: Final = {
    DELETING: "Document already in trash",
    PURGING: "Document being permanently deleted",
    PURGED: "Document permanently deleted",
}
_TRASH_FIELDS: Final = ("deleted_at", "purge_after", "deleted_by", "delete_reason")
_PURGE_FIELDS: Final = ("purge_started_at", "cleanup_job_id")
_WARNING: Final = (
    "Document was in permanent deletion process. Restoration successful, but verify data integrity."
)


def load_existing(db: sqlite3.Connection, doc_id: str, namespace: str) -> DocumentRecord:
    """Load a document's record.

    Raises:
        InvalidInputError: there is no such document.
    """
    record = load_document(db, doc_id, namespace)
    if record is None:
        raise InvalidInputError(f"Document not found: {doc_id}")
    return record


def move_to_trash(
    db: sqlite3.Connection, record: DocumentRecord, retention: timedelta, reason: DocumentRecord
) -> DocumentRecord:
    """Move an active document to the trash.

    Args:
        retention: how long it stays there.
        reason: `deleted_by` and `delete_reason`.

    Raises:
        InvalidInputError: it is not active.
    """
    if record["status"] != ACTIVE:
        raise InvalidInputError(f"{_REFUSALS[record['status']]}: {record['doc_id']}")
    now = read_clock()
    times = {"deleted_at": format_time(now), "purge_after": format_time(now + retention)}
    details = {name: value for name, value in reason.items() if value}
    save_document(db, {**record, "status": DELETING, **times, **details})
    base = {name: record.get(name) for name in ("doc_id", "namespace", "filename")}
    base = {**base, "deleted_at_ms": int(now.timestamp() * 1000), **times}
    entry = {**base, **reason, "chunk_count": len(record["chunk_ids"])}
    db.execute(
        "INSERT OR REPLACE INTO trash VALUES (?, ?, ?, ?, ?)",
        (
            encode_namespace(record["namespace"]),
            record["doc_id"],
            *times.values(),
            encode_record(entry),
        ),
    )
    return {**base, "chunk_ids": record["chunk_ids"]}


def restore(
    db: sqlite3.Connection, record: DocumentRecord, restored_by: str | None
) -> DocumentRecord:
    """Take a document out of the trash; a pending purge is cancelled.

    Raises:
        InvalidInputError: it is not in the trash.
    """
    status, now = record["status"], format_time(read_clock())
    if status not in {DELETING, PURGING}:
        raise InvalidInputError(f"Document not in trash: {record['doc_id']} (status: {status})")
    jobs.delete(db, record.get("cleanup_job_id"))
    gone = {*_TRASH_FIELDS, *(_PURGE_FIELDS if status == PURGING else ())}
    remaining = {name: value for name, value in record.items() if name not in gone}
    by = {"restored_by": restored_by} if restored_by else {}
    save_document(db, {**remaining, "status": ACTIVE, "restored_at": now, **by})
    remove_trash_entry(db, record)
    restored = {
        "doc_id": record["doc_id"],
        "namespace": record["namespace"],
        "status": ACTIVE,
        "restored_at": now,
        "chunk_ids": record["chunk_ids"],
        "chunk_count": len(record["chunk_ids"]),
    }
    return {**restored, "warning": _WARNING} if status == PURGING else restored


def create_cleanup_job(
    db: sqlite3.Connection, record: DocumentRecord, request: DocumentRecord
) -> DocumentRecord:
    """Create the cleanup job that deletes a document's vectors, unless it has one.

    Args:
        request: `deleted_at_ms`, `deleted_by` and `filename` of the caller.

    Raises:
        InvalidInputError: the document is not in the trash.
    """
    status, job_id = record["status"], record.get("cleanup_job_id")
    if status not in {DELETING, PURGING}:
        raise InvalidInputError(
            f"Document not in trash (status: {status}). Must soft delete first."
        )
    answer = {
        "doc_id": record["doc_id"],
        "namespace": record["namespace"],
        "chunk_ids": record["chunk_ids"],
        "chunk_count": len(record["chunk_ids"]),
    }
    if job_id and jobs.reset_failed(db, job_id):
        return {**answer, "cleanup_job_id": job_id, "status": "already_purging"}
    job_id, now = str(uuid.uuid4()), format_time(read_clock())
    purging = {"status": PURGING, "purge_started_at": now, "cleanup_job_id": job_id}
    save_document(db, {**record, **purging})
    remove_trash_entry(db, record)
    jobs.create(db, {**answer, **request, "cleanup_job_id": job_id, "created_at": now})
    return {**answer, "cleanup_job_id": job_id}


def complete_purge(db: sqlite3.Connection, record: DocumentRecord | None) -> None:
    """Replace a document whose vectors are deleted with a tombstone."""
    if record is None or record["status"] != PURGING:
        _LOG.info("a document is no longer being purged; its cleanup job has nothing to do")
        return
    remaining = {name: value for name, value in record.items() if name != "cleanup_job_id"}
    done = {"status": PURGED, "purge_completed_at": format_time(read_clock()), "chunk_ids": []}
    save_document(db, {**remaining, **done})
    remove_trash_entry(db, record)
    forget_document(db, record["doc_id"])


def list_page(
    db: sqlite3.Connection, namespace: str | None, limit: int, token: str | None
) -> tuple[list[DocumentRecord], str | None]:
    """List the entries after a token, the latest deletion first, and the next page's token."""
    limit = min(check_limit(limit), _PAGE)
    query = "SELECT record, deleted_at, namespace, doc_id FROM trash WHERE 1"
    values: list[Any] = []
    if namespace:
        query += " AND namespace = ?"
        values.append(check_text("namespace", namespace))
    if token:
        query += " AND (deleted_at, namespace, doc_id) < (?, ?, ?)"
        values += decode_token(token, 3)
    query += " ORDER BY deleted_at DESC, namespace DESC, doc_id DESC LIMIT ?"
    rows = db.execute(query, [*values, limit + 1]).fetchall()
    entries = [_describe(decode_record(row[0])) for row in rows[:limit]]
    return entries, encode_token(rows[limit - 1][1:]) if len(rows) > limit else None


def _describe(entry: DocumentRecord) -> DocumentRecord:
    left = datetime.fromisoformat(entry["purge_after"]) - read_clock()
    return {**entry, "days_until_purge": max(0, left.days)}


def list_expired(db: sqlite3.Connection, limit: int) -> list[DocumentRecord]:
    """List the expired entries, the oldest first."""
    rows = db.execute(
        "SELECT record FROM trash WHERE purge_after < ? ORDER BY purge_after LIMIT ?",
        (format_time(read_clock()), check_limit(limit)),
    ).fetchall()
    names = ("doc_id", "namespace", "deleted_at_ms", "purge_after")
    return [{name: decode_record(row[0])[name] for name in names} for row in rows]


def note_replacement(db: sqlite3.Connection, record: DocumentRecord, session: int) -> None:
    """Record that a document went to the trash because a new version is being ingested."""
    identifier = choose_identifier(record.get("filename"), record.get("source_path"))
    db.execute(
        "INSERT OR REPLACE INTO replacements VALUES (?, ?, ?, ?)",
        (encode_namespace(record["namespace"]), record["doc_id"], session, identifier),
    )
