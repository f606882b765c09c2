"""The older package of the same name; the same Python, in another environment."""

from __future__ import annotations

from client_ours import Client

__all__ = ["Client"]
