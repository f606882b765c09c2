"""The HTTP server: the same answers as in process, on a socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    MutableMapping,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from importlib.metadata import metadata
from typing import Any, Final, TypeAlias

import uvicorn

from .engine import Engine
from .errors import (
    InheritedEngineError,
    InternalServerException,
    ServiceError,
    ServiceUnavailableException,
)
from .faults import DROPPED, TIMEOUT, Faults, Lost
from .limits import REQUEST_BODY_BYTES
from .origins import Origins
from .request_log import RequestLog
from .signatures import HttpRequest, Verifier
from .wire import Answer, fated, refusal

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9100

_THREADS: Final = 4
"""Requests in work at a time; the engine itself works on one, the others parse."""

_GRACE: Final = 3
"""Seconds that requests under way get when the server is asked to stop."""

_STOPPING: Final = "s3vectors-local is stopping"

_BODIES_BYTES: Final = 8 * REQUEST_BODY_BYTES
"""Bodies that are held at a time, together."""

_BACKLOG: Final = 128
"""Connections that wait to be accepted."""

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Application:
    """An ASGI application in front of an engine; the arguments are those of `serve`."""

    def __init__(
        self,
        engine: Engine,
        faults: Faults | None = None,
        verifier: Verifier | None = None,
        hosts: Collection[str] = (),
        log: RequestLog | None = None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._faults = faults or Faults()
        self._verifier = verifier
        self._origins = Origins(hosts)
        self._room = _Room(_BODIES_BYTES)
        self.stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3vectors")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, unless its client leaves or we stop before it is whole."""
        begun = time.perf_counter()
        try:
            self._check(scope, headers := _headers(scope))
        except ServiceError as error:
            await _send(send, got := refusal(error))  # its body is not read
            self._print(scope, got, begun)
            return
        page = _page(scope)
        if page is not None:  # for anybody; so it takes no room, and no body is read
            await _send(send, page)
            self._print(scope, page, begun)
            return
        async with self._room.of(_body_bytes(headers)):
            await self._serve(scope, receive, send, headers)

    def _print(self, scope: Message, got: Answer | Lost, begun: float) -> None:
        if self._log is not None:
            method, path = scope["method"], scope["raw_path"].decode("latin-1")
            self._log.print(method, path, got, time.perf_counter() - begun)

    def _check(self, scope: Message, headers: Mapping[str, str]) -> None:
        """Refuse what the headers alone are reason enough to refuse."""
        self._origins.check(headers, (scope.get("server") or ("",))[0])
        if self._verifier is not None and _page(scope) is None:
            self._verifier.check_headers(headers)

    async def _serve(
        self, scope: Message, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        try:
            body = await _read(receive)
            if body is None:
                return
            begun = time.perf_counter()
            got = await self._answer(scope, headers, body)
            self._print(scope, got, begun)
            if got == TIMEOUT:  # a fault that was asked for: nothing comes
                got = await self._until_left(receive)
            if got == DROPPED:
                await _drop(send, receive)
            else:
                await _send(send, got)
        except asyncio.CancelledError:  # we are stopping, and it did not end in its time
            await _send(send, refusal(ServiceUnavailableException(_STOPPING)))

    async def _answer(
        self, scope: Message, headers: Mapping[str, str], body: bytes
    ) -> Answer | Lost:
        """The answer, or how it is to be lost."""
        try:
            self._engine.check_owner()
        except InheritedEngineError as error:
            return refusal(InternalServerException(str(error)))
        fate = self._faults.draw()
        if self._faults.latency:
            await asyncio.sleep(self._faults.latency)
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        request = HttpRequest(scope["method"], path, query, headers, body)
        asked = (fate, self._engine, request, self._verifier)
        return await asyncio.get_running_loop().run_in_executor(self._threads, fated, *asked)

    async def _until_left(self, receive: Receive) -> Answer:
        """Wait until the client has left, or we stop and must answer something."""
        stopping = asyncio.ensure_future(self.stopping.wait())
        left = asyncio.ensure_future(receive())
        await asyncio.wait((stopping, left), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        left.cancel()
        return refusal(ServiceUnavailableException(_STOPPING))


class _Room:
    """Memory for the bodies that are being received and answered.

    Args:
        size: bytes that they may take together; the others wait, unread.
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Wait until there is so much room, and have it inside."""
        if self._left < size:
            await self._wait_for(size)
        self._left -= size
        try:
            yield
        finally:
            self._left += size
            if self._waiting:  # hardly ever: the others need not pay for it
                async with self._changed:
                    self._changed.notify_all()

    async def _wait_for(self, size: int) -> None:
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._left >= size)
        finally:
            self._waiting -= 1


def _page(scope: Message) -> Answer | None:
    """What is answered beside the API, to anybody; None when the request is for the API."""
    if scope["method"] != "GET":
        return None
    if scope["path"] == "/health":
        return Answer(200, {"content-type": "application/json"}, b'{"status":"ok"}')
    if scope["path"] == "/":
        headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
        return Answer(200, headers, _about().encode())
    return None


@cache
def _about() -> str:
    """What this is, and its documents: the README that the package is installed with."""
    package = metadata("s3vectors-local")
    return f"""s3vectors-local {package["Version"]}: {package["Summary"]}

This is an S3 Vectors endpoint, for AWS's SDKs and the AWS CLI:
    export AWS_ENDPOINT_URL_S3VECTORS=http://{DEFAULT_HOST}:{DEFAULT_PORT}
GET /health says whether it runs. `s3vectors-local serve --help` lists its options.
Its documents follow.

{package["Description"]}"""


def _body_bytes(headers: Mapping[str, str]) -> int:
    """What a request's body will take; the most that is kept when it does not say."""
    if "transfer-encoding" in headers:
        return REQUEST_BODY_BYTES
    announced = headers.get("content-length", "0")
    return min(int(announced), REQUEST_BODY_BYTES) if announced.isdecimal() else REQUEST_BODY_BYTES


def _headers(scope: Message) -> dict[str, str]:
    """By name in lower case; those that are there several times are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_text in scope["headers"]:
        name, text = raw_name.decode("latin-1"), raw_text.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


async def _send(send: Send, got: Answer) -> None:
    headers = {**got.headers, "content-length": str(len(got.body))}
    encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": got.status, "headers": encoded})
    await send({"type": "http.response.body", "body": got.body})


async def _drop(send: Any, receive: Receive) -> None:
    """Close the connection; ASGI has no word for it, but uvicorn's `send` knows its transport."""
    send.__self__.transport.abort()
    await receive()  # until uvicorn has noticed, else it would answer for us


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


def serve(  # noqa: PLR0913 - all but two by name
    engine: Engine,
    bound: socket.socket,
    *,
    faults: Faults | None = None,
    verifier: Verifier | None = None,
    hosts: Collection[str] = (),
    log: RequestLog | None = None,
) -> None:
    """Answer requests until SIGINT or SIGTERM; those under way get `_GRACE` seconds more.

    Requests that a web page of another origin may have sent are refused.

    Args:
        engine: who answers.
        bound: from `listen`.
        faults: what goes wrong on purpose.
        verifier: checks signatures; without it any credentials will do.
        hosts: names and addresses by which clients reach it, beside those of the loopback
            interface and the address that they connect to.
        log: gets a line for each request.
    """
    try:
        _Server(Application(engine, faults, verifier, hosts, log)).run(sockets=[bound])
    finally:
        if log is not None:
            log.close()


@contextmanager
def serving(
    engine: Engine, *, faults: Faults | None = None, verifier: Verifier | None = None
) -> Iterator[str]:
    """Answer requests on this machine from a thread, inside a `with`; gives the URL.

    Args:
        engine: who answers; it stays open afterwards.
        faults: what goes wrong on purpose.
        verifier: checks signatures; without it any credentials will do.
    """
    bound = listen(DEFAULT_HOST, 0)
    server = _Server(Application(engine, faults, verifier))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://{DEFAULT_HOST}:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


class _Server(uvicorn.Server):
    """Tells the application that it stops, so that nothing waits in vain."""

    def __init__(self, application: Application) -> None:
        self._application = application
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=_GRACE,
                log_level="warning",
                access_log=False,
                server_header=False,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it."""
        self._application.stopping.set()
        await super().shutdown(sockets)
