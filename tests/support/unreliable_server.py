"""Servers that answer when a test lets them: down, silent, or both in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from s3vectors_local import Engine
from s3vectors_local.signatures import HttpRequest
from s3vectors_local.wire import answer

PASS: Final = "pass"
SILENT: Final = "silent"

Behavior = Callable[[str, int], object]
"""For an operation, and the number of the request (from 0): PASS for the engine's answer, SILENT
for none as long as the server runs, or an HTTP status."""


@dataclass
class UnreliableServer:
    """An HTTP server before an engine.

    Args:
        url: where it is.
        behavior: how the next requests are answered.
        seen: the operations asked for so far.
    """

    engine: Engine
    url: str = ""
    behavior: Behavior = lambda *_: PASS
    seen: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def let_go(self) -> None:
        """Answer from now on; what hangs is dropped."""
        self.behavior = lambda *_: PASS
        self.ended.set()


@contextmanager
def serve_unreliably(
    engine: Engine, behavior: Behavior | None = None
) -> Iterator[UnreliableServer]:
    """A server whose behavior a test can change while it runs."""
    state = UnreliableServer(engine)
    if behavior is not None:
        state.behavior = behavior

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.path.strip("/")
            state.seen.append(operation)
            reply = state.behavior(operation, len(state.seen) - 1)
            if reply == SILENT:
                state.hanging.release()
                state.ended.wait()
                self.close_connection = True
                return
            if reply == PASS:
                headers = {name.lower(): text for name, text in self.headers.items()}
                request = HttpRequest("POST", self.path, "", headers, body)
                got = answer(state.engine, request)
                self._send(got.status, dict(got.headers), got.body)
                return
            code = "TooManyRequestsException" if reply == 429 else "ServiceUnavailableException"
            headers = {"content-type": "application/json", "x-amzn-errortype": code}
            self._send(int(str(reply)), headers, b'{"message":"not now"}')

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            state.ended.set()
            server.shutdown()
            thread.join()
