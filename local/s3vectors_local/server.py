"""The door over HTTP: the same answers as in process, on a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

import uvicorn

from .engine import Engine
from .errors import ServiceUnavailableException
from .limits import REQUEST_BODY_BYTES
from .wire import Answer, answer, refusal

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9100

_THREADS: Final = 4
"""Requests in work at a time; the engine itself works on one, the others parse."""

_GRACE: Final = 3
"""Seconds that requests under way get when the server is asked to stop."""

_BACKLOG: Final = 128
"""Connections that wait to be accepted."""

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Application:
    """An ASGI application in front of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3vectors")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, unless its client leaves or we stop before it is whole."""
        try:
            body = await _read(receive)
            if body is not None:
                await _send(send, await self._answer(scope, body))
        except asyncio.CancelledError:  # we are stopping, and it did not end in its time
            await _send(send, refusal(ServiceUnavailableException("s3vectors-local is stopping")))

    async def _answer(self, scope: Message, body: bytes) -> Answer:
        if (scope["method"], scope["path"]) == ("GET", "/health"):
            return Answer(200, {"content-type": "application/json"}, b'{"status":"ok"}')
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        request = (scope["method"], scope["path"], headers, body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, answer, self._engine, *request)


async def _send(send: Send, got: Answer) -> None:
    headers = {**got.headers, "content-length": str(len(got.body))}
    encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": got.status, "headers": encoded})
    await send({"type": "http.response.body", "body": got.body})


async def _read(receive: Receive) -> bytes | None:
    """The request's body, or None if the client left before its end.

    What is beyond the size limit is read and thrown away.
    """
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        if size <= REQUEST_BODY_BYTES:
            parts.append(part)
        size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Clients wait until `serve`.

    Raises:
        OSError: the address is in use or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def serve(engine: Engine, bound: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM; those under way get `_GRACE` seconds more."""
    configuration = uvicorn.Config(
        Application(engine),
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_GRACE,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(configuration).run(sockets=[bound])
