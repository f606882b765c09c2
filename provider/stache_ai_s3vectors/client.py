"""The port to S3 Vectors: a boto3 client whose far end is AWS or the local engine.

Everything above this module calls an ordinary boto3 client. Only the line in
`_connect_local` that hands it the engine makes the difference.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as botocore
from botocore import session as core
from botocore.config import Config

from . import bodies
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

_NO_CREDENTIALS: Final = (
    "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (a local server takes any)"
)

_LOG_IN: Final = (
    "Renew or correct the credentials: aws sso login, AWS_PROFILE, or the profile in ~/.aws/config"
)

_CONFIGURED: Final = (
    "If that is a program or file that credentials come from, correct it in ~/.aws/config"
)

_engines: dict[str, Engine] = {}
_engines_lock = threading.Lock()
_connecting = threading.Lock()

_AWS_HOSTS: Final = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
)
"""Ends of AWS's host names, as in botocore's list of partitions."""

_CONNECTIONS: Final = 32
"""Kept open: a walk that deletes has up to 16 requests under way, and threads share a client."""


def connect(options: Options) -> S3VectorsClient:
    """A client for these options; equal options share one (boto3 clients are thread-safe).

    Raises:
        ConfigurationError: no client can be made of the settings: an unknown profile, a
            malformed region, the local engine not installed, its directory not usable.
    """
    # What boto3 would read is part of the key: other credentials, another client
    surroundings = tuple(sorted(kv for kv in os.environ.items() if kv[0].startswith("AWS_")))
    limits = (options.connect_timeout, options.read_timeout, options.max_attempts)
    try:
        with _connecting:  # equal options at the same time are one client, too
            return _connect(options.endpoint, options.region, limits, surroundings)
    except ConfigurationError:
        raise
    except (botocore.BotoCoreError, botocore.ClientError, OSError, ValueError) as error:
        raise ConfigurationError(f"boto3 cannot make a client of the settings: {error}") from error


@lru_cache(maxsize=16)
def _connect(
    endpoint: str | None,
    region: str | None,
    limits: tuple[float, float, int],
    surroundings: tuple[tuple[str, str], ...],
) -> S3VectorsClient:
    connect_timeout, read_timeout, max_attempts = limits
    configuration = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": max_attempts},
        max_pool_connections=_CONNECTIONS,
        # Put together once: botocore would do it for each request, a seventh of a search's cost
        user_agent=f"stache-ai-s3vectors Boto3/{boto3.__version__}",
    )
    if endpoint is not None and endpoint.startswith(LOCAL):
        client = _connect_local(endpoint.removeprefix(LOCAL), region, configuration)
    else:
        session = _session(surroundings)
        client = session.client(
            "s3vectors",
            region or session.region_name or DEFAULT_REGION,
            endpoint_url=endpoint,
            config=configuration,
        )
    bodies.register(client.meta.events)
    return client


@lru_cache(maxsize=4)
def _session(_surroundings: tuple[tuple[str, str], ...]) -> boto3.session.Session:
    """One for all clients of the same surroundings: each would read the service's model anew."""
    return boto3.session.Session()


def _connect_local(path: str, region: str | None, configuration: Config) -> S3VectorsClient:
    engine = _engine(path)
    from s3vectors_local import connect as answer_with  # noqa: PLC0415 - an extra

    # No profile: neither its region, which would show another set of buckets, nor its errors
    alone = core.Session(session_vars={"profile": (None, None, None, None)})
    client = boto3.session.Session(botocore_session=alone).client(
        "s3vectors",
        region or DEFAULT_REGION,
        endpoint_url=_NOWHERE,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - signs requests that never leave
        config=configuration,
    )
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
        _session.cache_clear()
        for engine in _engines.values():
            engine.close()
        _engines.clear()


atexit.register(close_engines)


def far_end(client: S3VectorsClient, options: Options) -> str:
    """Where a client's requests go, for the reader of an error."""
    return f"in region {client.meta.region_name} at {endpoint_of(client, options) or 'AWS'}"


def endpoint_of(client: S3VectorsClient, options: Options) -> str | None:
    """The endpoint that is not AWS, from the settings or boto3's own variables."""
    if options.endpoint:
        return _without_password(options.endpoint)
    url = _without_password(client.meta.endpoint_url)
    host = urlsplit(url).hostname or ""
    return None if host.endswith(_AWS_HOSTS) else url


def _without_password(url: str) -> str:
    """What may be printed."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return url.replace(f"{user}@{host}", f"…@{host}", 1) if user else url


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
        kind = BY_CODE.get(code) or _by_status(error)
        # Credentials may have been asked for first, by an operation of another service
        where = what if error.operation_name in what else f"{what}: {error.operation_name}"
        text = f"{where}: {details.get('Message') or 'no message'} ({code})"
        ours = _with_remedy(kind, text, advice if kind is NotFoundError else "")
        first_try = not error.response.get("ResponseMetadata", {}).get("RetryAttempts")
        ours.nothing_done = first_try and kind is not UnavailableError
        raise ours from error
    except (botocore.NoCredentialsError, botocore.PartialCredentialsError) as error:
        ours = _with_remedy(AccessDeniedError, f"{what}: {error}", _NO_CREDENTIALS)
        ours.nothing_done = True
        raise ours from error
    except (botocore.ConnectionError, botocore.HTTPClientError) as error:
        raise UnavailableError(f"{what}: {error}") from error
    except (botocore.SSOError, botocore.CredentialRetrievalError) as error:
        raise _with_remedy(AccessDeniedError, f"{what}: {error}", _LOG_IN) from error
    except botocore.BotoCoreError as error:
        raise S3VectorsError(f"{what}: {error}") from error
    except (FileNotFoundError, PermissionError, ValueError) as error:
        if isinstance(error, S3VectorsError):
            raise
        raise _with_remedy(S3VectorsError, f"{what}: {error}", _CONFIGURED) from error


def _with_remedy(kind: type[S3VectorsError], text: str, remedy: str) -> S3VectorsError:
    error = kind(f"{text}. {remedy}" if remedy else text)
    error.remedy = remedy
    return error


def _by_status(error: botocore.ClientError) -> type[S3VectorsError]:
    """For answers without an AWS error code, from a proxy or a load balancer."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    )
    return UnavailableError if passing else RejectedError
