"""The SQLite file: connections, transactions, format, errors.

Every thread has its own connection. A write is one transaction, which takes the file's write lock
first (BEGIN IMMEDIATE) and is on disk when it returns (WAL with synchronous=FULL).

SQLite's connections must not be carried across a fork
(https://www.sqlite.org/howtocorrupt.html, 2.6), so all of them are closed before it; parent and
child open new ones.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from weakref import WeakSet

from stache_ai_s3vectors.errors import DocumentIndexError

APPLICATION: Final = int.from_bytes(b"StDI", "big")
"""SQLite's `application_id`, which marks the file as a document index."""

FORMAT: Final = 1
"""Version of the tables below, stored in SQLite's `user_version`."""

PATIENCE: Final = 10.0
"""Seconds to wait for a write of another process or thread."""

_PRIVATE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700
"""Permissions of a new file and folder: file names and metadata are for their owner only."""

_SCHEMA: Final = f"""
CREATE TABLE documents (
    namespace TEXT NOT NULL, doc_id TEXT NOT NULL, filename TEXT, identifier TEXT,
    status TEXT NOT NULL, created_at TEXT NOT NULL, chunk_count INTEGER NOT NULL,
    record TEXT NOT NULL, PRIMARY KEY (namespace, doc_id));
CREATE INDEX documents_in_namespace ON documents (namespace, status, created_at, doc_id);
CREATE INDEX documents_everywhere ON documents (status, created_at, namespace, doc_id);
CREATE INDEX documents_by_identifier ON documents (namespace, identifier, created_at);
CREATE INDEX documents_by_filename ON documents (namespace, filename);
CREATE INDEX documents_by_id ON documents (doc_id);
CREATE TABLE identifiers (
    identifier TEXT PRIMARY KEY, namespace TEXT NOT NULL, doc_id TEXT NOT NULL,
    status TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX identifiers_by_document ON identifiers (doc_id);
CREATE TABLE trash (
    namespace TEXT NOT NULL, doc_id TEXT NOT NULL, deleted_at TEXT NOT NULL,
    purge_after TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (namespace, doc_id));
CREATE INDEX trash_by_time ON trash (deleted_at, namespace, doc_id);
CREATE INDEX trash_by_expiry ON trash (purge_after);
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, status TEXT NOT NULL, created_at TEXT NOT NULL,
    record TEXT NOT NULL);
CREATE INDEX jobs_by_time ON jobs (status, created_at);
CREATE TABLE sessions (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE ingests (
    doc_id TEXT PRIMARY KEY, session INTEGER NOT NULL, index_name TEXT NOT NULL,
    namespace TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE replacements (
    namespace TEXT NOT NULL, doc_id TEXT NOT NULL, session INTEGER NOT NULL,
    identifier TEXT, PRIMARY KEY (namespace, doc_id));
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
"""

_handles: Final[WeakSet[_ThreadConnection]] = WeakSet()
_registry: Final = threading.Lock()
_held: Final[list[_ThreadConnection]] = []
"""The connections whose locks a fork in progress has taken."""


class _ThreadConnection:
    """One thread's connection to one file; it can be reopened."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.connection: sqlite3.Connection | None = None
        with _registry:
            _handles.add(self)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:  # its thread has ended
        with suppress(sqlite3.Error):
            self.close()


class Database:
    """One file, for every thread of this process.

    Args:
        path: of the file; it and its folder are created when they are missing.

    Raises:
        DocumentIndexError: the file cannot be opened, or is not a document index.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        with self._connect() as connection, self._explain():
            self._prepare(connection)
        self._file = _read_file_id(path)

    def is_gone(self) -> bool:
        """Whether the file was deleted or replaced."""
        return _read_file_id(self.path) != self._file

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Open a read transaction, which sees one state of the file."""
        with self._connect() as connection, self._explain():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open a write transaction; afterwards all of it is on disk, or nothing."""
        with self._connect() as connection, self._explain():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        handle: _ThreadConnection | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = _ThreadConnection()
        with handle.lock:
            if handle.connection is None:
                with self._explain():
                    handle.connection = self._open()
            yield handle.connection

    def _open(self) -> sqlite3.Connection:
        self._create_file()
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            self._check_application(connection)
            self._use_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_log(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DocumentIndexError(
                f"the document index {self.path} is on a file system without shared memory, which "
                "SQLite needs for its write-ahead log. Set S3VECTORS_DOCUMENT_INDEX_PATH to a "
                "file on a local disk"
            )

    def _create_file(self) -> None:
        """Create the file for its owner only; SQLite would create it for everybody."""
        try:
            if self.path.is_dir():
                raise DocumentIndexError(
                    f"the document index {self.path} is a folder; set "
                    "S3VECTORS_DOCUMENT_INDEX_PATH to a file, for example "
                    f"{self.path / 'documents.db'}"
                )
            if not self.path.exists():
                self.path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, _PRIVATE))
        except OSError as error:
            raise DocumentIndexError(
                f"the document index {self.path} cannot be created: {error.strerror}: "
                f"{error.filename}. Give this user write permission on the folder, or set "
                "S3VECTORS_DOCUMENT_INDEX_PATH to a file in another folder"
            ) from error

    def _check_application(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that is not a document index, before it is changed."""
        connection.execute("BEGIN")  # another process may be creating the tables
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.rollback()
        if tables and application != APPLICATION:
            raise DocumentIndexError(
                f"the file {self.path} is a SQLite database of another program, not a document "
                "index; set S3VECTORS_DOCUMENT_INDEX_PATH to another file"
            )
        if version > FORMAT:
            raise DocumentIndexError(
                f"the document index {self.path} has format {version}, this version of "
                f"stache-ai-s3vectors reads formats up to {FORMAT}; install the version that "
                "wrote it, or a newer one"
            )

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Create the tables, unless another process was faster."""
        if connection.execute("PRAGMA user_version").fetchone() == (FORMAT,):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone() != (FORMAT,):
                for statement in _SCHEMA.strip().split(";\n"):
                    connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise

    @contextmanager
    def _explain(self) -> Iterator[None]:
        """Translate SQLite's errors to what is wrong with the file, and what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise DocumentIndexError(describe_error(self.path, error)) from error


_UNWRITABLE: Final = (
    "cannot be written. Give this user read and write permission on the file, on its -wal, -shm "
    "and -sessions files, and on their folder"
)
_CAUSES: Final = {
    "locked": "is locked: another program has been writing to it for more than {patience:.0f} s. "
    "End that program, or its transaction (a SQLite shell or a backup, for example), and try again",
    "readonly": _UNWRITABLE,
    "unable to open": _UNWRITABLE,
    "full": "cannot grow: the disk is full. Free some space and try again",
    "not a database": "is not a SQLite database: it is another file, or its beginning is damaged. "
    "Set S3VECTORS_DOCUMENT_INDEX_PATH to another file, or restore this one from a copy",
    "malformed": "is damaged. Stop every process that uses it and restore the file from a copy, or "
    "move it away and save what can be read with `sqlite3 FILE .recover`",
}
"""Words of SQLite's messages, with what is wrong and what to do."""


def describe_error(path: Path, error: sqlite3.Error) -> str:
    """Describe in one line what is wrong with a file, and what to do."""
    text = str(error)
    for words, meaning in _CAUSES.items():
        if words in text:
            return f"the document index {path} {meaning.format(patience=PATIENCE)}"
    return (
        f"the document index {path} cannot be used: {text}. Check the disk and the file's "
        "permissions, and try again"
    )


def _read_file_id(path: Path) -> tuple[int, int] | None:
    """The device and inode of a file; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


_databases: Final[dict[Path, Database]] = {}
_opening: Final = threading.RLock()


def open_database(path: Path) -> Database:
    """The database of a file; there is one in a process."""
    with _opening:
        database = _databases.get(path)
        if database is None or database.is_gone():
            database = _databases[path] = Database(path)
        return database


def _close_all() -> None:
    """Before a fork: wait for what is under way, then close every connection."""
    _opening.acquire()
    _registry.acquire()
    for handle in list(_handles):
        handle.lock.acquire()
        _held.append(handle)
        with suppress(sqlite3.Error):
            handle.close()


def _release_all() -> None:
    """After a fork, in both processes."""
    while _held:
        _held.pop().lock.release()
    _registry.release()
    _opening.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_close_all, after_in_parent=_release_all, after_in_child=_release_all
    )
