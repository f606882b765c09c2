"""Copies of a process that behave like a snapshot restored by Lambda's SnapStart.

`os.fork` runs handlers in the child: Python's handler seeds `random`, and the provider's drops its
connections. A restored snapshot runs no handlers, and has the process id of the original. So this
module calls the system's fork, and makes the copy report the original id. The process must have one
thread only.
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
# PyDLL keeps the interpreter's lock during a call, so that no other thread can take it
_LIBC: Final = ctypes.PyDLL(None)


def restore(function: Callable[[], Any]) -> Any:
    """Run a function in a copy of this process. Return its result, which must be JSON.

    Raises:
        RuntimeError: the function raised an error, or the process has other threads.
    """
    if threading.active_count() > 1:
        raise RuntimeError(
            f"the process has threads that a copy would lack: {threading.enumerate()}"
        )
    original = os.getpid()
    reading, writing = os.pipe()
    if not _LIBC.fork():
        os.getpid = lambda: original
        try:
            outcome = json.dumps({"result": function()})
        except BaseException:  # noqa: BLE001 - the original raises it
            outcome = json.dumps({"error": traceback.format_exc()})
        os.write(writing, outcome.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        outcome = json.loads(pipe.read())
    os.wait()
    if "error" in outcome:
        raise RuntimeError(outcome["error"])
    return outcome["result"]


def list_connections() -> list[socket.socket]:
    """Return duplicates of the sockets that this process has open."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    numbers = [int(each.name) for each in entries if str(each.readlink()).startswith("socket:")]
    return [socket.socket(fileno=os.dup(number)) for number in numbers]


def break_connections() -> int:
    """Shut down all connections, as after a long time. Return their number."""
    connections = list_connections()
    for connection in connections:
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
    return len(connections)


def record_events(*names: str) -> list[str]:
    """Return a list, to which each later audit event of these names is added."""
    events: list[str] = []

    def record(name: str, arguments: tuple[Any, ...]) -> None:
        if name in names:
            events.append(f"{name} {arguments}")

    sys.addaudithook(record)
    return events


def record_connection_attempts() -> list[str]:
    """Return a list, to which each later attempt of this process to connect is added."""
    return record_events("socket.connect", "socket.getaddrinfo")


class CredentialsServer(ThreadingHTTPServer):
    """A server of credentials, like Lambda's with SnapStart.

    Args:
        lifetime: the lifetime of the credentials.
        key: their access key; by default, each response has a new one.
    """

    daemon_threads = True

    def __init__(self, lifetime: timedelta, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lifetime = lifetime
        self.key = key
        self.keys: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which clients find the server."""
        url = f"http://127.0.0.1:{self.server_port}/credentials"
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": _TOKEN,
        }


class _Handler(BaseHTTPRequestHandler):
    server: CredentialsServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Send credentials."""
        assert self.headers["Authorization"] == _TOKEN
        keys, expiration = self.server.keys, datetime.now(timezone.utc) + self.server.lifetime
        keys.append(self.server.key or f"ASIA{len(keys)}")
        secret = {"SecretAccessKey": "secret", "Token": "token"}
        body = json.dumps({"AccessKeyId": keys[-1], **secret, "Expiration": expiration.isoformat()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


@contextmanager
def serve_credentials(
    lifetime: timedelta = timedelta(hours=6), key: str = ""
) -> Iterator[CredentialsServer]:
    """Run a server of credentials."""
    with CredentialsServer(lifetime, key) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
