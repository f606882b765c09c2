"""Connects a boto3 client to an engine in the same process.

botocore emits the event `before-send` with the signed request before it opens a connection, and
uses the result of a handler as the response. So an ordinary client works with the engine, including
its validation, signing, retries and paginators.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit
from weakref import WeakSet

from .engine import Engine
from .faults import TIMEOUT, Faults, Loss
from .signatures import HttpRequest, Verifier
from .wire import answer_or_lose

Client = TypeVar("Client")

_EVENT: Final = "before-send.s3vectors"
_ID: Final = "s3vectors-local"

_TICK: Final = 0.5
"""A longer wait is split into waits of this many seconds: Python may miss a Ctrl-C before one."""

_CONNECTED: Final[WeakSet[Any]] = WeakSet()
"""The events of connected clients."""


@dataclass(frozen=True)
class _BotocoreResponse:
    """The parts of an HTTP response that botocore reads."""

    status_code: int
    headers: dict[str, str]
    content: bytes


def connect(
    client: Client,
    engine: Engine,
    *,
    faults: Faults | None = None,
    verifier: Verifier | None = None,
) -> Client:
    """Connect a boto3 `s3vectors` client to an engine.

    A client that was connected to another engine is disconnected from it. Inside moto's `mock_aws`,
    moto also executes each request; use `connect_all` to avoid that.

    Args:
        client: any boto3 `s3vectors` client.
        engine: executes the operations.
        faults: the faults to inject; a lost response is botocore's ReadTimeoutError or
            ConnectionClosedError.
        verifier: checks signatures; without it, any credentials are accepted.

    Returns:
        The same client; its requests no longer use the network.

    Raises:
        ValueError: a client of another service.
    """
    service = client.meta.service_model.service_name  # type: ignore[attr-defined]  # the same
    if service != "s3vectors":
        raise ValueError(f"this is a client of {service}; connect takes one of s3vectors")
    events = client.meta.events  # type: ignore[attr-defined]  # any boto client; no boto here
    # botocore would call both handlers, and only counts an id that is registered twice
    events.unregister(_EVENT, unique_id=_ID)
    events.register(_EVENT, build_responder(engine, faults, verifier), unique_id=_ID)
    _CONNECTED.add(events)
    return client


def is_connected(events: Any) -> bool:
    """Whether a client with these events is connected."""
    return events in _CONNECTED


def build_responder(
    engine: Engine, faults: Faults | None, verifier: Verifier | None
) -> Callable[..., _BotocoreResponse]:
    """Build a handler of botocore's `before-send` that returns the responses of an engine."""
    active_faults = faults or Faults()

    def respond(request: Any, **_: Any) -> _BotocoreResponse:
        engine.check_owner()  # before anything with a lock
        outcome = active_faults.draw()
        _wait(active_faults.latency)
        response = answer_or_lose(outcome, engine, _convert_request(request), verifier)
        if isinstance(response, str):
            raise _build_error(response, request.url)
        return _BotocoreResponse(response.status, dict(response.headers), response.body)

    return respond


def _wait(seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _TICK))


def _build_error(loss: Loss, url: str) -> Exception:
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError  # noqa: PLC0415 - loaded

    return (ReadTimeoutError if loss == TIMEOUT else ConnectionClosedError)(endpoint_url=url)


def _convert_request(request: Any) -> HttpRequest:
    url = urlsplit(request.url)
    headers = {name.lower(): _decode(value) for name, value in request.headers.items()}
    headers.setdefault("host", _format_host(url))
    return HttpRequest(request.method, url.path, url.query, headers, request.body or b"")


def _format_host(url: SplitResult) -> str:
    """Format the Host header as botocore signs it and HTTP clients send it."""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    default = {"http": 80, "https": 443}.get(url.scheme)
    return host if url.port in (None, default) else f"{host}:{url.port}"


def _decode(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
