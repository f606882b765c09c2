"""An HTTP server in front of an engine, which hangs or fails when a test wants it to."""

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
"""Returns how to respond to an operation, given the number of the request (from 0).

PASS is the engine's response, SILENT is none until the server recovers or stops, and a number is an
HTTP status.
"""


@dataclass
class UnreliableServer:
    """An HTTP server in front of an engine.

    Args:
        url: the URL of the server.
        behavior: decides the responses to the next requests.
        operations: the operations requested so far.
        recovered: set when the server recovers or stops.
        hanging: has one permit for each request that hangs.
    """

    engine: Engine
    url: str = ""
    behavior: Behavior = lambda *_: PASS
    operations: list[str] = field(default_factory=list)
    recovered: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def recover(self) -> None:
        """Respond normally from now on, and drop the requests that hang."""
        self.behavior = lambda *_: PASS
        self.recovered.set()


@contextmanager
def serve_unreliably(
    engine: Engine, behavior: Behavior | None = None
) -> Iterator[UnreliableServer]:
    """Run a server whose behavior the test can change."""
    state = UnreliableServer(engine)
    if behavior is not None:
        state.behavior = behavior

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.path.strip("/")
            state.operations.append(operation)
            action = state.behavior(operation, len(state.operations) - 1)
            if action == SILENT:
                state.hanging.release()
                state.recovered.wait()
                self.close_connection = True
                return
            if action == PASS:
                headers = {name.lower(): text for name, text in self.headers.items()}
                request = HttpRequest("POST", self.path, "", headers, body)
                response = answer(state.engine, request)
                self._send(response.status, dict(response.headers), response.body)
                return
            code = "TooManyRequestsException" if action == 429 else "ServiceUnavailableException"
            headers = {"content-type": "application/json", "x-amzn-errortype": code}
            self._send(int(str(action)), headers, b'{"message":"not now"}')

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
            state.recovered.set()
            server.shutdown()
            thread.join()
