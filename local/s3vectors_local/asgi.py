"""Requests and responses of ASGI: headers, bodies, and the memory for bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from .wire import Response

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class BodyMemory:
    """Limits the memory for request bodies.

    Args:
        size: bytes for all bodies together. Requests beyond it wait unread.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        """Wait until `size` bytes are free, and reserve them inside the `async with`."""
        if self._free < size:
            await self._wait_for(size)
        self._free -= size
        try:
            yield
        finally:
            self._free += size
            if self._waiting:  # rare, so the lock is taken only then
                async with self._changed:
                    self._changed.notify_all()

    async def _wait_for(self, size: int) -> None:
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._free >= size)
        finally:
            self._waiting -= 1


def join_headers(scope: Message) -> dict[str, str]:
    """Return the headers by lower-case name; repeated ones are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_text in scope["headers"]:
        name, text = raw_name.decode("latin-1"), raw_text.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def estimate_body_size(headers: Mapping[str, str], limit: int) -> int:
    """Return the announced size of a body, or the size limit if there is none."""
    if "transfer-encoding" in headers:
        return limit
    announced = headers.get("content-length", "0")
    return min(int(announced), limit) if announced.isdecimal() else limit


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Read the body; return None if the client disconnects before its end.

    A body beyond the limit is read to its end, but only its beginning is returned. That exceeds
    the limit, so that the caller can see it.
    """
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        if size <= limit:
            parts.append(part)
        size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def send_response(send: Send, response: Response) -> None:
    """Send a whole response."""
    headers = {**response.headers, "content-length": str(len(response.body))}
    await start_response(send, response.status, headers)
    await send({"type": "http.response.body", "body": response.body})


async def start_response(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """Send the status and the headers of a response."""
    encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def drop_connection(send: Any, receive: Receive) -> None:
    """Close the connection. ASGI has no message for it; uvicorn's `send` has the transport."""
    send.__self__.transport.abort()
    await receive()  # until uvicorn has noticed, else it would send a response
