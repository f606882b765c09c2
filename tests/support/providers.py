"""Providers for tests, and failures of their calls on demand."""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import s3vectors_local
from s3vectors_local import Engine
from stache_ai_s3vectors import S3VectorsProvider, Settings
from stache_ai_s3vectors.aws import connections, deadlines, retries
from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.operations.query_text import put_question
from support.engine.model import check_responses

if TYPE_CHECKING:  # scripts of tests import this module, and no pytest
    import pytest

__all__ = ["close_engines"]  # the others need no declaration

DIMENSION = 4
_FIELDS: Final = frozenset(Settings.model_fields)


def create_provider(index: str | None = None, **settings: Any) -> S3VectorsProvider:
    """Create a provider on the engine in memory. `settings` override the defaults."""
    defaults: dict[str, Any] = {
        "s3vectors_bucket_name": "my-bucket",
        "s3vectors_endpoint_url": "local:",
        "s3vectors_documents_index": "documents",
        "embedding_dimension": DIMENSION,
    }
    provider = S3VectorsProvider(create_settings(**{**defaults, **settings}), index)
    if provider._options.local:  # a test creates and closes other clients itself
        check_responses(provider.client)
    return provider


def create_settings(**values: Any) -> Settings:
    """Create our settings from values, the environment and a `.env` file, if it exists.

    pydantic-settings takes ten milliseconds to read all of Stache's settings. So the result is
    cached for the same values and environment, unless there is a `.env` file.
    """
    if Path(".env").exists():
        return Settings(**values)
    environment = ((name, value) for name, value in os.environ.items() if name.lower() in _FIELDS)
    settings: Settings = _create_settings(tuple(values.items()), tuple(environment)).model_copy()
    return settings


@functools.cache
def _create_settings(values: tuple[Any, ...], _environment: tuple[Any, ...]) -> Settings:
    return Settings(**dict(values))


def open_engine(endpoint: str, **options: Any) -> Engine:
    """Open the engine of a `local:` endpoint with options, before its first provider is created."""
    path = endpoint.removeprefix("local:")
    path = str(Path(path).resolve()) if path else path
    # The provider looks for an existing engine here, and so uses the one with the test's options
    engine = s3vectors_local.Engine(path or None, **options)
    connections._process.engines[path] = engine
    return engine


def get_engine(endpoint: str) -> Engine:
    """Return the engine of the providers on a `local:` endpoint."""
    return connections._process.engines[endpoint.removeprefix("local:")]


def wait_until_active(provider: S3VectorsProvider) -> None:
    """Wait for the engine, which builds the text search even of an empty index."""
    while "BUILDING" in provider.get_collection_info()["textSearch"].values():
        pass  # a thread of the engine builds it in a moment


def skip_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the waits between retries. Return a list, to which each skipped wait is added.

    The attempts count as if they took no time, so that the speed of the machine does not matter. A
    call that ended early may leave threads that still retry. Threads of earlier tests wait as
    before, and are not in the list.
    """
    waits: list[float] = []
    pause, earlier = deadlines.pause, set(threading.enumerate()) - {threading.current_thread()}

    def skip(seconds: float) -> None:
        if threading.current_thread() in earlier:
            pause(seconds)
        else:
            waits.append(seconds)

    monkeypatch.setattr(deadlines, "pause", skip)
    monkeypatch.setattr(retries, "time", SimpleNamespace(monotonic=lambda: 0.0))
    return waits


def record_retries(client: Any) -> list[int]:
    """Return a list, to which each later call of the client adds its number of retries."""
    counts: list[int] = []
    client.meta.events.register(
        "after-call.s3vectors",
        lambda parsed, **_: counts.append(parsed["ResponseMetadata"]["RetryAttempts"]),
    )
    return counts


@dataclass
class HttpResponse:
    """An HTTP response with the attributes that botocore reads."""

    status_code: int
    headers: dict[str, str]
    content: bytes


def set_responses(client: Any, operation: str, *responses: HttpResponse) -> None:
    """Replace the responses to the next requests of an operation. The engine still runs it."""
    remaining = list(responses)
    client.meta.events.register_first(
        f"before-send.s3vectors.{operation}", lambda **_: remaining.pop(0) if remaining else None
    )


def create_older_index(provider: S3VectorsProvider, metric: str = "cosine") -> dict[str, str]:
    """Create the provider's index like the older package's template, and return its names.

    Only `text` is non-filterable. There is no `_overflow`.
    """
    names = {"vectorBucketName": provider.bucket_name, "indexName": provider.index_name}
    provider.client.create_vector_bucket(vectorBucketName=provider.bucket_name)
    provider.client.create_index(
        **names,
        dataType="float32",
        dimension=provider.dimensions,
        distanceMetric=metric,
        metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
    )
    return names


def create_context(question: str | None = None) -> Any:
    """Create the context that Stache passes with a call, with the question if there is one."""
    # A RequestContext with only the attribute that the provider reads
    context = SimpleNamespace(custom={})
    if question is not None:
        put_question(question, context.custom)
    return context


def create_vectors(count: int) -> list[list[float]]:
    """Create vectors of different directions. The first is nearest to [1, 0, 0, 0]."""
    return [[1.0, float(n), 0.5, 0.25] for n in range(count)]


def record_calls(client: Any) -> list[str]:
    """Return a list, to which each later call of the client adds the operation's name."""
    operations: list[str] = []
    client.meta.events.register(
        "before-call.s3vectors", lambda model, **_: operations.append(model.name)
    )
    return operations


def fail_calls(
    client: Any, operation: str, *turns: int, code: str = "ServiceUnavailableException"
) -> None:
    """Make some calls of an operation (counted from 1) fail before they reach the engine."""
    error = {
        "Error": {"Code": code, "Message": "Currently unable"},
        "ResponseMetadata": {"HTTPStatusCode": 503},
    }
    _respond_at(client, f"before-call.s3vectors.{operation}", turns, (UNAVAILABLE, error))


def lose_responses(client: Any, operation: str, *turns: int, response: Any = None) -> None:
    """Make some calls of an operation (counted from 1) fail although the engine runs them.

    This disables retries for all operations of the client, because they would wait.
    """
    client.meta.events.unregister("needs-retry.s3vectors", unique_id=retries.UNIQUE_ID)
    _respond_at(client, f"before-send.s3vectors.{operation}", turns, response or UNAVAILABLE)


def _respond_at(client: Any, event: str, turns: tuple[int, ...], response: Any) -> None:
    count = 0

    def respond(**_: Any) -> Any:
        nonlocal count
        count += 1
        return response if count in turns else None

    client.meta.events.register_first(event, respond)


UNAVAILABLE = HttpResponse(
    503, {"x-amzn-errortype": "ServiceUnavailableException"}, b'{"message":"Currently unable"}'
)
DENIED = HttpResponse(403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"message":"denied"}')
WEB_PAGE = HttpResponse(200, {"content-type": "text/html"}, b"<html><body>Welcome</body></html>")
"""The response of a server that is not S3 Vectors."""

GATEWAY_TIMEOUT = HttpResponse(
    504, {"content-type": "text/html"}, b"<html><body>504 Gateway Timeout</body></html>"
)
"""The response of a proxy that waited too long for the server."""
