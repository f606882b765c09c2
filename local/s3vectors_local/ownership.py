"""An engine belongs to the process that opened it, not to processes forked from it.

A connection of SQLite must not be carried across a fork (https://www.sqlite.org/howtocorrupt.html,
2.6). A child process that used it would overwrite the writes of its parent; one that closed it
would move and delete the write-ahead log of its parent. So a child does neither.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import sqlite3
from pathlib import Path
from typing import Final
from weakref import WeakSet

from .errors import DataDirectoryError, InheritedEngineError

_open: Final[WeakSet[Ownership]] = WeakSet()

_inherited: Final[dict[Path, int]] = {}
"""Directories that the parent process had open at the fork, with its process id."""


class Ownership:
    """The ownership of an open database by this process.

    Args:
        directory: the data directory; None in memory.
        db: the connection.
    """

    def __init__(self, directory: Path | None, db: sqlite3.Connection) -> None:
        self._directory = None if directory is None else directory.resolve()
        self._db = db
        self._process = os.getpid()
        _open.add(self)

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from the owner."""
        return os.getpid() != self._process

    def check(self) -> None:
        """Refuse to work in a forked process.

        Raises:
            InheritedEngineError: names the process that owns it, and how to share the data.
        """
        if self.inherited:
            raise InheritedEngineError(_explain_ownership(self._directory, self._process))

    def release(self) -> None:
        """Record that the database is closed: later forks do not inherit it."""
        _open.discard(self)

    def disown(self) -> None:
        """In a forked process: prevent the connection from being closed."""
        # Python closes a connection without references, at the latest when the process ends
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))
        if self._directory is not None:
            _inherited[self._directory] = self._process


def check_not_inherited(directory: Path) -> None:
    """Refuse to open a directory that the parent process had open at the fork.

    The child's copy of SQLite's memory has the locks of the parent.

    Raises:
        DataDirectoryError: names the process that owns it, and how to share the data.
    """
    owner = _inherited.get(directory.resolve())
    if owner is not None:
        raise DataDirectoryError(_explain_ownership(directory, owner))


def explain_sharing(directory: Path | None) -> str:
    """Explain how several processes can use the same data."""
    data = f" --data {shlex.quote(str(directory))}" if directory is not None else ""
    return (
        f"To share the data between processes, run `s3vectors-local serve{data}` and set "
        "AWS_ENDPOINT_URL_S3VECTORS=http://127.0.0.1:9100 in each of them (for Stache: "
        "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100)"
    )


def _explain_ownership(directory: Path | None, owner: int) -> str:
    engine = "the engine in memory" if directory is None else f"the engine on {directory}"
    return (
        f"{engine} belongs to process {owner}; process {os.getpid()} was forked from it and cannot "
        f"use it. {explain_sharing(directory)}. Or start processes with the spawn method and let "
        "one of them open the engine"
    )


def _disown_all() -> None:
    for ownership in list(_open):
        ownership.disown()
    _open.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_disown_all)
