"""Where everything is kept: one SQLite database, on disk or in memory.

On disk it is `s3vectors.db` in a directory that one engine owns at a time (`lock`). A write is
acknowledged after SQLite's write-ahead log is synchronised (`synchronous=FULL`), so an
acknowledged vector survives the death of the process and of the machine, and a request
is stored whole or not at all. `table` has the vectors of one index.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final

import orjson
from filelock import FileLock, Timeout

from .errors import DataDirectoryError, InternalServerException
from .ownership import Ownership, check_not_inherited, sharing

FILE: Final = "s3vectors.db"
LOCK: Final = "lock"
"""An engine holds an operating system's lock on this file, which dies with its process. It
holds the process's id."""

FORMAT: Final = 2
"""Version of the tables below, kept in SQLite's `user_version`."""

_PRIVATE: Final = 0o600
_PRIVATE_DIRECTORY: Final = 0o700
"""Permissions of what is created: the texts are for their owner only."""

_PAGE_BYTES: Final = 16_384
"""SQLite's page: a vector with its metadata mostly fits, which makes writing twice as fast."""

_CHECKPOINT_PAGES: Final = 4_000
"""Pages (64 MB) in the log before they move to the database: those of full-text tables are
written again and again, and move once."""

_SCHEMA = f"""
CREATE TABLE secret (token BLOB NOT NULL);
CREATE TABLE buckets (arn TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE indexes (id INTEGER PRIMARY KEY, arn TEXT UNIQUE NOT NULL, record BLOB NOT NULL);
PRAGMA user_version = {FORMAT};
"""


class Transaction:
    """BEGIN and COMMIT around a `with`; a class, because an interrupt can lose a generator.

    Raises:
        InternalServerException: the disk refused what was written.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._depth = 0

    def __enter__(self) -> sqlite3.Connection:
        if self._depth == 0:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as refused:
                raise _refused(refused) from refused
        self._depth += 1
        return self._db

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        try:
            if error is None:
                self._db.execute("COMMIT")
        except sqlite3.Error as refused:
            error = refused
        if error is not None:
            self._db.rollback()
        if isinstance(error, sqlite3.Error):
            raise _refused(error) from error

    def abandon(self) -> None:
        """Roll back, however deep."""
        self._depth = 0
        self._db.rollback()


class Storage:
    """Every method either does all of what it says or raises and changes nothing."""

    def __init__(self, directory: Path | None) -> None:
        """Open (and make, when new) the database in `directory`; None keeps it in memory.

        Raises:
            DataDirectoryError: the directory cannot be written, is in use by another
                engine, or holds something else or something newer.
        """
        self.directory = directory
        try:
            with ExitStack() as opened:  # gives up what it holds if a later step fails
                if directory is not None:
                    opened.callback(_own(directory).release)
                self._db = opened.enter_context(closing(_connect(directory)))
                self.secret = _prepare(self._db)
                self._transaction = Transaction(self._db)
                self.ownership = Ownership(directory, self._db)
                opened.callback(self.ownership.end)
                self._opened = opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise _unusable(directory, error) from error

    def close(self) -> None:
        """Give the directory free; a process that was forked from the owner leaves it alone."""
        if not self.ownership.inherited:
            self._opened.close()

    def transaction(self) -> Transaction:
        """What is written inside is stored whole, or not at all; one inside another joins it."""
        return self._transaction

    def abandon(self) -> None:
        """Roll back what an interrupted request may have left open."""
        self._transaction.abandon()

    def read(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        """The rows that a SELECT finds, as they are taken."""
        return self._db.execute(statement, parameters)

    def records(self, table: str) -> list[tuple[Any, ...]]:
        """All rows of `buckets` (arn, record) or `indexes` (id, arn, record).

        Raises:
            DataDirectoryError: they cannot be read.
        """
        try:
            rows = self._db.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.directory, error) from error
        return [(*row[:-1], orjson.loads(row[-1])) for row in rows]

    def put_bucket(self, arn: str, record: dict[str, Any]) -> None:
        """Store a vector bucket's attributes, new or changed."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?)", (arn, orjson.dumps(record)))

    def delete_bucket(self, arn: str) -> None:
        """Forget a vector bucket."""
        with self.transaction() as db:
            db.execute("DELETE FROM buckets WHERE arn = ?", (arn,))

    def put_index(self, arn: str, record: dict[str, Any]) -> int:
        """Store a new index's attributes; returns its number."""
        with self.transaction() as db:
            cursor = db.execute(
                "INSERT INTO indexes (arn, record) VALUES (?, ?)", (arn, orjson.dumps(record))
            )
            return int(cursor.lastrowid or 0)

    def update_index(self, number: int, record: dict[str, Any]) -> None:
        """Store an index's changed attributes."""
        with self.transaction() as db:
            db.execute("UPDATE indexes SET record = ? WHERE id = ?", (orjson.dumps(record), number))

    def delete_index(self, number: int) -> None:
        """Forget an index's attributes."""
        with self.transaction() as db:
            db.execute("DELETE FROM indexes WHERE id = ?", (number,))


def _refused(error: sqlite3.Error) -> InternalServerException:
    return InternalServerException(
        f"the data directory refused the write: {error}. Nothing of it is stored"
    )


def _own(directory: Path) -> FileLock:
    """Make the directory, and be its only owner until the lock is released or we die."""
    check_not_inherited(directory)
    file = directory / LOCK
    lock = FileLock(file, timeout=0, mode=_PRIVATE, thread_local=False)
    try:
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise DataDirectoryError(
            f"{directory} belongs to a running engine{_owner(file)}; one process at a time can "
            f"open it. {sharing(directory)}. Or stop that engine, or name another directory"
        ) from error
    except OSError as error:
        raise _unusable(directory, error) from error
    with suppress(OSError):  # Windows lets nobody write to what is locked
        file.write_text(str(os.getpid()), "ascii")
    return lock


def _owner(file: Path) -> str:
    """Which process it is, as far as the lock's file says so."""
    try:
        text = file.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return f" (process {text})" if text.isdecimal() else ""


def _connect(directory: Path | None) -> sqlite3.Connection:
    path: str | Path = ":memory:"
    if directory is not None:
        path = directory / FILE
        with suppress(FileExistsError):
            path.touch(_PRIVATE, exist_ok=False)  # its log gets the same permissions
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _prepare(db: sqlite3.Connection) -> bytes:
    """Set the database up, the first time with its tables; returns its secret."""
    db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    db.execute("PRAGMA locking_mode = EXCLUSIVE")  # keeps other SQLite programs out, too
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise sqlite3.NotSupportedError(
            f"its format {version} is newer than this s3vectors-local knows ({FORMAT}); "
            "install the newer s3vectors-local"
        )
    if 0 < version < FORMAT:
        raise sqlite3.NotSupportedError(
            f"its format {version} is that of a development version, which none reads any more; "
            "name another directory"
        )
    if version == 0:
        if db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.NotSupportedError(f"{FILE} is another program's; name another directory")
        db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
        db.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))
        db.execute("COMMIT")
    (secret,) = db.execute("SELECT token FROM secret").fetchone()
    return bytes(secret)


def _unusable(directory: Path | None, error: OSError | sqlite3.Error) -> DataDirectoryError:
    reason = getattr(error, "strerror", None) or str(error)
    if directory is not None and isinstance(error, sqlite3.Error):
        file = directory / FILE  # SQLite calls a file that it may not write a disk I/O error
        effective = os.access in os.supports_effective_ids
        if file.exists() and not os.access(file, os.W_OK, effective_ids=effective):
            reason = f"{FILE} is not writable"
    return DataDirectoryError(f"cannot keep data in {directory}: {reason}")
