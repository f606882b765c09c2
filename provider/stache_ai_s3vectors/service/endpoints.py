"""The form of endpoints. Pure."""

from __future__ import annotations

import re
from typing import Final

LOCAL: Final = "local:"
"""An endpoint that begins so is the engine in this process."""

_USER: Final = re.compile(r"[\w.~%!$&*+,;=:-]*", re.ASCII)
"""A user and a password in a URL (RFC 3986)."""


def describe_user_fault(name: str, endpoint: str) -> str:
    """Describe the fault of a URL's user and password, without them; empty if there is none.

    Args:
        name: the setting's.
    """
    user, at, host = endpoint.partition("://")[2].rpartition("@")
    if not at or _USER.fullmatch(user):
        return ""
    return (
        f"{name} has a user or a password with characters that a URL does not allow (…@{host}); "
        "leave them out: requests are signed with AWS credentials"
    )
