"""Keys of vectors on disk, in order: an index may have more of them than fit in memory."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from stache_ai_s3vectors.errors import S3VectorsError

_CACHE: Final = -8_000
"""KB that SQLite holds in memory before it writes to its temporary file."""

_PAGE: Final = 1_000
"""Keys that are read at a time."""


class KeyFile:
    """A set of keys, each with a note, in a temporary file.

    The file has no name, only its owner can read it, and it is deleted with this object.
    Threads may share it.

    Raises:
        S3VectorsError: the disk is full.
    """

    def __init__(self) -> None:
        # An empty name means a temporary file, which SQLite makes when its cache is full
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._lock = threading.Lock()
        self._count = 0
        self._db.execute(f"PRAGMA cache_size = {_CACHE}")
        self._db.execute("PRAGMA journal_mode = OFF")
        # Bytes compare as Python compares the strings
        self._db.execute("CREATE TABLE keys (key BLOB PRIMARY KEY, note TEXT) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: object) -> bool:
        with self._asking():
            query = "SELECT 1 FROM keys WHERE key = ?"
            return self._db.execute(query, [_encode(str(key))]).fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.items())

    def add(self, keys: Iterable[str], note: str = "") -> None:
        """Add keys that are not in it; the others keep their notes."""
        with self._asking():
            cursor = self._db.executemany(
                "INSERT OR IGNORE INTO keys VALUES (?, ?)", ((_encode(key), note) for key in keys)
            )
            self._count += cursor.rowcount

    def items(self) -> Iterator[tuple[str, str]]:
        """Keys and notes, in the order of the keys."""
        for page in self._pages(_PAGE, 0):
            yield from ((_decode(key), note) for key, note in page)

    def batches(self, size: int, start: int = 0) -> Iterator[list[str]]:
        """The keys in order, in batches of `size`.

        Args:
            start: how many to pass over.
        """
        return ([_decode(key) for key, _ in page] for page in self._pages(size, start))

    def first(self, count: int) -> list[str]:
        """The first keys."""
        return list(islice(self, count))

    def _pages(self, size: int, start: int) -> Iterator[list[tuple[bytes, str]]]:
        page = self._read("ORDER BY key LIMIT ? OFFSET ?", size, start)
        while page:
            yield page
            page = self._read("WHERE key > ? ORDER BY key LIMIT ?", page[-1][0], size)

    def _read(self, condition: str, *values: object) -> list[tuple[bytes, str]]:
        with self._asking():
            query = f"SELECT key, note FROM keys {condition}"  # noqa: S608 - ours, above
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.OperationalError as error:
            full = S3VectorsError(f"the temporary file of the keys cannot be written: {error}")
            full.remedy = "make room in the directory for temporary files, or name one in TMPDIR"
            raise full from error


def _encode(key: str) -> bytes:
    """A key as bytes; another program's may hold lone surrogates, which UTF-8 does not have."""
    return key.encode("utf-8", "surrogatepass")


def _decode(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")
