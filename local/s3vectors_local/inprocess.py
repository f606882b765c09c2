"""The door without a socket: a boto3 client whose requests the engine answers.

botocore emits `before-send` with the signed request just before it would open a
connection, and takes what a handler returns as the response. So an ordinary client, with
all its validation, signing, retries and paginators, talks to the engine in this process.
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

_CONNECTED: Final[WeakSet[Any]] = WeakSet()
"""The events of clients that an engine answers."""


@dataclass(frozen=True)
class _BotocoreResponse:
    """As much of an HTTP response as botocore reads."""

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
    """Let the engine answer every request of a boto3 `s3vectors` client.

    A client that was connected to another engine leaves that one. Inside moto's `mock_aws`, moto
    carries every request out, too; `connect_all` keeps it from that.

    Args:
        client: any boto3 `s3vectors` client.
        engine: who answers.
        faults: what goes wrong on purpose; a lost answer is botocore's ReadTimeoutError
            or ConnectionClosedError.
        verifier: checks signatures; without it any credentials will do.

    Returns:
        The same client; none of its requests reaches a network any more.

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
    """Whether these are the events of a client that was given to `connect`."""
    return events in _CONNECTED


def build_responder(
    engine: Engine, faults: Faults | None, verifier: Verifier | None
) -> Callable[..., _BotocoreResponse]:
    """A handler of botocore's `before-send`: the engine's answer to a request."""
    active_faults = faults or Faults()

    def respond(request: Any, **_: Any) -> _BotocoreResponse:
        engine.check_owner()  # before anything that has a lock
        outcome = active_faults.draw()
        if active_faults.latency:
            time.sleep(active_faults.latency)
        response = answer_or_lose(outcome, engine, _convert_request(request), verifier)
        if isinstance(response, str):
            raise _build_error(response, request.url)
        return _BotocoreResponse(response.status, dict(response.headers), response.body)

    return respond


def _build_error(loss: Loss, url: str) -> Exception:
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError  # noqa: PLC0415 - loaded

    return (ReadTimeoutError if loss == TIMEOUT else ConnectionClosedError)(endpoint_url=url)


def _convert_request(request: Any) -> HttpRequest:
    url = urlsplit(request.url)
    headers = {name.lower(): _decode(value) for name, value in request.headers.items()}
    headers.setdefault("host", _format_host(url))
    return HttpRequest(request.method, url.path, url.query, headers, request.body or b"")


def _format_host(url: SplitResult) -> str:
    """As botocore signs it and an HTTP client sends it."""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    default = {"http": 80, "https": 443}.get(url.scheme)
    return host if url.port in (None, default) else f"{host}:{url.port}"


def _decode(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
