"""Where everything is kept: one SQLite database, on disk or in memory.

On disk it is `s3vectors.db` in a directory that one engine owns at a time (`lock`). A write is
acknowledged after SQLite's write-ahead log is synchronised (`synchronous=FULL`), so an
acknowledged vector survives the death of the process and of the machine, and a request
is stored whole or not at all. `table` has the vectors of one index.

What is deleted leaves free pages, which later writes use; `compact` gives them back to the file
system. On a full disk deletes work: the database's file is made longer before a write that needs
it, so that the log can always be emptied into it, and a log that was emptied is written over from
its start, without more room.
"""

from __future__ import annotations

import errno
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

_STEP_BYTES: Final = 1 << 20
"""The database's file is made longer by so much at least."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_UNABLE: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV)
"""What a file system says that cannot reserve room."""


_COMPACTED: Final = f"{FILE}.compacted"

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

    def __init__(self, db: sqlite3.Connection, room: _Room) -> None:
        self._db = db
        self._room = room
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
                self._room.reserve(self._db)
                self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as refused:
            error = refused
        if error is not None:
            self._db.rollback()
        if isinstance(error, (sqlite3.Error, OSError)):
            raise _refused(error) from error

    def empty_log(self) -> None:
        """Move what is in the log to the database; the next write begins at the log's start.

        If that cannot be done, nothing has changed.
        """
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def abandon(self) -> None:
        """Roll back, however deep."""
        self._depth = 0
        self._db.rollback()


class _Room:
    """Room in the file system for all pages of the database, also those still in the log.

    SQLite makes its file longer when it empties the log, and a full disk would keep it from that;
    the log could then only grow. Where the system has no `posix_fallocate` (macOS, Windows, some
    file systems), that is so.

    Args:
        file: the database's file; None in memory.
    """

    def __init__(self, file: Path | None) -> None:
        # It stays open as long as SQLite has the file: closing it would end SQLite's locks
        self._file = None
        self._able = True
        if file is not None and hasattr(os, "posix_fallocate"):
            self._file = os.open(file, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))

    def reserve(self, db: sqlite3.Connection) -> None:
        """Make the file as long as a transaction that is about to end has made the database.

        Raises:
            OSError: the disk is full.
        """
        if self._file is None or not self._able:
            return
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        size = os.fstat(self._file).st_size
        missing = pages * _PAGE_BYTES - size
        if missing > 0:
            try:
                os.posix_fallocate(self._file, size, max(missing, _STEP_BYTES))
            except OSError as error:
                if error.errno not in _UNABLE:
                    raise
                self._able = False

    def close(self) -> None:
        """Give the file free."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


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
                    _remove_compacted(directory)
                room = opened.enter_context(ExitStack())
                self._db = opened.enter_context(closing(_connect(directory)))
                self.secret = _prepare(self._db)
                file = _Room(None if directory is None else directory / FILE)
                room.callback(file.close)
                self._transaction = Transaction(self._db, file)
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

    def empty_log(self) -> None:
        """Move what is in the log to the database; the next write begins at the log's start.

        If that cannot be done, nothing has changed.
        """
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

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


def _refused(error: sqlite3.Error | OSError) -> InternalServerException:
    # Python reports SQLite's error codes from 3.11 on only
    full = "disk is full" in str(error) or getattr(error, "errno", None) in _FULL
    reason = "the disk is full" if full else str(error)
    advice = (
        ". Delete an index, or a few vectors at a time: their space is used again. If that is "
        "refused, too, free space on the disk"
    )
    return InternalServerException(
        f"the data directory refused the write: {reason}. Nothing of it is stored"
        f"{advice if full else ''}",
        write_refused=True,
    )


def compact(directory: Path) -> tuple[int, int]:
    """Give the space of what was deleted back to the file system; the engine must not run.

    The live data is written to a new file, which then takes the place of the old one: there must
    be room for both.

    Returns:
        The database's size before and after, in bytes.

    Raises:
        DataDirectoryError: the directory cannot be opened, or the new file cannot be written; all
            is as it was.
    """
    file, compacted = directory / FILE, directory / _COMPACTED
    if not file.is_file():
        raise DataDirectoryError(f"there is no {FILE} in {directory}")
    with ExitStack() as opened:
        opened.callback(_own(directory).release)
        try:
            before = _write_compacted(directory, compacted)
            after = compacted.stat().st_size
            compacted.replace(file)
            _synchronise(directory)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(directory, error) from error
        finally:
            _remove_compacted(directory)
    return before, after


def _write_compacted(directory: Path, compacted: Path) -> int:
    """Write the live data to a new file; returns how long the old one is."""
    _remove_compacted(directory)
    compacted.touch(_PRIVATE)
    with closing(_connect(directory)) as db:
        _prepare(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        before = (directory / FILE).stat().st_size
        db.execute("VACUUM INTO ?", (str(compacted),))
    with closing(sqlite3.connect(compacted, isolation_level=None)) as db:
        # Else the first opening would write, which a disk that is full by then refuses
        db.execute("PRAGMA journal_mode = WAL").fetchall()
    _synchronise(compacted)
    return before


def _remove_compacted(directory: Path) -> None:
    """Remove what an interrupted `compact` has left."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            (directory / f"{_COMPACTED}{suffix}").unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    """Have what was written survive the death of the machine; a directory only where that works."""
    if path.is_dir() and os.name == "nt":
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


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
    # Else whatever is deleted is written over, all of it through the log
    db.execute("PRAGMA secure_delete = OFF")
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
