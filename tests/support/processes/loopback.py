"""Protection of other machines: tests may connect to this machine only."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


_PREFIXES = ("AWS_", "S3VECTORS_", "EMBEDDING_", "VECTORDB_")
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_TERMINAL = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "PY_COLORS")


def use_dummy_credentials() -> None:
    """Remove credentials, settings of ours, proxies and terminal options from the environment."""
    for name in list(os.environ):
        if name.upper().startswith(_PREFIXES) or name.upper() in (*_PROXIES, *_TERMINAL):
            del os.environ[name]
    os.environ.update(CREDENTIALS)


def refuse_other_machines() -> None:
    """Make it an error for this process to connect a socket to another machine."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    connection, address = arguments
    if connection.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
        raise RuntimeError(f"a test tried to connect to {address[0]}")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback
