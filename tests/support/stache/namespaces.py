"""Stache's namespaces on SQLite, with connections that are closed after use.

Stache 0.3.0 leaves them to the garbage collector. Python 3.13 warns of that, and in tests warnings
are errors.
"""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Literal

from stache_ai.providers.namespace.sqlite import SQLiteNamespaceProvider


class _ClosingConnection(sqlite3.Connection):
    """A connection that is closed at the end of its `with` block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        try:
            return super().__exit__(kind, error, trace)
        finally:
            self.close()


def _open_connection(self: SQLiteNamespaceProvider) -> sqlite3.Connection:
    connection = sqlite3.connect(str(self.db_path), factory=_ClosingConnection)
    connection.row_factory = sqlite3.Row
    return connection


def close_connections() -> None:
    """Let Stache's namespaces close their connections in this process."""
    SQLiteNamespaceProvider._get_connection = _open_connection
