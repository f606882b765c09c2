"""Who may ask a server on somebody's own machine: programs, and not the web pages they visit.

A browser sends a page's requests to 127.0.0.1 like to any host, with what the page wants in them.
It says so: in `Origin` and `Sec-Fetch-Site`, and, when a page's own name was made to lead here (DNS
rebinding), in `Host`.
https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final

from .errors import AccessDeniedException

_OWN_SITES: Final = ("same-origin", "none")
"""What `Sec-Fetch-Site` says of a request of our own pages, and of one that the user typed."""

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s\[\]/?#@:]+))(?::\d*)?")
"""An address of IPv6 in brackets, or a name, or an address of IPv4; and a port."""


class Origins:
    """Knows by which names the server is asked.

    Args:
        hosts: names and addresses beside those of the loopback interface.

    Raises:
        ValueError: one is neither.
    """

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset({"localhost", *map(_given, hosts)})

    def check(self, headers: Mapping[str, str], address: str) -> None:
        """Refuse what a web page of somebody else may have sent.

        Args:
            headers: of the request, names in lower case.
            address: where its connection has arrived.

        Raises:
            AccessDeniedException: says which header is not as it should be.
        """
        host = headers.get("host", "")
        name = _name(host)
        if name not in self._hosts and name != address and not _is_loopback(name):
            raise AccessDeniedException(
                f"The Host header is {host!r:.80}, which is not a name of this server; "
                "s3vectors-local serve --allow-host NAME makes it one"
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


def _given(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        name = _name(host)
    if not name:
        raise ValueError(f"{host!r} is neither the name of a host nor an address")
    return name


def _name(host: str) -> str:
    """The name or address in a Host header; empty when it is not as it should be."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower().removesuffix(".") if match else ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
