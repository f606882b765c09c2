"""Reservations, which prevent a document from being ingested twice.

A document's identifier is its source path, or else its content and its name. Stache reserves it
before the ingest, and completes the reservation afterwards, just before it lists the document. A
reservation is deleted with its document: after a permanent deletion, or a killed ingest, the same
document can be ingested again.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final, NamedTuple

from .encoding import (
    DocumentRecord,
    check_text,
    decode_record,
    encode_namespace,
    encode_record,
    format_time,
    read_clock,
)

_PENDING: Final = "pending"
_COMPLETE: Final = "complete"
_FIELDS: Final = (
    *("doc_id", "namespace", "identifier_type", "content_hash", "filename", "source_path"),
    *("file_size", "file_modified_at", "ingested_at"),
)
_TEMPORARY: Final = "/tmp"  # noqa: S108 - nothing is written to it: a path in it is an upload


class Source(NamedTuple):
    """A document before its ingest."""

    content_hash: str
    filename: str
    namespace: str | None
    source_path: str | None

    @property
    def kind(self) -> str:
        """The type of its identifier."""
        path = self.source_path
        return "source_path" if path and not path.startswith(_TEMPORARY) else "fingerprint"

    @property
    def key(self) -> str:
        """The identifier as one string."""
        parts = [self.kind, encode_namespace(self.namespace)]
        if self.kind == "source_path":
            parts.append(check_text("source_path", self.source_path))
        else:
            parts += [self.content_hash, check_text("filename", self.filename)]
        return json.dumps(parts)

    def to_record(self, doc_id: str) -> DocumentRecord:
        """The fields of a reservation."""
        record = {
            "identifier_type": self.kind,
            "doc_id": doc_id,
            "namespace": self.namespace,
            "content_hash": self.content_hash,
            "filename": self.filename,
        }
        return {**record, "source_path": self.source_path} if self.source_path else record


def reserve(db: sqlite3.Connection, source: Source, doc_id: str, fields: DocumentRecord) -> bool:
    """Reserve an identifier; False when it is reserved already."""
    known = {name: value for name, value in fields.items() if value is not None}
    record = {**source.to_record(doc_id), "reserved_at": format_time(read_clock()), **known}
    done = db.execute(
        "INSERT INTO identifiers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (source.key, encode_namespace(source.namespace), doc_id, _PENDING, encode_record(record)),
    )
    return done.rowcount == 1


def complete(db: sqlite3.Connection, source: Source, doc_id: str, chunk_count: int) -> None:
    """Complete the reservation of a document that was ingested.

    It may belong to another ingest that was killed, or be deleted, because another ingest failed.
    """
    row = db.execute("SELECT record FROM identifiers WHERE identifier = ?", (source.key,))
    record = {
        **decode_record((row.fetchone() or ["{}"])[0]),
        **source.to_record(doc_id),
        "chunk_count": chunk_count,
        "ingested_at": format_time(read_clock()),
    }
    db.execute(
        "INSERT OR REPLACE INTO identifiers VALUES (?, ?, ?, ?, ?)",
        (source.key, encode_namespace(source.namespace), doc_id, _COMPLETE, encode_record(record)),
    )


def release(db: sqlite3.Connection, source: Source) -> None:
    """Delete a reservation."""
    db.execute("DELETE FROM identifiers WHERE identifier = ?", (source.key,))


def forget_document(db: sqlite3.Connection, doc_id: str) -> None:
    """Delete the reservations of a document that was deleted."""
    db.execute("DELETE FROM identifiers WHERE doc_id = ?", (doc_id,))


def find_complete(db: sqlite3.Connection, source: Source) -> dict[str, Any] | None:
    """Find the completed reservation of an identifier."""
    row = db.execute(
        "SELECT record FROM identifiers WHERE identifier = ? AND status = ?",
        (source.key, _COMPLETE),
    ).fetchone()
    if row is None:
        return None
    record = decode_record(row[0])
    return {**{name: record.get(name) for name in _FIELDS}, "version": record.get("version", 1)}
