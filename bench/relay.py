"""How many bytes and requests a client sends and gets: a relay to a server, which counts."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_PIECE: Final = 65_536
_RETRY: Final = re.compile(rb"amz-sdk-request: [^\r]*attempt=(?!1\b)", re.IGNORECASE)
"""botocore writes into each request's head which attempt it is."""


@dataclass
class Traffic:
    """Bytes in both directions, HTTP's headers included, and requests, through one URL."""

    url: str
    requests: int = 0
    retried: int = 0
    sent: int = 0
    received: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note_sent(self, piece: bytes) -> None:
        """Something on its way to the server."""
        with self.lock:
            self.sent += len(piece)
            # A head is never larger than a piece, and begins one: a body ends before it
            if piece.startswith(b"POST /"):
                self.requests += 1
                self.retried += _RETRY.search(piece) is not None

    def note_received(self, piece: bytes) -> None:
        """Something on its way back."""
        with self.lock:
            self.received += len(piece)


@contextmanager
def count_traffic(url: str) -> Iterator[Traffic]:
    """A relay to the server of that URL, for as long as it is used."""
    parts = urlsplit(url)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((str(parts.hostname), parts.port or 80)) as server:
                arguments = (server, self.request, traffic.note_received)
                back = threading.Thread(target=forward, args=arguments, daemon=True)
                back.start()
                forward(self.request, server, traffic.note_sent)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
        relay.daemon_threads = True
        traffic = Traffic(f"http://127.0.0.1:{relay.server_address[1]}")
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield traffic
        relay.shutdown()


def forward(one: socket.socket, other: socket.socket, note: Callable[[bytes], None]) -> None:
    """Pass on what one sends, until it ends."""
    other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):  # either side may go at any time
        while piece := one.recv(_PIECE):
            note(piece)
            other.sendall(piece)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)  # also after a reset: nobody shall wait for more
