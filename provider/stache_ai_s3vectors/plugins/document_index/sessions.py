"""Which processes are still running: each holds a lock that dies with it.

A process that ingests has a number, and the operating system's lock on the byte of that number in
a file beside the document index. Whoever gets that lock knows that the process has ended.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Final

from .database import Database

SUFFIX: Final = "-sessions"
"""What the file's name ends with, as SQLite's own files do."""

_PRIVATE: Final = 0o600


class _Locks:
    """What a forked process gets anew: another thread may hold the lock at the fork."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.guard = threading.RLock()


_locks: Final = _Locks()
_files: Final[dict[Path, int]] = {}
"""Open for as long as the process lives: closing a file gives up the locks on it."""

_own: Final[dict[Path, tuple[int, int]]] = {}
"""This process's number, with the process's id: a forked one needs another."""


def open_session(database: Database) -> int:
    """This process's number, with its lock."""
    with _locks.guard:
        known = own_session(database)
        if known is not None:
            return known
        with database.write() as db:
            number = _choose_number(db)
            while not _lock(database.path, number):
                number = _choose_number(db)
        _own[database.path] = (os.getpid(), number)
        return number


def _choose_number(db: sqlite3.Connection) -> int:
    """A number that no process had before."""
    db.execute("DELETE FROM sessions")
    (number,) = db.execute("INSERT INTO sessions DEFAULT VALUES RETURNING id").fetchone()
    return int(number)


def own_session(database: Database) -> int | None:
    """This process's number, if it has one."""
    process, number = _own.get(database.path, (None, None))
    return number if process == os.getpid() else None


def claim_ended(database: Database, number: int) -> bool:
    """Whether the process of a number has ended; no other process is told so before `release`."""
    return number != own_session(database) and _lock(database.path, number)


def release(database: Database, number: int) -> None:
    """Give up the claim on an ended process's number."""
    with _locks.guard:
        _unlock(_open(database.path), number)


def _open(path: Path) -> int:
    if path not in _files:
        name = path.with_name(path.name + SUFFIX)
        _files[path] = os.open(name, os.O_CREAT | os.O_RDWR, _PRIVATE)
    return _files[path]


def _lock(path: Path, number: int) -> bool:
    with _locks.guard:
        try:
            _lock_byte(_open(path), number)
        except OSError:
            return False
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
