"""The boto3 client of S3 Vectors, whose endpoint is AWS, a server, or the local engine.

All other modules call an ordinary boto3 client. Only the last line of `create_local_client`
connects it with the engine.

boto3 gets its clients from botocore. This module creates them with botocore directly; they differ
only in the name in the user agent. Importing boto3 would also load its transfers to S3 and its
resources, which takes 40 ms of a Lambda function's cold start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from botocore import __version__ as botocore_version
from botocore import exceptions as botocore
from botocore import session as core
from botocore.config import Config

from stache_ai_s3vectors.errors import (
    BY_CODE,
    CREDENTIALS,
    AccessDeniedError,
    NotFoundError,
    RejectedError,
    S3VectorsError,
    UnavailableError,
)
from stache_ai_s3vectors.service.printable import strip_passwords, to_printable

from . import bodies
from .retries import Retries

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_s3vectors import S3VectorsClient

    from s3vectors_local import Engine
    from stache_ai_s3vectors.settings import Options

DEFAULT_REGION: Final = "us-east-1"

_UNRESOLVABLE: Final = "http://s3vectors-local.invalid"
"""The address of requests that the engine answers; RFC 2606 keeps it unresolvable."""

_NO_CREDENTIALS: Final = (
    "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (a local server takes any)"
)

_LOG_IN: Final = (
    "Renew or correct the credentials: aws sso login, AWS_PROFILE, or the profile in ~/.aws/config"
)

_CONFIGURED: Final = "If a program or file provides the credentials, correct it in ~/.aws/config"

_LOGIN_ERRORS: Final = (
    botocore.CredentialRetrievalError,
    botocore.LoginError,
    botocore.SSOError,
    botocore.TokenRetrievalError,
)
_CREDENTIAL_ERRORS: Final = (
    botocore.ConfigNotFound,
    botocore.ConfigParseError,
    botocore.InfiniteLoopConfigError,
    botocore.InvalidConfigError,
    botocore.MetadataRetrievalError,
    botocore.NoAuthTokenError,
    botocore.ProfileNotFound,
    botocore.RefreshWithMFAUnsupportedError,
    botocore.UnknownCredentialError,
)
"""Errors about profiles and files, which a session caches."""

_CONNECTIONS: Final = 32
"""Connections kept open: a scan that deletes has up to 16 requests in flight, and threads share a
client."""


def create_remote_client(options: Options, session: core.Session) -> S3VectorsClient:
    """Create a client of AWS, or of the server in the options."""
    return _register_handlers(_create_client(options, session), options)


def load_models(options: Options, session: core.Session) -> None:
    """Let a session read the models that its clients need; it keeps them.

    The client gets dummy credentials, which sign nothing, so that it does not look for real ones.
    """
    _create_client(options, session, aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106 - see above


def _create_client(options: Options, session: core.Session, **credentials: Any) -> BaseClient:
    return session.create_client(
        "s3vectors",
        options.region or session.get_config_variable("region") or DEFAULT_REGION,
        endpoint_url=options.endpoint,
        config=_build_config(options),
        **credentials,
    )


def create_local_client(options: Options, engine: Engine) -> S3VectorsClient:
    """Create a client whose requests an engine in this process answers."""
    from s3vectors_local import connect as answer_with  # noqa: PLC0415 - an extra

    # No profile: neither its region, which would show another set of buckets, nor its errors
    alone = core.Session(session_vars={"profile": (None, None, None, None)})
    client = alone.create_client(
        "s3vectors",
        options.region or DEFAULT_REGION,
        endpoint_url=_UNRESOLVABLE,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - signs requests that never leave
        config=_build_config(options),
    )
    return answer_with(_register_handlers(client, options), engine)


def _build_config(options: Options) -> Config:
    return Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        retries={"mode": "standard", "total_max_attempts": 1},  # see retries.py
        max_pool_connections=_CONNECTIONS,
        # Put together once: botocore would do it for each request, a seventh of a search's cost
        user_agent=f"stache-ai-s3vectors Botocore/{botocore_version}",
    )


def _register_handlers(client: BaseClient, options: Options) -> S3VectorsClient:
    """Register our handlers of bodies and retries."""
    bodies.register(client.meta.events)
    Retries(options.retry_seconds, options.max_attempts).register(client.meta.events)
    return cast("S3VectorsClient", client)


@contextmanager
def translate_errors(
    operation: str | Callable[[], str], *, advice: str | Callable[[], str] = ""
) -> Iterator[None]:
    """Translate botocore's errors in the `with` block into ours, which have them as their cause.

    Args:
        operation: its name and object, which begin the message; or a function that returns them.
        advice: the end of the message if the object does not exist; or a function.
    """
    try:
        yield
    except botocore.ClientError as error:
        raise _translate_response(error, _resolve_text(operation), advice) from error
    except S3VectorsError:
        raise
    except (botocore.BotoCoreError, FileNotFoundError, PermissionError, ValueError) as error:
        strip_error_passwords(error)
        raise _translate_failure(error, _resolve_text(operation)) from error


def _resolve_text(text: str | Callable[[], str]) -> str:
    return text if isinstance(text, str) else text()


def _translate_response(
    error: botocore.ClientError, operation: str, advice: str | Callable[[], str]
) -> S3VectorsError:
    details: dict[str, Any] = dict(error.response.get("Error", {}))
    code = str(details.get("Code", ""))
    kind = BY_CODE.get(code) or _classify_status(error)
    # boto3 may have requested credentials first, with an operation of another service
    other = error.operation_name not in operation
    where = f"{operation}: {error.operation_name}" if other else operation
    text = f"{where}: {details.get('Message') or 'no message'} ({code})"
    translated = build_error(kind, text, _resolve_text(advice) if kind is NotFoundError else "")
    first_try = not error.response.get("ResponseMetadata", {}).get("RetryAttempts")
    translated.nothing_done = first_try and kind is not UnavailableError
    translated.about_credentials = code in CREDENTIALS or (other and kind is not UnavailableError)
    return translated


def _translate_failure(error: Exception, operation: str) -> S3VectorsError:
    if isinstance(error, (botocore.NoCredentialsError, botocore.PartialCredentialsError)):
        translated = build_error(AccessDeniedError, f"{operation}: {error}", _NO_CREDENTIALS)
        translated.nothing_done = translated.about_credentials = True
    elif isinstance(error, (botocore.ConnectionError, botocore.HTTPClientError)):
        translated = UnavailableError(f"{operation}: {error}")
    elif isinstance(error, _LOGIN_ERRORS):
        translated = build_error(AccessDeniedError, f"{operation}: {error}", _LOG_IN)
        translated.about_credentials = True
    elif isinstance(error, botocore.BotoCoreError):
        translated = S3VectorsError(f"{operation}: {error}")
        translated.about_credentials = isinstance(error, _CREDENTIAL_ERRORS)
    else:
        translated = build_error(S3VectorsError, f"{operation}: {error}", _CONFIGURED)
        translated.about_credentials = True
    return translated


def strip_error_passwords(error: Exception) -> None:
    """Remove passwords from botocore's own message, which a traceback also shows."""
    clean = strip_passwords(error)
    if clean != str(error):
        error.args = (clean,)


def build_error(kind: type[S3VectorsError], text: str, remedy: str) -> S3VectorsError:
    """Build an error whose message ends with its remedy."""
    error = kind(f"{text}. {remedy}" if remedy else text)
    error.remedy = to_printable(strip_passwords(remedy))
    return error


def _classify_status(error: botocore.ClientError) -> type[S3VectorsError]:
    """Our class for a response without an AWS error code, from a proxy or a load balancer."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    )
    return UnavailableError if passing else RejectedError
