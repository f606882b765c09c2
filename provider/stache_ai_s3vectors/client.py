"""The port to S3 Vectors: a boto3 client whose far end is AWS or the local engine.

Everything above this module calls an ordinary boto3 client. Only the line in `_connect`
that registers the engine makes the difference.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import exceptions as botocore
from botocore.config import Config

from .errors import (
    BY_CODE,
    AccessDeniedError,
    ConfigurationError,
    NotFoundError,
    RejectedError,
    S3VectorsError,
    UnavailableError,
)
from .settings import LOCAL, Options

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

    from s3vectors_local import Engine

DEFAULT_REGION: Final = "us-east-1"

_NOWHERE: Final = "http://s3vectors-local.invalid"
"""Where requests to the engine would go if it did not answer: RFC 2606 keeps it unresolvable."""

_engines: dict[str, Engine] = {}
_engines_lock = threading.Lock()


def connect(options: Options) -> S3VectorsClient:
    """A client for these options; equal options share one (boto3 clients are thread-safe).

    Raises:
        ConfigurationError: the local engine is not installed, or its data directory
            cannot be used.
    """
    timeouts = (options.connect_timeout, options.read_timeout)
    region = options.region or boto3.session.Session().region_name or DEFAULT_REGION
    return _connect(options.endpoint, region, *timeouts)


@lru_cache(maxsize=16)
def _connect(
    endpoint: str | None, region: str, connect_timeout: float, read_timeout: float
) -> S3VectorsClient:
    configuration = Config(
        connect_timeout=connect_timeout, read_timeout=read_timeout, retries={"mode": "standard"}
    )
    create = boto3.session.Session().client
    if endpoint is None or not endpoint.startswith(LOCAL):
        return create("s3vectors", region, endpoint_url=endpoint, config=configuration)
    engine = _engine(endpoint.removeprefix(LOCAL))
    client = create(
        "s3vectors",
        region,
        endpoint_url=_NOWHERE,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - signs requests that never leave
        config=configuration,
    )
    from s3vectors_local import connect as answer_with  # noqa: PLC0415 - an extra

    return answer_with(client, engine)


def _engine(path: str) -> Engine:
    """One engine per path and process; an empty path is the one in memory."""
    try:
        from s3vectors_local import DataDirectoryError, Engine  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            f"the endpoint {LOCAL}{path} needs the local engine: pip install "
            "'stache-ai-s3vectors[local]', or ./local in a clone of the repository"
        ) from error
    with _engines_lock:
        if path not in _engines:
            try:
                _engines[path] = Engine(path or None)
            except DataDirectoryError as error:
                raise ConfigurationError(
                    f"S3VECTORS_ENDPOINT_URL={LOCAL}{path}: {error}"
                ) from error
        return _engines[path]


def close_engines() -> None:
    """Give the data directories of all local engines free; clients made before are dead."""
    with _engines_lock:
        _connect.cache_clear()
        for engine in _engines.values():
            engine.close()
        _engines.clear()


atexit.register(close_engines)


def far_end(client: S3VectorsClient, options: Options) -> str:
    """Where a client's requests go, for the reader of an error."""
    return f"in region {client.meta.region_name} at {options.endpoint or 'AWS'}"


@contextmanager
def translated(what: str, *, advice: str = "") -> Iterator[None]:
    """Turn botocore's errors into ours, with the cause kept.

    Args:
        what: the operation and its object, to begin the message with.
        advice: what to do when it is not found, to end the message with.
    """
    try:
        yield
    except botocore.ClientError as error:
        details: dict[str, Any] = dict(error.response.get("Error", {}))
        code = str(details.get("Code", ""))
        kind = BY_CODE.get(code, RejectedError)
        text = f"{what}: {details.get('Message') or 'no message'} ({code})"
        raise kind(f"{text}. {advice}" if kind is NotFoundError and advice else text) from error
    except (botocore.NoCredentialsError, botocore.PartialCredentialsError) as error:
        raise AccessDeniedError(
            f"{what}: {error}. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "(a local server takes any)"
        ) from error
    except (botocore.ConnectionError, botocore.HTTPClientError) as error:
        raise UnavailableError(f"{what}: {error}") from error
    except botocore.BotoCoreError as error:
        raise S3VectorsError(f"{what}: {error}") from error
