"""The HTTP server."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import metadata
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from .asgi import (
    BodyMemory,
    Message,
    Receive,
    Send,
    drop_connection,
    estimate_body_size,
    join_headers,
    read_body,
    send_response,
)
from .console.options import ConsoleOptions
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
from .recent_requests import RecentRequests
from .request_log import RequestLog
from .signatures import HttpRequest, Verifier
from .wire import Response, answer_or_lose, build_error_response

if TYPE_CHECKING:
    from .console.application import Console
    from .console.service import Service

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9100

_THREADS: Final = 4
"""Requests that are executed at a time. The engine runs one; the others are parsed."""

_GRACE_SECONDS: Final = 3
"""Seconds that the server waits for running requests when it stops."""

_STOPPING: Final = "s3vectors-local is stopping"

_BODIES_BYTES: Final = 8 * REQUEST_BODY_BYTES
"""Memory for all request bodies together."""

_BACKLOG: Final = 128
"""Connections that can wait to be accepted."""


_PAGES: Final = frozenset({"/", "/health"})
"""Not for the console's list: a health check would push all else out of it."""


class Application:
    """The ASGI application that serves an engine. See `serve` for the arguments."""

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        engine: Engine,
        *,
        faults: Faults | None = None,
        verifier: Verifier | None = None,
        hosts: Collection[str] = (),
        log: RequestLog | None = None,
        console: ConsoleOptions | None = None,
    ) -> None:
        self._engine = engine
        self._options = console
        self._console: Console | None = None
        self._recent = RecentRequests() if console is not None else None
        self._log = log
        self._faults = faults or Faults()
        self._verifier = verifier
        self._origins = Origins(hosts)
        self._memory = BodyMemory(_BODIES_BYTES)
        self.stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3vectors")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, unless the client disconnects before it is complete."""
        start = time.perf_counter()
        headers = join_headers(scope)
        try:
            self._origins.check(headers, (scope.get("server") or ("",))[0])
            if self._options is not None and _is_for_console(scope, headers):
                await self._serve_console(scope, receive, send, start)
                return
            page = _build_page(scope)
            if self._verifier is not None and page is None:
                self._verifier.check_headers(headers)
        except ServiceError as error:
            await send_response(send, response := build_error_response(error))  # body is not read
            self._log_request(scope, response, start)
            return
        if page is not None:  # needs no signature, so it gets no memory and its body is not read
            await send_response(send, page)
            self._log_request(scope, page, start)
            return
        async with self._memory.reserve(estimate_body_size(headers, REQUEST_BODY_BYTES)):
            await self._serve(scope, receive, send, headers)

    async def _serve_console(
        self, scope: Message, receive: Receive, send: Send, start: float
    ) -> None:
        refusal = await self._open_console()(scope, receive, send)
        if refusal is not None:  # the console's operations are recorded by its service
            self._log_request(scope, refusal, start, console=True)

    def _open_console(self) -> Console:
        """Return the console. The first request for it imports it."""
        if self._console is None:
            from .console.application import Console  # noqa: PLC0415 - only when it is opened
            from .console.service import EngineService  # noqa: PLC0415 - only when it is opened

            service = EngineService(self._engine, self._record)
            options = self._options or ConsoleOptions()
            self._console = Console(service, options, self.stopping, self._list_requests)
        return self._console

    def _list_requests(self, after: int) -> dict[str, Any]:
        requests = [] if self._recent is None else self._recent.list(after)
        return {"requests": requests, "unused": self._engine.list_unused()}

    def _log_request(
        self, scope: Message, response: Response | Loss, start: float, *, console: bool = False
    ) -> None:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        self._record(method, path, response, time.perf_counter() - start, console=console)

    def _record(
        self,
        method: str,
        path: str,
        response: Response | Loss,
        seconds: float,
        *,
        console: bool = True,
    ) -> None:
        """Log a request; the operations of the console come from its service."""
        if self._log is not None:
            self._log.print(method, path, response, seconds)
        if self._recent is not None and path not in _PAGES:
            self._recent.add(method, path, response, seconds, console=console)

    async def _serve(
        self, scope: Message, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        try:
            body = await read_body(receive, REQUEST_BODY_BYTES)
            if body is None:
                return
            start = time.perf_counter()
            response = await self._answer(scope, headers, body)
            self._log_request(scope, response, start)
            if response == TIMEOUT:  # an injected fault
                response = await self._wait_for_disconnect(receive)
            if response == DROPPED:
                await drop_connection(send, receive)
            else:
                await send_response(send, response)
        except asyncio.CancelledError:  # the server stops and the grace period is over
            await send_response(send, build_error_response(ServiceUnavailableException(_STOPPING)))

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


def _is_for_console(scope: Message, headers: Mapping[str, str]) -> bool:
    """Return whether a request is for the console, or from a browser for the server's root."""
    path = scope["path"]
    if path == "/":
        return scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    return str(path).startswith("/console/")


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
    return f"""s3vectors-local {package["Version"]}: a local engine for the Amazon S3 Vectors API

This is an S3 Vectors endpoint, for AWS's SDKs and the AWS CLI:
    export AWS_ENDPOINT_URL_S3VECTORS=http://{DEFAULT_HOST}:{DEFAULT_PORT}
GET /health returns 200. `s3vectors-local serve --help` lists the options.
The documentation follows.

{package["Description"]}"""


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
    console: ConsoleOptions | None = None,
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
        console: how to serve the console; without it, there is none.
    """
    try:
        application = Application(
            engine, faults=faults, verifier=verifier, hosts=hosts, log=log, console=console
        )
        _Server(application).run(sockets=[bound])
    finally:
        if log is not None:
            log.close()


class ConsoleApplication:
    """The ASGI application that serves the console alone.

    Args:
        service: what it shows.
        options: how to serve it.
    """

    def __init__(self, service: Service, options: ConsoleOptions) -> None:
        from .console.application import Console  # noqa: PLC0415 - only when it is opened

        self.stopping = asyncio.Event()
        self._console = Console(service, options, self.stopping)
        self._origins = Origins()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            self._origins.check(join_headers(scope), (scope.get("server") or ("",))[0])
        except ServiceError as error:
            await send_response(send, build_error_response(error))
            return
        await self._console(scope, receive, send)


def serve_console(service: Service, bound: socket.socket, options: ConsoleOptions) -> None:
    """Serve the console of a service until SIGINT or SIGTERM.

    Args:
        service: what it shows.
        bound: the socket from `listen`.
        options: how to serve it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn re-raises it when it ends
    with suppress(KeyboardInterrupt):  # uvicorn has finished the running requests
        _Server(ConsoleApplication(service, options)).run(sockets=[bound])


@contextmanager
def serving(
    engine: Engine,
    *,
    faults: Faults | None = None,
    verifier: Verifier | None = None,
    console: ConsoleOptions | None = None,
) -> Iterator[str]:
    """Serve an engine on a loopback port from a thread, inside a `with`.

    Args:
        engine: executes the operations; it stays open afterwards.
        faults: the faults to inject.
        verifier: checks signatures; without it, any credentials are accepted.
        console: how to serve the console; without it, there is none.

    Yields:
        The URL.
    """
    bound = listen(DEFAULT_HOST, 0)
    server = _Server(Application(engine, faults=faults, verifier=verifier, console=console))
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

    def __init__(self, application: Application | ConsoleApplication) -> None:
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
