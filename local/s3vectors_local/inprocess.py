"""The door without a socket: a boto3 client whose requests the engine answers.

botocore emits `before-send` with the signed request just before it would open a
connection, and takes what a handler returns as the response. So an ordinary client, with
all its validation, signing, retries and paginators, talks to the engine in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from .engine import Engine
from .wire import Answer, answer

Client = TypeVar("Client")

_EVENT: Final = "before-send.s3vectors"
_ID: Final = "s3vectors-local"


@dataclass(frozen=True)
class _Response:
    """As much of an HTTP response as botocore reads."""

    status_code: int
    headers: dict[str, str]
    content: bytes


def connect(client: Client, engine: Engine) -> Client:
    """Let the engine answer every request of a boto3 `s3vectors` client.

    A client that was connected to another engine leaves that one.

    Returns:
        The same client; none of its requests reaches a network any more.
    """

    def respond(request: Any, **_: Any) -> _Response:
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        got: Answer = answer(
            engine, request.method, urlsplit(request.url).path, headers, request.body or b""
        )
        return _Response(got.status, dict(got.headers), got.body)

    events = client.meta.events  # type: ignore[attr-defined]  # any boto client; no boto here
    # botocore would call both handlers, and only counts an id that is registered twice
    events.unregister(_EVENT, unique_id=_ID)
    events.register(_EVENT, respond, unique_id=_ID)
    return client


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
