"""The HTTP server."""

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
from .faults import DROPPED, TIMEOUT, Faults, Loss
from .limits import REQUEST_BODY_BYTES
from .origins import Origins
from .request_log import RequestLog
from .signatures import HttpRequest, Verifier
from .wire import Response, answer_or_lose, build_error_response

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9100

_THREADS: Final = 4
"""Requests that are executed at a time. The engine runs one; the others are parsed."""

_GRACE_SECONDS: Final = 3
"""How long the server waits for running requests when it stops."""

_STOPPING: Final = "s3vectors-local is stopping"

_BODIES_BYTES: Final = 8 * REQUEST_BODY_BYTES
"""Memory for all request bodies together."""

_BACKLOG: Final = 128
"""Connections that can wait to be accepted."""

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Application:
    """The ASGI application that serves an engine. See `serve` for the arguments."""

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
        self._memory = _BodyMemory(_BODIES_BYTES)
        self.stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3vectors")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, unless the client disconnects before it is complete."""
        start = time.perf_counter()
        try:
            self._check(scope, headers := _join_headers(scope))
        except ServiceError as error:
            await _send(send, response := build_error_response(error))  # before the body is read
            self._log_request(scope, response, start)
            return
        page = _build_page(scope)
        if page is not None:  # needs no signature, so it gets no memory and its body is not read
            await _send(send, page)
            self._log_request(scope, page, start)
            return
        async with self._memory.reserve(_estimate_body_size(headers)):
            await self._serve(scope, receive, send, headers)

    def _log_request(self, scope: Message, response: Response | Loss, start: float) -> None:
        if self._log is not None:
            method, path = scope["method"], scope["raw_path"].decode("latin-1")
            self._log.print(method, path, response, time.perf_counter() - start)

    def _check(self, scope: Message, headers: Mapping[str, str]) -> None:
        """Refuse a request by its headers alone."""
        self._origins.check(headers, (scope.get("server") or ("",))[0])
        if self._verifier is not None and _build_page(scope) is None:
            self._verifier.check_headers(headers)

    async def _serve(
        self, scope: Message, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        try:
            body = await _read(receive)
            if body is None:
                return
            start = time.perf_counter()
            response = await self._answer(scope, headers, body)
            self._log_request(scope, response, start)
            if response == TIMEOUT:  # an injected fault
                response = await self._wait_for_disconnect(receive)
            if response == DROPPED:
                await _drop(send, receive)
            else:
                await _send(send, response)
        except asyncio.CancelledError:  # the server stops and the grace period is over
            await _send(send, build_error_response(ServiceUnavailableException(_STOPPING)))

    async def _answer(
        self, scope: Message, headers: Mapping[str, str], body: bytes
    ) -> Response | Loss:
        """Return the response, or how to lose it."""
        try:
            self._engine.check_owner()
        except InheritedEngineError as error:
            return build_error_response(InternalServerException(str(error)))
        outcome = self._faults.draw()
        if self._faults.latency:
            await asyncio.sleep(self._faults.latency)
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        request = HttpRequest(scope["method"], path, query, headers, body)
        arguments = (outcome, self._engine, request, self._verifier)
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, answer_or_lose, *arguments
        )

    async def _wait_for_disconnect(self, receive: Receive) -> Response:
        """Wait until the client disconnects or the server stops."""
        stopping = asyncio.ensure_future(self.stopping.wait())
        disconnected = asyncio.ensure_future(receive())
        await asyncio.wait((stopping, disconnected), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        disconnected.cancel()
        return build_error_response(ServiceUnavailableException(_STOPPING))


class _BodyMemory:
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
        """Wait until so many bytes are free, and reserve them inside the `async with`."""
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


def _build_page(scope: Message) -> Response | None:
    """Build a page that needs no signature; None when the request is for the API."""
    if scope["method"] != "GET":
        return None
    if scope["path"] == "/health":
        return Response(200, {"content-type": "application/json"}, b'{"status":"ok"}')
    if scope["path"] == "/":
        headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
        return Response(200, headers, _describe_package().encode())
    return None


@cache
def _describe_package() -> str:
    """Describe the package, with its README."""
    package = metadata("s3vectors-local")
    return f"""s3vectors-local {package["Version"]}: {package["Summary"]}

This is an S3 Vectors endpoint, for AWS's SDKs and the AWS CLI:
    export AWS_ENDPOINT_URL_S3VECTORS=http://{DEFAULT_HOST}:{DEFAULT_PORT}
GET /health returns 200. `s3vectors-local serve --help` lists the options.
The documentation follows.

{package["Description"]}"""


def _estimate_body_size(headers: Mapping[str, str]) -> int:
    """Return the announced size of a body, or the size limit if there is none."""
    if "transfer-encoding" in headers:
        return REQUEST_BODY_BYTES
    announced = headers.get("content-length", "0")
    return min(int(announced), REQUEST_BODY_BYTES) if announced.isdecimal() else REQUEST_BODY_BYTES


def _join_headers(scope: Message) -> dict[str, str]:
    """Return the headers by lower-case name; repeated ones are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_text in scope["headers"]:
        name, text = raw_name.decode("latin-1"), raw_text.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


async def _send(send: Send, response: Response) -> None:
    headers = {**response.headers, "content-length": str(len(response.body))}
    encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": response.body})


async def _drop(send: Any, receive: Receive) -> None:
    """Close the connection. ASGI has no message for it; uvicorn's `send` has the transport."""
    send.__self__.transport.abort()
    await receive()  # until uvicorn has noticed, else it would send a response


async def _read(receive: Receive) -> bytes | None:
    """Read the body; return None if the client disconnects before its end.

    Beyond the size limit, the body is read and discarded.
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
    """Open a listening socket; port 0 takes a free port. Clients wait until `serve`.

    Raises:
        OSError: the address is in use or does not belong to this machine.
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


def serve(  # noqa: PLR0913 - all but two are keyword-only
    engine: Engine,
    bound: socket.socket,
    *,
    faults: Faults | None = None,
    verifier: Verifier | None = None,
    hosts: Collection[str] = (),
    log: RequestLog | None = None,
) -> None:
    """Answer requests until SIGINT or SIGTERM; running requests get 3 more seconds.

    Requests from web pages of other origins are refused.

    Args:
        engine: executes the operations.
        bound: the socket from `listen`.
        faults: the faults to inject.
        verifier: checks signatures; without it, any credentials are accepted.
        hosts: more host names and addresses of this server. Loopback and the address that a
            client connects to are always accepted.
        log: prints a line for each request.
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
    """Serve an engine on a loopback port from a thread, inside a `with`.

    Args:
        engine: executes the operations; it stays open afterwards.
        faults: the faults to inject.
        verifier: checks signatures; without it, any credentials are accepted.

    Yields:
        The URL.
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
    """Tells the application when it stops, so that no request waits for ever."""

    def __init__(self, application: Application) -> None:
        self._application = application
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=_GRACE_SECONDS,
                log_level="warning",
                access_log=False,
                server_header=False,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; uvicorn calls this."""
        self._application.stopping.set()
        await super().shutdown(sockets)
