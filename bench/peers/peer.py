"""What every peer has, unless it differs; each adds put and query, and most query_hybrid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class Peer:
    """An engine in a directory."""

    rounds: ClassVar = 20
    cold: ClassVar = False
    """Whether it is also opened with a cold file cache."""

    cannot: ClassVar[dict[str, tuple[str, str]]] = {}
    """A method → words of its error, and why it cannot."""

    def finish(self) -> None:
        """After everything is stored: nothing more to do."""

    def list_more_tasks(self, vectors: Any, queries: Any) -> dict[str, Callable[[int], object]]:
        """What only this one is measured at, each by the number of a query."""
        del vectors, queries
        return {}

    def close(self) -> None:
        """Nothing to close."""
