"""Ingests in progress, and their recovery after a process was killed.

Stache stores a document's vectors first, and lists the document afterwards. A process that is
killed in between leaves vectors that searches find, but that belong to no document. So the
provider announces a document before it stores the first vector, and `create_document` ends the
ingest. The announcements of ended processes are settled when the vectors are used next: a document
with all its vectors is listed; otherwise its vectors are deleted. If the index cannot be written,
the announcement and with it the ingest fail before anything is stored.

Before a new version of a document is ingested, the old one goes to the trash. If the ingest was
interrupted, the old version is restored.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from stache_ai_s3vectors.service.metadata_keys import ACTIVE, DELETING

from . import sessions, trash
from .database import Database, open_database
from .documents import choose_identifier, find_active, load_document, save_document
from .encoding import (
    DocumentRecord,
    decode_record,
    encode_namespace,
    encode_record,
    format_time,
    read_clock,
)
from .identifiers import Source, complete, forget_document

_LOG = logging.getLogger(__name__)


class _Settling:
    """Lets one thread settle at a time; a forked process has its own lock."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.lock = threading.RLock()
        self.under_way = False


_settling: Final = _Settling()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_settling.renew)

_OF_A_CHUNK: Final = frozenset(
    {"doc_id", "created_at", "chunk_index", "total_chunks", "text", "namespace", "status"}
)
"""The keys of a chunk's metadata that are not of its document."""


class VectorProvider(Protocol):
    """The methods of the vector provider that settling needs."""

    def get_by_ids(self, ids: list[str], fields: list[str] | None = None) -> list[dict[str, Any]]:
        """Get the chunks that exist."""

    def delete(self, ids: list[str]) -> bool:
        """Delete chunks."""

    def update_status(self, ids: list[str], namespace: str | None, status: str) -> int:
        """Change the status of chunks."""


def announce(
    path: Path,
    index_name: str,
    ids: Sequence[str],
    metadatas: Sequence[Mapping[str, Any]],
    namespace: str | None,
) -> None:
    """Record that a document's vectors are stored next; on disk when this returns.

    Args:
        path: of the document index.
        index_name: of the vector index.
        metadatas: of the chunks; without a `doc_id` they belong to no document.
    """
    metadata = metadatas[0]
    doc_id = metadata.get("doc_id")
    if not isinstance(doc_id, str):
        return
    database = open_database(path)
    session = sessions.open_session(database)
    plain = {name: value for name, value in metadata.items() if name not in _OF_A_CHUNK}
    record = {
        "doc_id": doc_id,
        "namespace": namespace,
        "chunk_ids": list(ids),
        "created_at": metadata.get("created_at"),
        "metadata": {name: value for name, value in plain.items() if not name.startswith("_")},
    }
    with database.write() as db:
        db.execute(
            "INSERT OR REPLACE INTO ingests VALUES (?, ?, ?, ?, ?)",
            (doc_id, session, index_name, encode_namespace(namespace), encode_record(record)),
        )


def end_ingest(db: sqlite3.Connection, record: DocumentRecord, session: int | None) -> None:
    """End the ingest of a document that is listed, and its replacement of an old version."""
    db.execute("DELETE FROM ingests WHERE doc_id = ?", (record["doc_id"],))
    identifier = choose_identifier(record.get("filename"), record.get("source_path"))
    db.execute(
        "DELETE FROM replacements WHERE namespace = ? AND identifier = ? AND session = ?",
        (encode_namespace(record["namespace"]), identifier, session),
    )


def settle(path: Path, index_name: str, vectors: VectorProvider) -> None:
    """Complete or undo the ingests of processes that have ended.

    Args:
        path: of the document index; without a file, nothing was ingested.
        index_name: of the vector index of `vectors`.
    """
    if not path.is_file():
        return
    database = open_database(path)
    with _settling.lock:
        if _settling.under_way:  # this thread's settling uses the vectors
            return
        _settling.under_way = True
        try:
            for session in _list_sessions(database):
                _settle_if_ended(database, session, index_name, vectors)
        finally:
            _settling.under_way = False


def has_unsettled(path: Path) -> bool:
    """Whether there may be ingests to settle."""
    database = open_database(path)
    own = sessions.get_own_session(database)
    return any(session != own for session in _list_sessions(database))


def _settle_if_ended(
    database: Database, session: int, index_name: str, vectors: VectorProvider
) -> None:
    if not sessions.claim_ended(database, session):
        return
    try:
        _settle_session(database, session, index_name, vectors)
    finally:
        sessions.release(database, session)


def _list_sessions(database: Database) -> list[int]:
    with database.read() as db:
        rows = db.execute("SELECT session FROM ingests UNION SELECT session FROM replacements")
        return [number for (number,) in rows]


def _settle_session(
    database: Database, session: int, index_name: str, vectors: VectorProvider
) -> None:
    with database.read() as db:
        ingests = db.execute(
            "SELECT record FROM ingests WHERE session = ? AND index_name = ?", (session, index_name)
        ).fetchall()
        replaced = db.execute(
            "SELECT namespace, doc_id FROM replacements WHERE session = ?", (session,)
        ).fetchall()
    for (text,) in ingests:
        _settle_ingest(database, decode_record(text), vectors)
    for namespace, doc_id in replaced:
        _settle_replacement(database, namespace, doc_id, vectors)


def _settle_ingest(database: Database, ingest: DocumentRecord, vectors: VectorProvider) -> None:
    """List the document if it is complete and the only one; otherwise delete its vectors."""
    ids, record = ingest["chunk_ids"], to_document(ingest)
    stored = vectors.get_by_ids(ids, fields=["doc_id"])
    with database.write() as db:
        if len(stored) == len(ids) and not _is_taken(db, record):
            save_document(db, record)
            _complete_reservation(db, record)
            end_ingest(db, record, None)
            _LOG.warning(
                "document %s was ingested, but not listed; it is listed now", record["doc_id"]
            )
            return
    vectors.delete(ids)
    with database.write() as db:
        forget_document(db, record["doc_id"])
        end_ingest(db, record, None)
    _LOG.warning(
        "the ingest of document %s (%s) was interrupted; its vectors are deleted. Ingest it again",
        *(record["doc_id"], record["filename"]),
    )


def to_document(ingest: DocumentRecord) -> DocumentRecord:
    """Build the record of a document from its announcement."""
    metadata, created_at = ingest["metadata"], ingest["created_at"]
    created_at = created_at if isinstance(created_at, str) else format_time(read_clock())
    optional = {name: metadata.get(name) for name in ("source_path", "content_hash")}
    return {
        "doc_id": ingest["doc_id"],
        "filename": metadata.get("filename") or f"Capture {created_at[:16].replace('T', ' ')}",
        "namespace": ingest["namespace"],
        "chunk_count": len(ingest["chunk_ids"]),
        "created_at": created_at,
        "chunk_ids": ingest["chunk_ids"],
        "status": ACTIVE,
        **{name: value for name, value in optional.items() if value},
        **({"metadata": metadata} if metadata else {}),
    }


def _is_taken(db: sqlite3.Connection, record: DocumentRecord) -> bool:
    """Whether the same document was ingested again meanwhile."""
    identifier = choose_identifier(record["filename"], record.get("source_path"))
    return identifier is not None and find_active(db, record["namespace"], identifier) is not None


def _complete_reservation(db: sqlite3.Connection, record: DocumentRecord) -> None:
    if "content_hash" in record:
        source = Source(
            content_hash=record["content_hash"],
            filename=record["filename"],
            namespace=record["namespace"],
            source_path=record.get("source_path"),
        )
        complete(db, source, record["doc_id"], record["chunk_count"])


def _settle_replacement(
    database: Database, namespace: str, doc_id: str, vectors: VectorProvider
) -> None:
    """Restore a document whose new version was not ingested.

    The document index does not know in which vector index its chunks are. If they are in another
    one, the provider of that one restores it.
    """
    with database.read() as db:
        record = load_document(db, doc_id, namespace)
        waiting = record is not None and record["status"] == DELETING and not _is_taken(db, record)
    if record is not None and waiting and record["chunk_ids"]:
        restored = vectors.update_status(record["chunk_ids"], record["namespace"], ACTIVE)
        if not restored:
            return
    with database.write() as db:
        record = load_document(db, doc_id, namespace)
        if waiting and record is not None and record["status"] == DELETING:
            trash.restore(db, record, "system_auto_recovery")
            _LOG.warning(
                "document %s is restored: the ingest of its new version was interrupted", doc_id
            )
        where = (namespace, doc_id)
        db.execute("DELETE FROM replacements WHERE namespace = ? AND doc_id = ?", where)
