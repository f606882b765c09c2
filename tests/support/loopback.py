"""Tests talk to this machine only: anything else is refused before it leaves."""

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


_OURS = ("AWS_", "S3VECTORS_", "EMBEDDING_", "VECTORDB_")
_MACHINE = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "COLUMNS", "LINES")
_TERMINAL = ("FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "PY_COLORS")


def use_dummy_credentials() -> None:
    """Take away what could reach AWS, every setting of ours, and what changes what is printed."""
    for name in list(os.environ):
        if name.upper().startswith(_OURS) or name.upper() in (*_MACHINE, *_TERMINAL):
            del os.environ[name]
    os.environ.update(CREDENTIALS)


def refuse_other_machines() -> None:
    """From now on, connecting a socket of this process to another machine is an error."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    connecting, address = arguments
    if connecting.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
        raise RuntimeError(f"a test tried to reach {address[0]}")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback
