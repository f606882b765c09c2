"""The storage: one SQLite database, on disk or in memory.

On disk it is `s3vectors.db` in a directory that one engine locks at a time (`lock`). A write is
acknowledged after SQLite's write-ahead log is on the disk (`synchronous=FULL`). So an acknowledged
vector survives a crash of the process or the machine, and a request is stored completely or not at
all. `table` has the vectors of one index.

Deletions leave free pages, which later writes use; `compact` returns them to the file system.
Deletions work on a full disk: before a write that needs it, the database file is extended, so that
the log can always be emptied into it. An emptied log is overwritten from its start and needs no
more space.
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

from .errors import DataDirectoryError, InternalServerException, MissingDataError
from .ownership import Ownership, check_not_inherited, explain_sharing

FILE: Final = "s3vectors.db"
LOCK: Final = "lock"
"""An engine locks this file; the operating system releases the lock when the process ends. The file
has the process id."""

FORMAT: Final = 2
"""Version of the schema, in SQLite's `user_version`."""

_PRIVATE: Final = 0o600
_PRIVATE_DIRECTORY: Final = 0o700
"""Permissions of created files and directories: only the owner may read them."""

_PAGE_BYTES: Final = 16_384
"""Page size: most vectors with their metadata fit, which makes writing twice as fast."""

_CHECKPOINT_PAGES: Final = 4_000
"""Pages (64 MB) in the log before they are moved to the database. Pages of text tables are written
many times, but moved once."""

_MIN_EXTENSION_BYTES: Final = 1 << 20
"""The minimum by which the database file is extended."""

_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_UNSUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV)
"""Errors of a file system that cannot reserve space."""


_COMPACTED: Final = f"{FILE}.compacted"

_SCHEMA = f"""
CREATE TABLE secret (token BLOB NOT NULL);
CREATE TABLE buckets (arn TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE indexes (id INTEGER PRIMARY KEY, arn TEXT UNIQUE NOT NULL, record BLOB NOT NULL);
PRAGMA user_version = {FORMAT};
"""


class Transaction:
    """BEGIN and COMMIT around a `with` block.

    A class, because an interrupt can skip the end of a generator.

    Raises:
        InternalServerException: the disk refused the write.
    """

    def __init__(self, db: sqlite3.Connection, space: _DiskSpace) -> None:
        self._db = db
        self._space = space
        self._depth = 0

    def __enter__(self) -> sqlite3.Connection:
        if self._depth == 0:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise _build_write_error(error) from error
        self._depth += 1
        return self._db

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        try:
            if error is None:
                self._space.reserve(self._db)
                self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as write_error:
            error = write_error
        if error is not None:
            self._db.rollback()
        if isinstance(error, (sqlite3.Error, OSError)):
            raise _build_write_error(error) from error

    def abandon(self) -> None:
        """Roll back all nested transactions."""
        self._depth = 0
        self._db.rollback()


class _DiskSpace:
    """Reserves disk space for all pages of the database, including those in the log.

    SQLite extends its file when it empties the log. A full disk would prevent that, and the log
    could only grow. Without `posix_fallocate` (macOS, Windows, some file systems), no space is
    reserved.

    Args:
        file: the database file; None in memory.
    """

    def __init__(self, file: Path | None) -> None:
        # Stays open as long as SQLite has the file open: closing it would release SQLite's locks
        self._file = None
        self._supported = True
        if file is not None and hasattr(os, "posix_fallocate"):
            self._file = os.open(file, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))

    def reserve(self, db: sqlite3.Connection) -> None:
        """Extend the file to the size of the database before a transaction commits.

        Raises:
            OSError: the disk is full.
        """
        if self._file is None or not self._supported:
            return
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        size = os.fstat(self._file).st_size
        missing = pages * _PAGE_BYTES - size
        if missing > 0:
            try:
                os.posix_fallocate(self._file, size, max(missing, _MIN_EXTENSION_BYTES))
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self._supported = False

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Storage:
    """The database. Each method succeeds, or raises and changes nothing."""

    def __init__(self, directory: Path | None, *, create: bool = True) -> None:
        """Open the database in `directory`; None is in memory.

        Args:
            create: whether to create the directory and the database if they are missing.

        Raises:
            MissingDataError: there is no database, and `create` is False.
            DataDirectoryError: the directory is not writable, is in use by another engine, or has a
                file of another program or a newer version.
        """
        self.directory = directory
        try:
            with ExitStack() as opened:  # closes everything if a later step fails
                if directory is not None:
                    opened.callback(_lock(directory, create=create).release)
                    _remove_compacted(directory)
                files = opened.enter_context(ExitStack())
                self._db = opened.enter_context(closing(_connect(directory)))
                self.secret = _prepare(self._db)
                space = _DiskSpace(None if directory is None else directory / FILE)
                files.callback(space.close)
                self._transaction = Transaction(self._db, space)
                self.ownership = Ownership(directory, self._db)
                opened.callback(self.ownership.release)
                self._opened = opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise _build_error(directory, error) from error

    def close(self) -> None:
        """Close the database and unlock the directory; does nothing in a forked process."""
        if not self.ownership.inherited:
            self._opened.close()

    def transaction(self) -> Transaction:
        """Return a transaction for a `with` block; a nested one joins the outer one."""
        return self._transaction

    def empty_log(self) -> None:
        """Move the log to the database, so that the next write starts at the beginning of the log.

        If this fails, nothing changes.
        """
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def abandon(self) -> None:
        """Roll back a transaction that an interrupted request may have left open."""
        self._transaction.abandon()

    def read(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        """Run a SELECT."""
        return self._db.execute(statement, parameters)

    def read_records(self, table: str) -> list[tuple[Any, ...]]:
        """Read all rows of `buckets` (arn, record) or `indexes` (id, arn, record).

        Raises:
            DataDirectoryError: they cannot be read.
        """
        try:
            rows = self._db.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        except sqlite3.Error as error:
            raise _build_error(self.directory, error) from error
        return [(*row[:-1], orjson.loads(row[-1])) for row in rows]

    def put_bucket(self, arn: str, record: dict[str, Any]) -> None:
        """Store the attributes of a vector bucket, new or changed."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?)", (arn, orjson.dumps(record)))

    def delete_bucket(self, arn: str) -> None:
        """Delete a vector bucket."""
        with self.transaction() as db:
            db.execute("DELETE FROM buckets WHERE arn = ?", (arn,))

    def put_index(self, arn: str, record: dict[str, Any]) -> int:
        """Store the attributes of a new index; return its number."""
        with self.transaction() as db:
            cursor = db.execute(
                "INSERT INTO indexes (arn, record) VALUES (?, ?)", (arn, orjson.dumps(record))
            )
            return int(cursor.lastrowid or 0)

    def update_index(self, number: int, record: dict[str, Any]) -> None:
        """Store the changed attributes of an index."""
        with self.transaction() as db:
            db.execute("UPDATE indexes SET record = ? WHERE id = ?", (orjson.dumps(record), number))

    def delete_index(self, number: int) -> None:
        """Delete the attributes of an index."""
        with self.transaction() as db:
            db.execute("DELETE FROM indexes WHERE id = ?", (number,))


def _build_write_error(error: sqlite3.Error | OSError) -> InternalServerException:
    # Python before 3.11 has no SQLite error codes
    full = "disk is full" in str(error) or getattr(error, "errno", None) in _DISK_FULL
    reason = "the disk is full" if full else str(error)
    advice = (
        ". Delete an index, or a few vectors at a time: their space is reused. If that also "
        "fails, free space on the disk"
    )
    return InternalServerException(
        f"the write to the data directory failed: {reason}. None of it is stored"
        f"{advice if full else ''}",
        write_refused=True,
    )


def compact(directory: Path) -> tuple[int, int]:
    """Return the space of deleted data to the file system. The engine must not run.

    The live data is written to a new file, which then replaces the old one. There must be enough
    space for both.

    Returns:
        The size of the database before and after, in bytes.

    Raises:
        DataDirectoryError: the directory cannot be opened, or the new file cannot be written;
            nothing is changed.
    """
    file, compacted = directory / FILE, directory / _COMPACTED
    with ExitStack() as opened:
        opened.callback(_lock(directory, create=False).release)
        try:
            before = _write_compacted(directory, compacted)
            after = compacted.stat().st_size
            compacted.replace(file)
            _sync(directory)
        except (sqlite3.Error, OSError) as error:
            raise _build_error(directory, error) from error
        finally:
            _remove_compacted(directory)
    return before, after


def _write_compacted(directory: Path, compacted: Path) -> int:
    """Write the live data to a new file; return the size of the old one."""
    _remove_compacted(directory)
    compacted.touch(_PRIVATE)
    with closing(_connect(directory)) as db:
        _prepare(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        before = (directory / FILE).stat().st_size
        db.execute("VACUUM INTO ?", (str(compacted),))
    with closing(sqlite3.connect(compacted, isolation_level=None)) as db:
        # Otherwise the next opening would write, which fails on a full disk
        db.execute("PRAGMA journal_mode = WAL").fetchall()
    _sync(compacted)
    return before


def _remove_compacted(directory: Path) -> None:
    """Remove the files of an interrupted `compact`."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            (directory / f"{_COMPACTED}{suffix}").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Write a file to the disk, or a directory where the system supports it."""
    if path.is_dir() and os.name == "nt":
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _lock(directory: Path, *, create: bool) -> FileLock:
    """Lock the directory until the lock is released or the process ends.

    Args:
        create: whether to create the directory, and to lock one without a database.
    """
    check_not_inherited(directory)
    file = directory / LOCK
    lock = FileLock(file, timeout=0, mode=_PRIVATE, thread_local=False)
    try:
        if not create and not (directory / FILE).is_file():
            raise MissingDataError(
                f"there is no {FILE} in {directory}; name the data directory of an engine"
            )
        directory.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise DataDirectoryError(
            f"{directory} belongs to a running engine{_describe_owner(file)}; one process at a "
            f"time can open it. {explain_sharing(directory)}. Or stop that engine, or name another "
            "directory"
        ) from error
    except OSError as error:
        raise _build_error(directory, error) from error
    with suppress(OSError):  # Windows does not allow writing to a locked file
        file.write_text(str(os.getpid()), "ascii")
    return lock


def _describe_owner(file: Path) -> str:
    """Return the process that holds a lock, if the file has its id."""
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
            path.touch(_PRIVATE, exist_ok=False)  # the log gets the same permissions
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _prepare(db: sqlite3.Connection) -> bytes:
    """Configure the database, create its tables if it is new, and return its secret."""
    db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    db.execute("PRAGMA locking_mode = EXCLUSIVE")  # also locks out other SQLite programs
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    # Otherwise deleted data is overwritten, through the log
    db.execute("PRAGMA secure_delete = OFF")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise sqlite3.NotSupportedError(
            f"its format {version} is newer than the newest that this s3vectors-local supports "
            f"({FORMAT}); install a newer s3vectors-local"
        )
    if 0 < version < FORMAT:
        raise sqlite3.NotSupportedError(
            f"its format {version} is that of a development version and is not supported; "
            "name another directory"
        )
    if version == 0:
        if db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.NotSupportedError(
                f"{FILE} belongs to another program; name another directory"
            )
        db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
        db.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))
        db.execute("COMMIT")
    (secret,) = db.execute("SELECT token FROM secret").fetchone()
    return bytes(secret)


def _build_error(directory: Path | None, error: OSError | sqlite3.Error) -> DataDirectoryError:
    reason = getattr(error, "strerror", None) or str(error)
    if directory is not None and isinstance(error, sqlite3.Error):
        file = directory / FILE  # SQLite reports a disk I/O error for a read-only file
        effective = os.access in os.supports_effective_ids
        if file.exists() and not os.access(file, os.W_OK, effective_ids=effective):
            reason = f"{FILE} is not writable"
    return DataDirectoryError(f"cannot keep data in {directory}: {reason}")
