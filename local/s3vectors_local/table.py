"""The vectors of one index in storage, and their full text.

A vector's metadata is split into two tables, filterable and not. A query only needs the first in
memory, so opening an index reads no texts. Each text search has a table of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from .bm25 import Ranking
from .storage import Storage

_FTS5: Final = {"pgsz": 16_000, "automerge": 16}
"""With larger pages and rarer merges than the defaults of FTS5, writing is a quarter faster."""

Texts: TypeAlias = Sequence[tuple[int, str]]
"""Rows and their texts, from `text.Analyzer.prepare`."""


class StoredVector(NamedTuple):
    """One row: `data` is little-endian float32; `filterable` and `rest` are JSON."""

    row: int
    key: str
    filterable: bytes
    rest: bytes
    data: bytes

    @property
    def metadata(self) -> dict[str, Any]:
        """The whole metadata."""
        return {**orjson.loads(self.filterable), **orjson.loads(self.rest)}


class VectorTable:
    """The tables of one index. Each method succeeds, or raises and changes nothing."""

    def __init__(self, storage: Storage, number: int) -> None:
        self.storage = storage
        self.number = number
        self._name = f"vectors_{number}"
        self._rest = f"rest_{number}"
        self._both = (
            "SELECT row, key, filterable, rest, data"
            f" FROM {self._name} JOIN {self._rest} USING (row)"
        )

    def create(self) -> None:
        """Create the tables."""
        with self.storage.transaction() as db:
            db.execute(
                f"CREATE TABLE {self._name} (row INTEGER PRIMARY KEY, key TEXT NOT NULL,"
                " filterable BLOB NOT NULL, data BLOB NOT NULL)"
            )
            db.execute(f"CREATE TABLE {self._rest} (row INTEGER PRIMARY KEY, rest BLOB NOT NULL)")

    def drop(self, slots: Iterable[int]) -> None:
        """Drop the tables, with the text tables of the slots."""
        with self.storage.transaction() as db:
            db.execute(f"DROP TABLE {self._name}")
            db.execute(f"DROP TABLE {self._rest}")
            for slot in slots:
                self.drop_text(slot)

    def put(self, vectors: Sequence[StoredVector], texts: Mapping[int, Texts]) -> None:
        """Write rows, replacing present ones, and their texts by slot."""
        with self.storage.transaction() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?, ?, ?)",
                [(vector.row, vector.key, vector.filterable, vector.data) for vector in vectors],
            )
            db.executemany(
                f"INSERT OR REPLACE INTO {self._rest} VALUES (?, ?)",
                [(vector.row, vector.rest) for vector in vectors],
            )
            for slot, entries in texts.items():
                self.put_text(slot, entries)

    def delete(self, rows: Sequence[int], slots: Iterable[int]) -> None:
        """Delete rows, and their texts in the slots."""
        parameters = [(row,) for row in rows]
        with self.storage.transaction() as db:
            for name in (self._name, self._rest):
                db.executemany(f"DELETE FROM {name} WHERE row = ?", parameters)
            for slot in slots:
                db.executemany(
                    f"DELETE FROM {self._name_text_table(slot)} WHERE rowid = ?", parameters
                )

    def read_compared(self, row: int, count: int) -> list[tuple[int, str, bytes, bytes]]:
        """Read at most `count` (row, key, filterable, data) above a row."""
        return self.storage.read(
            f"SELECT row, key, filterable, data FROM {self._name} WHERE row > ? ORDER BY row"
            " LIMIT ?",
            *(row, count),
        ).fetchall()

    def read_after(self, row: int, segment: int = 0, segments: int = 1) -> Iterator[StoredVector]:
        """Read the vectors of a segment above a row, by row."""
        rows = self.storage.read(
            f"{self._both} WHERE row > ? AND row % ? = ? ORDER BY row",
            *(row, segments, segment),
        )
        return map(StoredVector._make, rows)

    def read_vector(self, row: int) -> StoredVector:
        """Read the vector in a row."""
        cursor = self.storage.read(f"{self._both} WHERE row = ?", row)
        return StoredVector(*cursor.fetchone())

    def count_rows(self) -> int:
        """Return the number of rows: the highest row plus one."""
        cursor = self.storage.read(f"SELECT coalesce(max(row) + 1, 0) FROM {self._name}")
        return int(cursor.fetchone()[0])

    def create_text(self, slot: int, tokenizer: str) -> None:
        """Create the text table of a slot, with the tokenizer of a `text.Analyzer`."""
        name = self._name_text_table(slot)
        with self.storage.transaction() as db:
            db.execute(f"CREATE VIRTUAL TABLE {name} USING fts5(terms, tokenize='{tokenizer}')")
            for option, value in _FTS5.items():
                db.execute(f"INSERT INTO {name} ({name}, rank) VALUES (?, ?)", (option, value))

    def drop_text(self, slot: int) -> None:
        """Drop the text table of a slot."""
        with self.storage.transaction() as db:
            db.execute(f"DROP TABLE {self._name_text_table(slot)}")

    def put_text(self, slot: int, texts: Texts) -> None:
        """Replace the texts of rows; empty texts are deleted."""
        name = self._name_text_table(slot)
        with self.storage.transaction() as db:
            empty = [(row,) for row, text in texts if not text]
            db.executemany(f"DELETE FROM {name} WHERE rowid = ?", empty)
            full = [entry for entry in texts if entry[1]]
            db.executemany(f"INSERT OR REPLACE INTO {name} (rowid, terms) VALUES (?, ?)", full)

    def search_text(
        self, slot: int, phrases: Sequence[str], count: int, allowed: bytes | None
    ) -> list[tuple[int, float]]:
        """Find the rows that best match any phrase, with their BM25 scores; ties by row.

        Args:
            slot: the slot of the text table.
            phrases: distinct FTS5 phrases.
            count: the maximum number of rows; -1 for all.
            allowed: one byte per row, 1 for the rows to search; None for all.
        """
        if not phrases or count == 0:
            return []
        return Ranking(self.storage.read, self._name_text_table(slot), count, allowed).rank(phrases)

    def _name_text_table(self, slot: int) -> str:
        return f"text_{self.number}_{slot}"
