"""The stored vectors of one index, and their full text.

The metadata of a vector is kept in two tables, filterable and not, because only the first is
needed in memory to answer a query: opening an index reads no texts. A text search key has a
table of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from .bm25 import Ranking
from .storage import Storage

_FTS5: Final = {"pgsz": 16_000, "automerge": 16}
"""Larger pages and rarer merges than FTS5's own make writing a quarter faster."""

Texts: TypeAlias = Sequence[tuple[int, str]]
"""Rows and their texts, as `text.Analyzer.prepared` gives them."""


class StoredVector(NamedTuple):
    """One row: `data` is little-endian float32, the metadata JSON."""

    row: int
    key: str
    filterable: bytes
    rest: bytes
    data: bytes

    @property
    def metadata(self) -> dict[str, Any]:
        """All of it, as it was put."""
        return {**orjson.loads(self.filterable), **orjson.loads(self.rest)}


class VectorTable:
    """Every method either does all of what it says or raises and changes nothing."""

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
        """Make it, when the index is made."""
        with self.storage.transaction() as db:
            db.execute(
                f"CREATE TABLE {self._name} (row INTEGER PRIMARY KEY, key TEXT NOT NULL,"
                " filterable BLOB NOT NULL, data BLOB NOT NULL)"
            )
            db.execute(f"CREATE TABLE {self._rest} (row INTEGER PRIMARY KEY, rest BLOB NOT NULL)")

    def drop(self, slots: Iterable[int]) -> None:
        """Take it away, with the text in those slots."""
        with self.storage.transaction() as db:
            db.execute(f"DROP TABLE {self._name}")
            db.execute(f"DROP TABLE {self._rest}")
            for slot in slots:
                self.drop_text(slot)

    def put(self, vectors: Sequence[StoredVector], texts: Mapping[int, Texts]) -> None:
        """Write rows, replacing what they held, and the texts of those rows, by slot."""
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
        """Delete rows, and their texts in those slots."""
        parameters = [(row,) for row in rows]
        with self.storage.transaction() as db:
            for name in (self._name, self._rest):
                db.executemany(f"DELETE FROM {name} WHERE row = ?", parameters)
            for slot in slots:
                db.executemany(f"DELETE FROM {self._text(slot)} WHERE rowid = ?", parameters)

    def compared(self, row: int, count: int) -> list[tuple[int, str, bytes, bytes]]:
        """At most `count` (row, key, filterable, data) above a row: what searches compare."""
        return self.storage.read(
            f"SELECT row, key, filterable, data FROM {self._name} WHERE row > ? ORDER BY row"
            " LIMIT ?",
            *(row, count),
        ).fetchall()

    def after(self, row: int, segment: int = 0, segments: int = 1) -> Iterator[StoredVector]:
        """The vectors above a row that belong to a segment of the rows, by row."""
        found = self.storage.read(
            f"{self._both} WHERE row > ? AND row % ? = ? ORDER BY row",
            *(row, segments, segment),
        )
        return map(StoredVector._make, found)

    def vector(self, row: int) -> StoredVector:
        """What a row holds."""
        found = self.storage.read(f"{self._both} WHERE row = ?", row)
        return StoredVector(*found.fetchone())

    def row_count(self) -> int:
        """One more than the highest row."""
        found = self.storage.read(f"SELECT coalesce(max(row) + 1, 0) FROM {self._name}")
        return int(found.fetchone()[0])

    def create_text(self, slot: int, tokenizer: str) -> None:
        """Make room for the text of one metadata key, as `text.Analyzer` says."""
        name = self._text(slot)
        with self.storage.transaction() as db:
            db.execute(f"CREATE VIRTUAL TABLE {name} USING fts5(terms, tokenize='{tokenizer}')")
            for option, value in _FTS5.items():
                db.execute(f"INSERT INTO {name} ({name}, rank) VALUES (?, ?)", (option, value))

    def drop_text(self, slot: int) -> None:
        """Take it away."""
        with self.storage.transaction() as db:
            db.execute(f"DROP TABLE {self._text(slot)}")

    def put_text(self, slot: int, texts: Texts) -> None:
        """Replace the texts of rows; an empty one is none."""
        name = self._text(slot)
        with self.storage.transaction() as db:
            empty = [(row,) for row, text in texts if not text]
            db.executemany(f"DELETE FROM {name} WHERE rowid = ?", empty)
            full = [entry for entry in texts if entry[1]]
            db.executemany(f"INSERT OR REPLACE INTO {name} (rowid, terms) VALUES (?, ?)", full)

    def search_text(
        self, slot: int, phrases: Sequence[str], count: int, allowed: bytes | None
    ) -> list[tuple[int, float]]:
        """The rows that best match any of the phrases, by BM25, and their scores; ties by row.

        Args:
            slot: whose text.
            phrases: of FTS5; none is there twice.
            count: how many rows are wanted, at most; -1 for all.
            allowed: one byte per row, 1 for those that may be found; None for all.
        """
        if not phrases or count == 0:
            return []
        return Ranking(self.storage.read, self._text(slot), count, allowed).best(phrases)

    def _text(self, slot: int) -> str:
        return f"text_{self.number}_{slot}"
