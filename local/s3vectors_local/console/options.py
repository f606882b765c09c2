"""Options of the console."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

_TOKEN_BYTES = 24


@dataclass(frozen=True)
class ConsoleOptions:
    """Options of the console.

    Args:
        write: whether it can delete and import.
        token: what its page must send; None serves everybody who reaches the server.
    """

    write: bool = False
    token: str | None = None

    def build_address(self, url: str) -> str:
        """Return where to open it. The token is in the fragment, which a browser never sends."""
        return f"{url}/" if self.token is None else f"{url}/#token={self.token}"


def make_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(_TOKEN_BYTES)
