"""Cleanup jobs: the vectors that Stache's worker has to delete."""

from __future__ import annotations

import logging
import sqlite3
from typing import Final

from .encoding import DocumentRecord, check_limit, decode_record, encode_record

_LOG = logging.getLogger(__name__)

_PENDING: Final = "pending"
_FAILED: Final = "failed"
_MAX_RETRIES: Final = 10

_FIELDS: Final = (
    *("cleanup_job_id", "doc_id", "namespace", "filename", "deleted_at_ms", "chunk_ids"),
    *("created_at", "retry_count", "max_retries"),
)


def create(db: sqlite3.Connection, record: DocumentRecord) -> None:
    """Store a new job."""
    job = {**record, "retry_count": 0, "max_retries": _MAX_RETRIES}
    db.execute(
        "INSERT INTO jobs VALUES (?, ?, ?, ?)",
        (job["cleanup_job_id"], _PENDING, job["created_at"], encode_record(job)),
    )


def list_pending(db: sqlite3.Connection, limit: int) -> list[DocumentRecord]:
    """List the pending jobs, the oldest first."""
    rows = db.execute(
        "SELECT record FROM jobs WHERE status = ? ORDER BY created_at LIMIT ?",
        (_PENDING, check_limit(limit)),
    ).fetchall()
    return [{name: decode_record(row[0]).get(name) for name in _FIELDS} for row in rows]


def delete(db: sqlite3.Connection, job_id: str | None) -> None:
    """Delete a job."""
    db.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))


def reset_failed(db: sqlite3.Connection, job_id: str) -> bool:
    """Make a failed job pending again; False if there is no such job."""
    row = db.execute("SELECT status, record FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    if row is not None and row[0] == _FAILED:
        _save(db, _PENDING, {**decode_record(row[1]), "retry_count": 0})
    return row is not None


def record_failure(db: sqlite3.Connection, job_id: str, error: str) -> None:
    """Count a failure; after the last attempt, the job waits for another purge of its document."""
    row = db.execute("SELECT record FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        _LOG.warning("there is no cleanup job %s", job_id)
        return
    job = {**decode_record(row[0]), "last_error": error}
    if job["retry_count"] < job["max_retries"]:
        _save(db, _PENDING, {**job, "retry_count": job["retry_count"] + 1})
        return
    _LOG.error(
        "the vectors of document %s could not be deleted after %d retries: %s. Purge it again to "
        "try again, or restore it",
        *(job["doc_id"], job["retry_count"], error),
    )
    _save(db, _FAILED, job)


def _save(db: sqlite3.Connection, status: str, job: DocumentRecord) -> None:
    db.execute(
        "UPDATE jobs SET status = ?, record = ? WHERE job_id = ?",
        (status, encode_record(job), job["cleanup_job_id"]),
    )
