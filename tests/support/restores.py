"""A process that is copied as Lambda's SnapStart copies it: nothing in it notices.

`os.fork` runs handlers in the child: Python's own seeds `random` anew, and the provider's forgets
its connections. A restored snapshot runs none, and has the process id of the original. So this
calls the system's fork, and lets the copy believe in its id. The process must have one thread.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

_TOKEN: Final = "a-token"
_LIBC: Final = ctypes.PyDLL(
    None
)  # it keeps the lock of the interpreter, which no other thread may take


def restore(function: Callable[[], Any]) -> Any:
    """What a function returns in a copy of this process, as far as JSON has it.

    Raises:
        RuntimeError: it raised something; the process has other threads.
    """
    if threading.active_count() > 1:
        raise RuntimeError(f"a copy would lack these threads: {threading.enumerate()}")
    original = os.getpid()
    reading, writing = os.pipe()
    if not _LIBC.fork():
        os.getpid = lambda: original
        try:
            answer = json.dumps({"result": function()})
        except BaseException:  # noqa: BLE001 - the original raises it
            answer = json.dumps({"error": traceback.format_exc()})
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        outcome = json.loads(pipe.read())
    os.wait()
    if "error" in outcome:
        raise RuntimeError(outcome["error"])
    return outcome["result"]


def list_connections() -> list[socket.socket]:
    """The sockets that this process has open, as copies of them."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    numbers = [int(each.name) for each in entries if str(each.readlink()).startswith("socket:")]
    return [socket.socket(fileno=os.dup(number)) for number in numbers]


def break_connections() -> int:
    """End all connections, as a copy may find them. Returns how many there were."""
    connections = list_connections()
    for connection in connections:
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
    return len(connections)


def note_events(*names: str) -> list[str]:
    """A list to which each of these events of Python's auditing is added from now on."""
    events: list[str] = []

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        if name in names:
            events.append(f"{name} {arguments}")

    sys.addaudithook(note)
    return events


def note_contacts() -> list[str]:
    """A list to which each attempt of this process to reach an address is added from now on."""
    return note_events("socket.connect", "socket.getaddrinfo")


class CredentialsServer(ThreadingHTTPServer):
    """Hands out credentials, as Lambda does where SnapStart is on.

    Args:
        lifetime: theirs.
        key: their access key; by default each has another.
    """

    daemon_threads = True

    def __init__(self, lifetime: timedelta, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lifetime = lifetime
        self.key = key
        self.keys: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """Where clients find it."""
        url = f"http://127.0.0.1:{self.server_port}/credentials"
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": _TOKEN,
        }


class _Handler(BaseHTTPRequestHandler):
    server: CredentialsServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Hand out credentials."""
        assert self.headers["Authorization"] == _TOKEN
        keys, until = self.server.keys, datetime.now(timezone.utc) + self.server.lifetime
        keys.append(self.server.key or f"ASIA{len(keys)}")
        secret = {"SecretAccessKey": "secret", "Token": "token"}
        body = json.dumps({"AccessKeyId": keys[-1], **secret, "Expiration": until.isoformat()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


@contextmanager
def serve_credentials(
    lifetime: timedelta = timedelta(hours=6), key: str = ""
) -> Iterator[CredentialsServer]:
    """Run such a server."""
    with CredentialsServer(lifetime, key) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
