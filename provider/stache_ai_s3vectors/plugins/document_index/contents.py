"""All records of a document index, for a move to another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .database import open_database
from .encoding import DocumentRecord, decode_record


@dataclass(frozen=True)
class Contents:
    """The records of one moment.

    Attributes:
        documents: of every status.
        trash: entries as `list_trash` returns them, without `days_until_purge`.
        reservations: with their `status`, "pending" or "complete".
        jobs: cleanup jobs with their `status`, "pending" or "failed".
    """

    documents: list[DocumentRecord]
    trash: list[DocumentRecord]
    reservations: list[DocumentRecord]
    jobs: list[DocumentRecord]


def read_contents(path: Path) -> Contents:
    """Read all records as they are at one moment; other processes may go on writing.

    Raises:
        DocumentIndexError: the file cannot be read.
    """
    with open_database(path).read() as db:
        documents, trash = (
            [decode_record(text) for (text,) in db.execute(f"SELECT record FROM {table}")]  # noqa: S608 - our own tables
            for table in ("documents", "trash")
        )
        reservations, jobs = (
            [
                {**decode_record(text), "status": status}
                for text, status in db.execute(f"SELECT record, status FROM {table}")  # noqa: S608 - our own tables
            ]
            for table in ("identifiers", "jobs")
        )
        return Contents(documents, trash, reservations, jobs)
