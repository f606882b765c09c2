"""The services behind `stache-s3vectors console`: S3 Vectors through boto3, in Stache's words.

The console itself is the local engine's: `s3vectors_local.console`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError

from s3vectors_local.choices import DEFAULT, Choices
from s3vectors_local.console.service import EngineService, Service
from s3vectors_local.errors import (
    AccessDeniedException,
    ConflictException,
    OtherServiceError,
    ServiceError,
    ValidationException,
    build_error,
)
from stache_ai_s3vectors.aws.advice import find_endpoint
from stache_ai_s3vectors.aws.bodies import PLACEHOLDER, send_body
from stache_ai_s3vectors.aws.client import translate_errors
from stache_ai_s3vectors.aws.connections import get_client, get_engine
from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import DOCUMENT, NAMESPACE, STATUS, TEXT, TYPE

from .embedding import Embedder
from .options import get_index_names, resolve_options
from .remedies import find_remedy, get_cause

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

_COLUMNS: Final = (NAMESPACE, STATUS, DOCUMENT, TYPE)
"""The metadata keys that the page shows first."""

_PARALLEL: Final = 8
"""Requests at a time on AWS or another endpoint: most of the time of each is the network."""

_ERROR_STATUSES: Final = range(400, 600)
"""An endpoint that is not S3 Vectors may return others: with 304, no message could be sent."""

LEVEL: Final = (
    "Reading needs the permission level `read`, deleting and importing `read-write`; the list of "
    "all indexes and the bucket's settings need `manage-indexes`: stache-s3vectors policy --level "
    "LEVEL prints each"
)


class BotoService:
    """S3 Vectors, through boto3.

    Args:
        options: the resolved settings.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = get_client(options)

    @property
    def choices(self) -> Choices:
        """The defaults: AWS does not document its own."""
        return DEFAULT

    @property
    def text_key(self) -> None:
        """None: `StacheService` has it."""
        return

    @property
    def parallel(self) -> int:
        """The number of calls at a time: each waits for the network."""
        return _PARALLEL

    def read_stamp(self, names: Mapping[str, str]) -> None:  # noqa: ARG002 - of the interface
        """None: the service does not say when an index has changed."""
        return

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Perform an operation; an error has the service's code and words."""
        if operation == "CreateVectorBucket":  # of an import: it needs rights that no level has
            raise ConflictException("The console creates no vector bucket")
        self._check_members(operation, request)
        try:
            with translate_errors(operation):
                response = self._send(operation, self._address(operation, request))
        except S3VectorsError as error:
            raise _to_service_error(error) from error
        return {
            name: _convert_times(value)
            for name, value in response.items()
            if name != "ResponseMetadata"
        }

    def _check_members(self, operation: str, request: Mapping[str, Any]) -> None:
        """Refuse other members than the operation's: boto3 takes `self` for its own argument."""
        shape = self._client.meta.service_model.operation_model(operation).input_shape
        members = shape.members if shape else {}
        unknown = [name for name in request if name not in members]
        if unknown:
            raise ValidationException(
                f"{operation} has no member {unknown[0]!r:.80}. Allowed are {', '.join(members)}"
            )

    def _send(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        method = getattr(self._client, xform_name(operation))
        if operation != "PutVectors":
            response: Mapping[str, Any] = method(**request)
            return response
        placeholder = [{"key": "key", "data": {"float32": PLACEHOLDER}}]
        with send_body(orjson.dumps(request)):  # whose numbers are JSON already
            return dict(method(**{**request, "vectors": placeholder}))

    def _address(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Name the bucket by its ARN if the settings do: it may be of another account."""
        arn, names = self._options.bucket_arn, ("vectorBucketName", "indexName")
        if arn is None or request.get("vectorBucketName") != self._options.bucket_name:
            return request
        rest = {name: value for name, value in request.items() if name not in names}
        index = request.get("indexName")
        if index is None:
            return {"vectorBucketArn": arn, **rest}
        if operation == "CreateIndex":
            return {"vectorBucketArn": arn, "indexName": index, **rest}
        return {"indexArn": f"{arn}/index/{index}", **rest}

    def embed(self, text: str) -> Sequence[float]:
        """Refuse: `StacheService` has the embedder."""
        raise NotImplementedError(text)

    def describe(self) -> dict[str, Any]:
        """Describe the service: AWS, or an endpoint."""
        region = self._client.meta.region_name
        endpoint = find_endpoint(self._client, self._options)
        kind, name = ("endpoint", endpoint) if endpoint else ("aws", "Amazon S3 Vectors")
        service = {"kind": kind, "name": name, "region": region, "endpoint": endpoint}
        return {"service": {**service, "regions": [region]}}

    def in_region(self, region: str) -> BotoService:
        """Return this service, which has only the region of the settings."""
        if region != self._client.meta.region_name:
            raise ValidationException(f"This console is for {self._client.meta.region_name} only")
        return self


def _to_service_error(error: S3VectorsError) -> ServiceError:
    cause = error.__cause__
    if isinstance(cause, ClientError):
        details: dict[str, Any] = dict(cause.response.get("Error", {}))
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        status = status if status in _ERROR_STATUSES else 502
        code = str(details.get("Code") or "UnknownError")
        return build_error(code, str(details.get("Message") or "no message"), status)
    if isinstance(cause, ParamValidationError):
        return ValidationException(get_cause(error))
    remedy = find_remedy(error)
    message = f"{get_cause(error)}. {remedy}" if remedy else get_cause(error)
    return OtherServiceError("Unavailable", message, 503)


def _convert_times(value: Any) -> Any:
    """Convert times to seconds since 1970; only descriptions have any."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict) and "creationTime" in value:
        return {name: _convert_times(member) for name, member in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_convert_times(item) for item in value] if "creationTime" in value[0] else value
    return value


class StacheService:
    """A service with Stache's words, index names and embedder.

    Args:
        service: the service that performs the operations.
        settings: Stache's settings.
        options: the resolved settings.
    """

    def __init__(self, service: Service, settings: Settings, options: Options) -> None:
        self._service = service
        self._settings = settings
        self._options = options
        self._embedders: list[Embedder] = []  # one, once a text was embedded
        self._lock = threading.Lock()

    @property
    def choices(self) -> Choices:
        """The service's choices."""
        return self._service.choices

    @property
    def text_key(self) -> str:
        """Stache's metadata key of the text."""
        return TEXT

    @property
    def parallel(self) -> int:
        """The number of calls at a time that suits the service."""
        return self._service.parallel

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let the service perform an operation."""
        return self._service.call(operation, request)

    def read_stamp(self, names: Mapping[str, str]) -> int | None:
        """Return the service's stamp of an index."""
        return self._service.read_stamp(names)

    def embed(self, text: str) -> Sequence[float]:
        """Make a vector of a text with Stache's embedder, which is created at the first one."""
        try:
            with self._lock:
                if not self._embedders:
                    self._embedders.append(Embedder(self._settings))
            return self._embedders[0].embed_question(text)
        except S3VectorsError as error:
            raise OtherServiceError("EmbedderFailed", str(error), 503) from error

    def describe(self) -> dict[str, Any]:
        """Describe the service, in Stache's words."""
        options = self._options
        embedder = {
            "name": self._settings.embedding_provider,
            "dimension": options.dimension,
        }
        return {
            **self._service.describe(),
            "embedder": embedder,
            "columns": _COLUMNS,
            "text_key": self.text_key,
            "bucket": options.bucket_name,
            "indexes": self._list_indexes(),
            "level": None if options.local else LEVEL,
        }

    def _list_indexes(self) -> list[str] | None:
        """List Stache's indexes where the caller may not list all; None where it may."""
        names = {"vectorBucketName": self._options.bucket_name, "maxResults": 1}
        try:
            self.call("ListIndexes", names)
        except AccessDeniedException:
            return [*get_index_names(self._settings, self._options.dimension).values()]
        except ServiceError:
            return None  # the page lists them, and shows the error
        return None

    def in_region(self, region: str) -> StacheService:
        """The service for another region, if it has one."""
        other = copy(self)  # which shares the embedder
        other._service = self._service.in_region(region)  # noqa: SLF001 - of this class
        return other


def open_service(settings: Settings, *, create: bool = False) -> StacheService:
    """Open the service that the settings name.

    Args:
        create: whether to create the engine of a `local:` endpoint.

    Raises:
        ConfigurationError: a setting is wrong, or the engine's directory is not usable.
        NotFoundError: the directory has no engine, and `create` is False.
    """
    options = resolve_options(settings)
    if not options.local:
        return StacheService(BotoService(options), settings, options)
    region = get_client(options, create=create).meta.region_name
    engine = EngineService(get_engine(options), lambda *_: None, region)
    return StacheService(engine, settings, options)
