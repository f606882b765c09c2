"""Sessions: each process that ingests holds a lock, which ends with the process.

The process has a number, and the operating system's lock on the byte of that number in a file next
to the document index. If another process gets that lock, the first one has ended.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Final

from stache_ai_s3vectors.errors import DocumentIndexError

from .database import Database

SUFFIX: Final = "-sessions"
"""The end of the file's name, like those of SQLite's own files."""

_PRIVATE: Final = 0o600

_LOCKED: Final = frozenset({errno.EACCES, errno.EAGAIN})
"""The errors of a lock that another process holds; which one depends on the system."""


class _Locks:
    """Replaced in a forked process: another thread may hold the lock during the fork."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.guard = threading.RLock()


_locks: Final = _Locks()
_files: Final[dict[Path, int]] = {}
"""Open as long as the process runs: closing a file releases the locks on it."""

_own: Final[dict[Path, tuple[int, int]]] = {}
"""This process's number, with its process id: a forked process needs another number."""


def open_session(database: Database) -> int:
    """Open this process's session; returns its number, which is locked.

    Raises:
        DocumentIndexError: the file of the locks cannot be opened or locked.
    """
    with _locks.guard:
        known = get_own_session(database)
        if known is not None:
            return known
        with database.write() as db:
            number = _choose_number(db)
            while not _lock(database.path, number):
                number = _choose_number(db)
        _own[database.path] = (os.getpid(), number)
        return number


def _choose_number(db: sqlite3.Connection) -> int:
    """Choose a number that no process had before."""
    db.execute("DELETE FROM sessions")
    (number,) = db.execute("INSERT INTO sessions DEFAULT VALUES RETURNING id").fetchone()
    return int(number)


def get_own_session(database: Database) -> int | None:
    """This process's number, if it has one."""
    process, number = _own.get(database.path, (None, None))
    return number if process == os.getpid() else None


def claim_ended(database: Database, number: int) -> bool:
    """Whether the process of a number has ended; only one process gets True until `release`."""
    return number != get_own_session(database) and _lock(database.path, number)


def release(database: Database, number: int) -> None:
    """Give up the claim on an ended process's number."""
    with _locks.guard:
        _unlock(_open(database.path), number)


def _open(path: Path) -> int:
    if path not in _files:
        name = path.with_name(path.name + SUFFIX)
        try:
            _files[path] = os.open(name, os.O_CREAT | os.O_RDWR, _PRIVATE)
        except OSError as error:
            raise DocumentIndexError(
                f"the document index {path} cannot be written: {name}: {error.strerror}. Give this "
                "user read and write permission on that file and on its folder"
            ) from error
    return _files[path]


def _lock(path: Path, number: int) -> bool:
    with _locks.guard:
        file = _open(path)
        try:
            _lock_byte(file, number)
        except OSError as error:
            if error.errno in _LOCKED:
                return False
            raise DocumentIndexError(
                f"the document index {path} cannot be used: {path.name}{SUFFIX} cannot be locked: "
                f"{error.strerror}. Set S3VECTORS_DOCUMENT_INDEX_PATH to a file on a local disk"
            ) from error
        return True


if sys.platform == "win32":  # pragma: no cover - the tests run on Linux
    import msvcrt

    def _lock_byte(file: int, number: int) -> None:
        os.lseek(file, number, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int, number: int) -> None:
        os.lseek(file, number, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock_byte(file: int, number: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)

    def _unlock(file: int, number: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, number)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_locks.renew)
