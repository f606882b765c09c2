"""Stache's document index on SQLite: which documents there are, in one file.

Stache finds it through the entry point `stache.document_index: sqlite`.

    index         Stache's DocumentIndexProvider; START HERE
    documents     documents: create, read, list, change, delete, count
    identifiers   reservations, which keep a document from being ingested twice
    trash         soft-deleted documents: list, restore, purge, expire
    jobs          cleanup jobs, for Stache's worker
    ingests       documents that are being ingested, and what a killed process left of them
    contents      everything, to move it elsewhere
    sessions      which processes are still running
    rows          records ⇄ JSON, page tokens, time
    database      the file: connections, transactions, format, errors
"""

from __future__ import annotations

from .index import SQLiteDocumentIndex

__all__ = ["SQLiteDocumentIndex"]
