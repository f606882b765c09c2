"""Refuse requests from web pages of other origins.

A web page that the user visits can make the browser send requests to 127.0.0.1. The headers
`Origin` and `Sec-Fetch-Site` show it. If the page's own host name resolves to this machine (DNS
rebinding), the header `Host` shows it.
https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final

from .errors import AccessDeniedException

_OWN_SITES: Final = ("same-origin", "none")
"""`Sec-Fetch-Site` for a request of our own pages, and for an address that the user typed."""

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s\[\]/?#@:]+))(?::\d*)?")
"""An IPv6 address in brackets, an IPv4 address or a name; then optionally a port."""


class Origins:
    """The host names of the server.

    Args:
        hosts: names and addresses to accept in addition to loopback.

    Raises:
        ValueError: one is neither a name nor an address.
    """

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset({"localhost", *map(_parse_allowed_host, hosts)})

    def check(self, headers: Mapping[str, str], address: str) -> None:
        """Refuse a request that a web page of another origin may have sent.

        Args:
            headers: the request headers, with lower-case names.
            address: the local address of the connection.

        Raises:
            AccessDeniedException: names the header that does not match.
        """
        host = headers.get("host", "")
        name = _parse_host(host)
        if name not in self._hosts and name != address and not _is_loopback(name):
            raise AccessDeniedException(
                f"The Host header is {host!r:.80}, which is not a name of this server. "
                "To allow it, add --allow-host NAME to s3vectors-local serve"
            )
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            raise AccessDeniedException(
                f"The Origin header is {origin!r:.80}: web pages of other origins are refused"
            )
        site = headers.get("sec-fetch-site", "none")
        if site not in _OWN_SITES:
            raise AccessDeniedException(
                f"The Sec-Fetch-Site header is {site!r:.80}: web pages of other origins are refused"
            )


def _parse_allowed_host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        name = _parse_host(host)
    if not name:
        raise ValueError(f"{host!r} is not a host name or an address")
    return name


def _parse_host(header: str) -> str:
    """Return the name or address in a Host header; empty if it is malformed."""
    match = _HOST.fullmatch(header)
    return (match[1] or match[2]).lower().removesuffix(".") if match else ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
