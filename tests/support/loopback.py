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


def use_dummy_credentials() -> None:
    """Take away what could reach AWS, and every setting of ours, and set dummies."""
    for name in [n for n in os.environ if n.startswith(("AWS_", "S3VECTORS_"))]:
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
