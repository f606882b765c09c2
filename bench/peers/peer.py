"""What every peer has, unless it differs; each adds put and query, and most query_hybrid."""

from __future__ import annotations

from typing import ClassVar


class Peer:
    """An engine in a directory."""

    rounds: ClassVar = 20
    cannot: ClassVar[dict[str, tuple[str, str]]] = {}
    """A method → words of its error, and why it cannot."""

    def finish(self) -> None:
        """After everything is stored: nothing more to do."""

    def close(self) -> None:
        """Nothing to close."""
