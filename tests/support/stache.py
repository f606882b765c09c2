"""Providers for tests: Stache's settings for an endpoint, and failures on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import s3vectors_local
from model import check_responses
from s3vectors_local import Engine
from stache_ai_s3vectors import S3VectorsProvider, Settings
from stache_ai_s3vectors.aws import connections, deadlines
from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.aws.retries import UNIQUE_ID as RETRIES
from stache_ai_s3vectors.operations.query_text import put_question

__all__ = ["close_engines"]

DIMENSION = 4


def create_provider(index: str | None = None, **settings: Any) -> S3VectorsProvider:
    """A provider on the engine in memory; `settings` change what is not to be so."""
    defaults: dict[str, Any] = {
        "s3vectors_bucket_name": "my-bucket",
        "s3vectors_endpoint_url": "local:",
        "s3vectors_documents_index": "documents",
        "embedding_dimension": DIMENSION,
    }
    provider_object = S3VectorsProvider(Settings(**{**defaults, **settings}), index)
    if provider_object._options.local:  # other clients are made, and closed, by the test
        check_responses(provider_object.client)
    return provider_object


def open_engine(endpoint: str, **options: Any) -> Engine:
    """The engine of a `local:` endpoint, with options; before its first provider is made."""
    path = endpoint.removeprefix("local:")
    path = str(Path(path).resolve()) if path else path
    # As the provider finds it, so that a test's choices hold
    engine_object = s3vectors_local.Engine(path or None, **options)
    connections._process.engines[path] = engine_object
    return engine_object


def find_engine(endpoint: str) -> Engine:
    """The engine that answers the providers of a `local:` endpoint."""
    return connections._process.engines[endpoint.removeprefix("local:")]


def skip_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the waits before requests are tried again; returns the list of the skipped waits.

    A call that ended early may have left threads behind that still retry. Those of earlier tests
    wait as before, and are not in the list.
    """
    waits: list[float] = []
    pause, earlier = deadlines.pause, set(threading.enumerate()) - {threading.current_thread()}

    def skip(seconds: float) -> None:
        if threading.current_thread() in earlier:
            pause(seconds)
        else:
            waits.append(seconds)

    monkeypatch.setattr(deadlines, "pause", skip)
    return waits


def record_retries(client: Any) -> list[int]:
    """A list to which the client adds, for each call from now on, how often it was repeated."""
    seen: list[int] = []
    client.meta.events.register(
        "after-call.s3vectors",
        lambda parsed, **_: seen.append(parsed["ResponseMetadata"]["RetryAttempts"]),
    )
    return seen


@dataclass
class Answer:
    """An HTTP response as botocore reads it."""

    status_code: int
    headers: dict[str, str]
    content: bytes


def set_answers(client: Any, operation: str, *answers: Answer) -> None:
    """Give these answers to the next requests of an operation, which the engine carries out."""
    left = list(answers)
    client.meta.events.register_first(
        f"before-send.s3vectors.{operation}", lambda **_: left.pop(0) if left else None
    )


def create_older_index(provider: S3VectorsProvider, metric: str = "cosine") -> dict[str, str]:
    """Make the provider's index as the older package's template did; returns its names.

    Only `text` is non-filterable: there is no `_overflow`.
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
    """What Stache hands over with a call; with a question's words, as its pipeline does."""
    # As much of a RequestContext as the provider looks at
    request_context = SimpleNamespace(custom={})
    if question is not None:
        put_question(question, request_context.custom)
    return request_context


def create_vectors(count: int) -> list[list[float]]:
    """Different directions, the first nearest to [1, 0, 0, 0]."""
    return [[1.0, float(n), 0.5, 0.25] for n in range(count)]


def record_calls(client: Any) -> list[str]:
    """A list to which the client adds the name of each operation it calls from now on."""
    seen: list[str] = []
    client.meta.events.register("before-call.s3vectors", lambda model, **_: seen.append(model.name))
    return seen


def fail_calls(
    client: Any, operation: str, *turns: int, code: str = "ServiceUnavailableException"
) -> None:
    """Make the given calls of an operation (counted from 1) fail; they do not reach the engine."""
    error = {
        "Error": {"Code": code, "Message": "Currently unable"},
        "ResponseMetadata": {"HTTPStatusCode": 503},
    }
    _answer_at(client, f"before-call.s3vectors.{operation}", turns, (UNAVAILABLE, error))


def lose_answers(client: Any, operation: str, *turns: int, answer: Any = None) -> None:
    """Make the given calls of an operation fail although the engine carries them out.

    Retries are switched off, for all operations of the client: they would wait.
    """
    client.meta.events.unregister("needs-retry.s3vectors", unique_id=RETRIES)
    _answer_at(client, f"before-send.s3vectors.{operation}", turns, answer or UNAVAILABLE)


def _answer_at(client: Any, event: str, turns: tuple[int, ...], response: Any) -> None:
    count = 0

    def respond(**_: Any) -> Any:
        nonlocal count
        count += 1
        return response if count in turns else None

    client.meta.events.register_first(event, respond)


UNAVAILABLE = Answer(
    503, {"x-amzn-errortype": "ServiceUnavailableException"}, b'{"message":"Currently unable"}'
)
DENIED = Answer(403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"message":"denied"}')
WEB_PAGE = Answer(200, {"content-type": "text/html"}, b"<html><body>Welcome</body></html>")
"""What some other server answers."""

GATEWAY_TIMEOUT = Answer(
    504, {"content-type": "text/html"}, b"<html><body>504 Gateway Timeout</body></html>"
)
"""What a proxy answers."""
