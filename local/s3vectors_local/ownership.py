"""Which process an engine belongs to: the one that opened it, and no process forked from it.

SQLite's connections must not be carried across a fork (https://www.sqlite.org/howtocorrupt.html,
2.6). A child that used its copy would overwrite what the parent acknowledges; a child that merely
closed it would move and delete the parent's write-ahead log. So a child neither uses nor closes
what it inherits.
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
"""Directories that the parent process had open at the fork, each with that process's id."""


class Ownership:
    """That this process owns an open database.

    Args:
        directory: where it is; None in memory.
        db: SQLite's connection to it.
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
        """Refuse to work in a process that was forked from the owner.

        Raises:
            InheritedEngineError: says which process is the owner, and how to share the data.
        """
        if self.inherited:
            raise InheritedEngineError(_refusal(self._directory, self._process))

    def end(self) -> None:
        """The database is closed: a process that is forked from now on does not inherit it."""
        _open.discard(self)

    def disown(self) -> None:
        """In a forked process: keep the connection from ever being closed."""
        # Python closes a connection that nothing refers to, at the latest when the process ends
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))
        if self._directory is not None:
            _inherited[self._directory] = self._process


def check_not_inherited(directory: Path) -> None:
    """Refuse to open a directory that the parent process had open at the fork.

    SQLite remembers the parent's locks in the memory that the child got a copy of.

    Raises:
        DataDirectoryError: says which process is the owner, and how to share the data.
    """
    owner = _inherited.get(directory.resolve())
    if owner is not None:
        raise DataDirectoryError(_refusal(directory, owner))


def sharing(directory: Path | None) -> str:
    """How several processes can use the same data."""
    data = f" --data {shlex.quote(str(directory))}" if directory is not None else ""
    return (
        f"To share the data between processes, run `s3vectors-local serve{data}` and set "
        "AWS_ENDPOINT_URL_S3VECTORS=http://127.0.0.1:9100 in each of them (for Stache: "
        "S3VECTORS_ENDPOINT_URL=http://127.0.0.1:9100)"
    )


def _refusal(directory: Path | None, owner: int) -> str:
    what = "the engine in memory" if directory is None else f"the engine on {directory}"
    return (
        f"{what} belongs to process {owner}; process {os.getpid()} was forked from it and cannot "
        f"use it. {sharing(directory)}. Or start processes with the spawn method and let one of "
        "them open the engine"
    )


def _disown_all() -> None:
    for ownership in list(_open):
        ownership.disown()
    _open.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_disown_all)
