"""The console's HTTP API and its pages, for any server of this package to serve.

The caller checks `Host`, `Origin` and `Sec-Fetch-Site` first (`origins.py`).
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from s3vectors_local.asgi import (
    BodyMemory,
    Message,
    Receive,
    Send,
    estimate_body_size,
    join_headers,
    read_body,
    send_response,
)
from s3vectors_local.errors import (
    AccessDeniedException,
    OtherServiceError,
    ServiceError,
    UnknownOperationException,
)
from s3vectors_local.parsing import parse_object
from s3vectors_local.wire import Response, check_media_type

from .downloads import Tickets, read_download
from .imports import TYPES, Upload, import_file, read_target
from .jobs import JOBS
from .maps import Maps
from .members import Members
from .options import ConsoleOptions
from .pages import PAGE, read_static
from .responses import HEADERS, build_failure, build_json_response, build_refusal
from .service import Service
from .streams import Streams

_LOG = logging.getLogger(__name__)

_API: Final = "/console/api/"
_STATIC: Final = "/console/static/"
_DOWNLOAD: Final = "/console/download/"

_BODY_BYTES: Final = 2 * 1024 * 1024
"""The longest request: 500 keys of a kilobyte, all escaped, take less."""

_BODIES_BYTES: Final = 8 * _BODY_BYTES
"""The bytes of request bodies in memory at a time."""

_THREADS: Final = 4
"""The steps of jobs, and calls, that run at a time."""

READS: Final = frozenset(
    {
        "ListVectorBuckets",
        "GetVectorBucket",
        "GetVectorBucketPolicy",
        "ListIndexes",
        "GetIndex",
        "ListVectors",
        "GetVectors",
        "QueryVectors",
        "ListTagsForResource",
    }
)
WRITES: Final = frozenset({"DeleteVectors", "DeleteIndex"})
"""The operations that the page may call: always, and when it may write."""

Handler: TypeAlias = Callable[[Service, Mapping[str, Any]], Any]


class Console:
    """Answers the requests whose path is `/` or begins with `/console/`.

    Args:
        service: what is shown.
        options: what it may do, and for whom.
        stopping: set when the server stops; jobs end then.
        list_requests: returns the last requests that the server answered, those after an id.
    """

    def __init__(
        self,
        service: Service,
        options: ConsoleOptions,
        stopping: asyncio.Event,
        list_requests: Callable[[int], dict[str, Any]] | None = None,
    ) -> None:
        self._service = service
        self._list_requests = list_requests
        self._options = options
        self._memory = BodyMemory(_BODIES_BYTES)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3vectors-console")
        self._streams = Streams(self._threads, stopping)
        self._maps = Maps()
        self._drawing = asyncio.Lock()  # a map takes much memory, and all processors
        self._tickets = Tickets()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> Response | None:
        """Answer one request.

        Returns:
            The answer when it is a refusal.
        """
        try:
            return await self._route(scope, receive, send)
        except ServiceError as error:
            await send_response(send, refused := build_refusal(error))
            return refused

    async def _route(self, scope: Message, receive: Receive, send: Send) -> Response | None:
        method, path = scope["method"], scope["path"]
        if method == "GET" and path == "/":
            await send_response(send, _read_page(PAGE))
        elif method == "GET" and path.startswith(_STATIC):
            await send_response(send, _read_page(path.removeprefix(_STATIC)))
        elif method == "GET" and path.startswith(_DOWNLOAD):
            download = self._tickets.redeem(path.removeprefix(_DOWNLOAD))
            await read_body(receive, 0)
            await self._streams.send_file(download.file_name, download.read(), receive, send)
        elif method == "POST" and path == f"{_API}import":
            await self._import(scope, receive, send)
        elif method == "POST" and path.startswith(_API):
            await self._serve_api(path.removeprefix(_API), scope, receive, send)
        else:
            raise _build_path_error(method, path)
        return None

    async def _import(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = join_headers(scope)
        self._check(headers, TYPES)
        self._check_writing("An import")
        target = read_target(scope["query_string"].decode("latin-1"))
        upload = Upload(receive, asyncio.get_running_loop())
        steps = import_file(self._choose_service(headers), target, upload)
        await self._streams.send_import(steps, upload, send)

    async def _serve_api(self, path: str, scope: Message, receive: Receive, send: Send) -> None:
        headers = join_headers(scope)
        self._check(headers, ("application/json",))
        async with self._memory.reserve(estimate_body_size(headers, _BODY_BYTES)):
            body = await read_body(receive, _BODY_BYTES)
            if body is None:
                return
            request, service = _parse(body), self._choose_service(headers)
            kind, _, name = path.partition("/")
            if kind == "stream":
                job = self._maps.draw if name == "map" else JOBS.get(name)
                if job is None:
                    raise _build_path_error("POST", _API + path)
                turn = self._drawing if name == "map" else nullcontext()
                await self._streams.send_job(job(service, Members(request)), receive, send, turn)
                return
            response = await self._run(self._find_handler(kind, name), service, request)
        await send_response(send, response)

    def _check(self, headers: Mapping[str, str], types: Sequence[str]) -> None:
        """Refuse a request because of its headers."""
        token, sent = self._options.token, headers.get("x-console-token", "")
        if token is not None and not hmac.compare_digest(token.encode(), sent.encode()):
            raise OtherServiceError(
                "TokenRequired",
                "This console needs the token in the address that was printed when it started. "
                "Open that address",
                401,
            )
        check_media_type(headers, types)

    def _check_writing(self, what: str) -> None:
        if not self._options.write:
            raise AccessDeniedException(
                f"{what} is not allowed: this console only reads. Start it with --console write "
                "(s3vectors-local serve) or --write (stache-s3vectors console)"
            )

    def _choose_service(self, headers: Mapping[str, str]) -> Service:
        region = headers.get("x-console-region")
        return self._service if region is None else self._service.in_region(region)

    def _find_handler(self, kind: str, name: str) -> Handler:
        if kind == "about" and not name:
            return self._about
        if kind == "requests" and not name and (list_requests := self._list_requests):
            return lambda _, request: list_requests(_read_after(request))
        if kind == "download" and not name:
            return self._order_download
        if kind == "call" and name in READS | WRITES:
            if name in WRITES:
                self._check_writing(name)
            return lambda service, request: _call(service, name, request)
        raise _build_path_error("POST", f"{_API}{kind}/{name}".rstrip("/"))

    def _about(self, service: Service, _: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": "s3vectors-local",
            "version": version("s3vectors-local"),
            "write": self._options.write,
            "requests": self._list_requests is not None,
            **service.describe(),
        }

    def _order_download(self, service: Service, request: Mapping[str, Any]) -> dict[str, str]:
        return {"ticket": self._tickets.issue(read_download(service, Members(request)))}

    def _run(
        self, handler: Handler, service: Service, request: Mapping[str, Any]
    ) -> Awaitable[Response]:
        """Handle a request in a thread; turn every error into a response."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, _handle, handler, service, request)


def _handle(handler: Handler, service: Service, request: Mapping[str, Any]) -> Response:
    try:
        return build_json_response(200, handler(service, request))
    except ServiceError as error:
        return build_refusal(error)
    except Exception:  # noqa: BLE001 - any other error is a 500, and is logged
        _LOG.exception("the console failed")
        return build_refusal(build_failure())


def _call(service: Service, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    begun = time.perf_counter()
    response = service.call(operation, request)
    milliseconds = (time.perf_counter() - begun) * 1000
    return {"response": response, "milliseconds": milliseconds}


def _read_after(request: Mapping[str, Any]) -> int:
    return Members(request).integer("after", 0, 0, 1 << 53)


def _parse(body: bytes) -> dict[str, Any]:
    if len(body) > _BODY_BYTES:
        raise OtherServiceError(
            "RequestTooLarge", f"The request is larger than {_BODY_BYTES:,} bytes", 413
        )
    return parse_object(body)


def _build_path_error(method: str, path: str) -> UnknownOperationException:
    return UnknownOperationException(f"The console has no {method} {path:.80}")


def _read_page(name: str) -> Response:
    page = read_static(name)
    if page is None:
        raise _build_path_error("GET", _STATIC + name)
    kind, content = page
    headers = {**HEADERS, "content-type": kind, "cache-control": "no-cache", "vary": "accept"}
    return Response(200, headers, content)
