"""Stache's document index on SQLite: a record per document, in one file.

Stache finds it through the entry point `stache.document_index: sqlite`.

    index         Stache's DocumentIndexProvider; START HERE
    documents     documents: create, read, list, change, delete, count
    identifiers   reservations, which prevent a document from being ingested twice
    trash         soft-deleted documents: list, restore, purge, expire
    jobs          cleanup jobs, for Stache's worker
    ingests       ingests in progress, and their recovery after a process was killed
    contents      all records, for a move to another document index
    sessions      locks that show which processes are running
    encoding      records and page tokens as text, checks of values, time
    database      the file: connections, transactions, format, errors
"""

from __future__ import annotations

from .index import SQLiteDocumentIndex

__all__ = ["SQLiteDocumentIndex"]
