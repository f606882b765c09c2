"""How many bytes and requests a client sends and gets: a relay to a server, which counts."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PIECE: Final = 65_536
_RETRY: Final = re.compile(rb"amz-sdk-request: [^\r]*attempt=(?!1\b)", re.IGNORECASE)
"""botocore writes into each request's head which attempt it is."""


@dataclass
class Traffic:
    """Bytes in both directions, HTTP's headers included, and requests, through one URL."""

    url: str = ""
    requests: int = 0
    retried: int = 0
    sent: int = 0
    received: int = 0

    def count_sent(self, piece: bytes) -> None:
        """Count what goes to the server."""
        self.sent += len(piece)
        # A head is never larger than a piece, and begins one: a body ends before it
        if piece.startswith(b"POST /"):
            self.requests += 1
            self.retried += _RETRY.search(piece) is not None

    def count_received(self, piece: bytes) -> None:
        """Count what comes back."""
        self.received += len(piece)


@contextmanager
def count_traffic(url: str) -> Iterator[Traffic]:
    """A relay to the server of that URL, for as long as it is used."""
    server, traffic = urlsplit(url), Traffic()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, onward = await asyncio.open_connection(server.hostname, server.port)
        try:
            await asyncio.gather(
                forward(reader, onward, traffic.count_sent),
                forward(back, writer, traffic.count_received),
            )
        finally:
            onward.close()
            writer.close()

    with asyncio.Runner() as runner:  # which cancels what is still connected
        listening = runner.run(asyncio.start_server(relay, "127.0.0.1", 0, limit=_PIECE))
        traffic.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield traffic
        finally:
            loop.call_soon_threadsafe(listening.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


async def forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[bytes], None]
) -> None:
    """Pass on what one side sends, until it ends."""
    with suppress(OSError):  # either side may go at any time
        while piece := await reader.read(_PIECE):
            count(piece)
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()  # also after a reset: nobody shall wait for more
