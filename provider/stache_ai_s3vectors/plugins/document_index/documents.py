"""Documents: create, read, list, change, delete, count."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service.metadata_keys import ACTIVE, PURGED

from .encoding import (
    DocumentRecord,
    check_limit,
    check_position,
    check_text,
    decode_record,
    encode_namespace,
    encode_record,
)

_CHANGEABLE: Final = frozenset({"namespace", "filename", "metadata", "headings"})


def save_document(db: sqlite3.Connection, record: DocumentRecord) -> None:
    """Store a document's record and its search columns."""
    filename, source_path = record.get("filename"), record.get("source_path")
    db.execute(
        "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            encode_namespace(record["namespace"]),
            check_text("doc_id", record["doc_id"]),
            None if filename is None else check_text("filename", filename),
            choose_identifier(filename, source_path),
            record["status"],
            record["created_at"],
            record["chunk_count"],
            encode_record(record),
        ),
    )


def choose_identifier(filename: str | None, source_path: str | None) -> str | None:
    """Choose a document's identifier in its namespace: its path, or else its name."""
    identifier = source_path or filename
    return None if identifier is None else check_text("source_path or filename", identifier)


def load_document(
    db: sqlite3.Connection, doc_id: str, namespace: str | None
) -> DocumentRecord | None:
    """Load a document's record, whatever its status.

    Args:
        namespace: None or "" for any namespace.

    Raises:
        InvalidInputError: several namespaces have a document of this id.
    """
    query = "SELECT record FROM documents WHERE doc_id = ?"
    values = [check_text("doc_id", doc_id)]
    if namespace:
        query += " AND namespace = ?"
        values.append(check_text("namespace", namespace))
    rows = db.execute(f"{query} LIMIT 2", values).fetchall()
    if len(rows) > 1:
        raise InvalidInputError(
            f"several namespaces have a document with the id {doc_id}; name the namespace"
        )
    return decode_record(rows[0][0]) if rows else None


def remove_document(db: sqlite3.Connection, record: DocumentRecord) -> None:
    """Delete a document and its entry in the trash."""
    where = (encode_namespace(record["namespace"]), record["doc_id"])
    db.execute("DELETE FROM documents WHERE namespace = ? AND doc_id = ?", where)
    remove_trash_entry(db, record)


def remove_trash_entry(db: sqlite3.Connection, record: DocumentRecord) -> None:
    """Delete a document's entry in the trash, if it has one."""
    where = (encode_namespace(record["namespace"]), record["doc_id"])
    db.execute("DELETE FROM trash WHERE namespace = ? AND doc_id = ?", where)
    db.execute("DELETE FROM replacements WHERE namespace = ? AND doc_id = ?", where)


def list_page(
    db: sqlite3.Connection, namespace: str | None, limit: int, token: dict[str, Any] | None
) -> tuple[list[DocumentRecord], dict[str, str] | None]:
    """List the active documents after a token, newest first, and the token of the next page."""
    query = "SELECT record, created_at, namespace, doc_id FROM documents WHERE status = ?"
    values: list[Any] = [ACTIVE]
    if namespace:
        query += " AND namespace = ?"
        values.append(check_text("namespace", namespace))
    if token:
        names = ("created_at", "namespace", "doc_id")
        fields: Any = token  # the caller's, whatever it is
        position = [fields.get(name) for name in names] if isinstance(fields, dict) else None
        query += " AND (created_at, namespace, doc_id) < (?, ?, ?)"
        values += check_position(position, token, len(names))
    query += " ORDER BY created_at DESC, namespace DESC, doc_id DESC LIMIT ?"
    rows = db.execute(query, [*values, check_limit(limit) + 1]).fetchall()
    records = [decode_record(row[0]) for row in rows[:limit]]
    if len(rows) <= limit:
        return records, None
    _, created_at, last_namespace, doc_id = rows[limit - 1]
    return records, {"created_at": created_at, "namespace": last_namespace, "doc_id": doc_id}


def update_document(
    db: sqlite3.Connection, doc_id: str, namespace: str, updates: dict[str, Any]
) -> bool:
    """Replace fields of a document; its entry in the trash moves to a new namespace with it."""
    check_updates(updates)
    target = updates.get("namespace", namespace)
    record = load_document(db, doc_id, namespace)
    if record is None:  # an earlier attempt may have moved it
        record = load_document(db, doc_id, target) if target != namespace else None
    if record is None:
        return False
    before = (encode_namespace(record["namespace"]), doc_id)
    record.update(updates)
    db.execute("DELETE FROM documents WHERE namespace = ? AND doc_id = ?", before)
    save_document(db, record)
    moved = (encode_namespace(record["namespace"]), *before)
    db.execute("UPDATE trash SET namespace = ? WHERE namespace = ? AND doc_id = ?", moved)
    db.execute("UPDATE replacements SET namespace = ? WHERE namespace = ? AND doc_id = ?", moved)
    return True


def check_updates(updates: dict[str, Any]) -> None:
    """Refuse fields that cannot be changed.

    Raises:
        InvalidInputError: names the fields.
    """
    refused = sorted(updates.keys() - _CHANGEABLE)
    if refused or not updates:
        raise InvalidInputError(
            f"the fields to update are {', '.join(refused) or 'none'}; they must be among "
            f"{', '.join(sorted(_CHANGEABLE))}"
        )


def find_active(db: sqlite3.Connection, namespace: str, identifier: str) -> DocumentRecord | None:
    """Find the active document of this path or name, the oldest if there are several."""
    row = db.execute(
        "SELECT record FROM documents WHERE namespace = ? AND identifier = ? AND status = ?"
        " ORDER BY created_at LIMIT 1",
        (encode_namespace(namespace), check_text("source_path or filename", identifier), ACTIVE),
    ).fetchone()
    return decode_record(row[0]) if row else None


def has_filename(db: sqlite3.Connection, filename: str, namespace: str) -> bool:
    """Whether a document has this name; documents in the trash count."""
    row = db.execute(
        "SELECT 1 FROM documents WHERE namespace = ? AND filename = ? AND status <> ? LIMIT 1",
        (encode_namespace(namespace), check_text("filename", filename), PURGED),
    ).fetchone()
    return row is not None


def count_active(db: sqlite3.Connection, namespace: str) -> dict[str, int]:
    """Count the active documents and chunks of a namespace."""
    documents, chunks = db.execute(
        "SELECT COUNT(*), COALESCE(SUM(chunk_count), 0) FROM documents"
        " WHERE namespace = ? AND status = ?",
        (encode_namespace(namespace), ACTIVE),
    ).fetchone()
    return {"doc_count": documents, "chunk_count": chunks}
