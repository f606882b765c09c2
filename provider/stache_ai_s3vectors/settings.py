"""Every setting of the provider: name, environment variable, default, meaning.

`Settings` is Stache's own `Settings` plus ours. Stache hands its providers an instance of
its own class, which does not have ours; `resolve_settings` reads them from the environment and
from a `.env` file, and returns one `Options`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict
from stache_ai.config import Settings as StacheSettings

from .errors import ConfigurationError, describe_faults
from .service import limits
from .service.arns import BUCKET_ARN, BUCKET_NAME
from .service.endpoints import LOCAL, describe_user_fault
from .service.metadata_keys import OVERFLOW, TEXT, Language

_NO_BUCKET: Final = (
    "no vector bucket is configured. Set one of: the environment variable (or .env entry) "
    "S3VECTORS_BUCKET_NAME or S3VECTORS_BUCKET; stache_ai_s3vectors.Settings("
    's3vectors_bucket_name="…"); stache_ai.config.Settings(s3vectors_bucket="…"). Note that '
    "stache_ai.config.Settings drops s3vectors_bucket_name: that name works in "
    "stache_ai_s3vectors.Settings only"
)


class Settings(StacheSettings):  # type: ignore[misc]  # stache_ai ships no types
    """Stache's settings plus those of this provider.

    Each is also an environment variable of the same name in capitals, or a line in `.env`.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True)  # an empty variable is not set

    s3vectors_bucket_name: str | None = Field(
        default=None,
        description="Vector bucket: its name, or its ARN, which may be in another account. "
        "`S3VECTORS_BUCKET`, Stache's own variable, has the same meaning.",
    )
    s3vectors_region: str | None = Field(
        default=None,
        description="AWS region. Unset: that of the bucket's ARN, then `AWS_REGION`, then "
        "boto3's own chain (`AWS_DEFAULT_REGION`, profile), then `us-east-1`. With a `local:` "
        "endpoint, unset means that of the ARN, then `us-east-1`.",
    )
    s3vectors_endpoint_url: str | None = Field(
        default=None,
        description="Unset: AWS. `local:PATH`: the local engine in this process, data in PATH, for "
        "one process at a time; `local:` alone: in memory. `http://…`: a server that speaks the "
        "API, for any number of processes.",
    )
    s3vectors_create_index: bool | None = Field(
        default=None,
        description="Create a missing index on first use. Unset: only with a `local:` "
        "endpoint, which also creates its directory and the bucket.",
    )
    s3vectors_connect_timeout: float = Field(
        default=3.0, gt=0, description="Seconds to wait for a connection."
    )
    s3vectors_read_timeout: float = Field(
        default=15.0, gt=0, description="Seconds to wait for a response, per attempt."
    )
    s3vectors_retry_seconds: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description="How long to retry a request that is throttled, fails or gets no response, in "
        "seconds.",
    )
    s3vectors_max_attempts: int | None = Field(
        default=None,
        ge=1,
        description="Attempts per request, including the first. Unset: as many as "
        "`S3VECTORS_RETRY_SECONDS` allows. 1: no request is retried.",
    )
    s3vectors_write_rate: float = Field(
        default=float(limits.WRITTEN_VECTORS_PER_SECOND),
        ge=0,
        description="Maximum number of vectors written per second, index and process; the "
        "service takes 2,500 from all writers of an index together. The first provider of an index "
        "sets the rate. 0: no limit, as with a `local:` endpoint.",
    )
    s3vectors_search_mode: Literal["vector", "hybrid"] = Field(
        default="vector",
        description="`hybrid`: a search also matches the words of the question if the index has "
        "text search on `text`.",
    )
    s3vectors_text_language: Language | None = Field(
        default=None,
        description="Language of the text search of indexes that are created on first use, for "
        "word forms and for scripts without spaces: `en`, `fr`, `es`, `pt`, `it`, `de`, `nl`, "
        "`zh`, `ja` or `ko`. Unset: no language.",
    )
    s3vectors_text_keys: str = Field(
        default=TEXT,
        description="Metadata keys that hybrid search matches words in, comma-separated, at most "
        "ten. `text` is always one of them.",
    )
    s3vectors_document_index_path: str | None = Field(
        default=None,
        description="File of the document index on SQLite (`DOCUMENT_INDEX_PROVIDER=sqlite`). "
        "Unset: `documents.db` in the PATH of a `local:PATH` endpoint; with any other endpoint, "
        "`data/documents.db`.",
    )

    def __init__(self, **values: Any) -> None:
        bucket, name = values.get("s3vectors_bucket"), values.get("s3vectors_bucket_name")
        if name is not None and bucket is None:  # an argument beats either variable
            values["s3vectors_bucket"] = name
        if bucket is not None and name is None:
            values["s3vectors_bucket_name"] = bucket
        super().__init__(**values)


@dataclass(frozen=True)
class Options:
    """The resolved settings of one index. Only what boto3's own chain decides is left open."""

    bucket_name: str
    index_name: str
    region: str | None
    endpoint: str | None
    create_index: bool
    dimension: int
    connect_timeout: float
    read_timeout: float
    retry_seconds: float
    max_attempts: int | None
    write_rate: float
    hybrid: bool
    text_language: str | None = None
    text_keys: tuple[str, ...] = (TEXT,)
    bucket_arn: str | None = None
    """None if the bucket is configured by its name, which is one of the caller's account."""

    @property
    def bucket_parameters(self) -> dict[str, Any]:
        """The request parameter that names the bucket."""
        if self.bucket_arn:
            return {"vectorBucketArn": self.bucket_arn}
        return {"vectorBucketName": self.bucket_name}

    @property
    def index_parameters(self) -> dict[str, Any]:
        """The request parameters that name the index."""
        if self.bucket_arn:
            return {"indexArn": f"{self.bucket_arn}/index/{self.index_name}"}
        return {"vectorBucketName": self.bucket_name, "indexName": self.index_name}

    @property
    def local(self) -> bool:
        """Whether the endpoint is the local engine in this process."""
        return self.endpoint is not None and self.endpoint.startswith(LOCAL)


def load_settings(**values: Any) -> Settings:
    """Our settings from arguments, environment and `.env`.

    Raises:
        ConfigurationError: a value does not have its setting's type.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigurationError(describe_faults(error.errors())) from None


def resolve_settings(settings: StacheSettings, index_name: str | None = None) -> Options:
    """Resolve and check the settings of one index.

    Args:
        settings: Stache's settings, or ours.
        index_name: the index to use; the documents index when None.

    Raises:
        ConfigurationError: a setting is missing, malformed or contradicts another.
    """
    ours = _add_our_settings(settings)
    endpoint = _parse_endpoint(ours.s3vectors_endpoint_url)
    local = endpoint is not None and endpoint.startswith(LOCAL)
    create = ours.s3vectors_create_index
    bucket, arn = _parse_bucket(ours)
    return Options(
        bucket_name=bucket,
        # The engine in this process has one account, whatever the ARN says
        bucket_arn=None if local else arn,
        index_name=index_name or ours.s3vectors_documents_index or ours.s3vectors_index,
        region=_resolve_region(ours, _parse_region(arn), local=local),
        endpoint=endpoint,
        create_index=local if create is None else create,
        dimension=_resolve_dimension(ours),
        connect_timeout=ours.s3vectors_connect_timeout,
        read_timeout=ours.s3vectors_read_timeout,
        retry_seconds=ours.s3vectors_retry_seconds,
        max_attempts=ours.s3vectors_max_attempts,
        write_rate=ours.s3vectors_write_rate,
        hybrid=ours.s3vectors_search_mode == "hybrid",
        text_language=ours.s3vectors_text_language,
        text_keys=_parse_text_keys(ours.s3vectors_text_keys),
    )


def _parse_text_keys(value: str) -> tuple[str, ...]:
    keys = [key.strip() for key in value.split(",")]
    unique = tuple(dict.fromkeys([TEXT, *filter(None, keys)]))
    if OVERFLOW in unique:
        raise ConfigurationError(
            f"S3VECTORS_TEXT_KEYS is {value!r}; {OVERFLOW} is reserved for this provider and has "
            "no text: leave it out"
        )
    longest = max(unique, key=len)
    if len(longest) > limits.TEXT_SEARCH_KEY_LENGTH:
        raise ConfigurationError(
            f"S3VECTORS_TEXT_KEYS has a key of {len(longest)} characters, {longest!r}; S3 Vectors "
            f"takes at most {limits.TEXT_SEARCH_KEY_LENGTH}: use a shorter key"
        )
    if len(unique) > limits.TEXT_SEARCH_KEYS:
        raise ConfigurationError(
            f"S3VECTORS_TEXT_KEYS has {len(unique)} keys, including {TEXT}; S3 Vectors takes at "
            f"most {limits.TEXT_SEARCH_KEYS}: name fewer"
        )
    return unique


def resolve_document_index_path(settings: StacheSettings) -> Path:
    """The path of the document index on SQLite.

    Raises:
        ConfigurationError: a setting is malformed.
    """
    ours = _add_our_settings(settings)
    path = ours.s3vectors_document_index_path
    if path:
        return Path(_resolve_path("S3VECTORS_DOCUMENT_INDEX_PATH=", path))
    endpoint = _parse_endpoint(ours.s3vectors_endpoint_url) or ""
    folder = endpoint.removeprefix(LOCAL) if endpoint.startswith(LOCAL) else ""
    return Path(folder or "data", "documents.db").resolve()


def _add_our_settings(settings: StacheSettings) -> Settings:
    if isinstance(settings, Settings):
        return settings
    theirs = {name: getattr(settings, name) for name in settings.model_fields_set}
    ours: Settings = load_settings().model_copy(update=theirs)
    return ours


def _parse_bucket(settings: Settings) -> tuple[str, str | None]:
    """The bucket's name, and its ARN if it is configured by that."""
    values = [v for v in (settings.s3vectors_bucket_name, settings.s3vectors_bucket) if v]
    if not values:
        raise ConfigurationError(_NO_BUCKET)
    names = {_parse_name(value) for value in values}
    arns = {value for value in values if BUCKET_ARN.fullmatch(value)}
    if len(names) > 1 or len(arns) > 1:
        raise ConfigurationError(
            f"two vector buckets are configured: S3VECTORS_BUCKET_NAME is {values[0]!r} and "
            f"S3VECTORS_BUCKET is {values[1]!r}; set one of them, or both to the same bucket"
        )
    return names.pop(), arns.pop() if arns else None


def _parse_region(arn: str | None) -> str | None:
    match = BUCKET_ARN.fullmatch(arn or "")
    return match["region"] if match else None


def _parse_name(value: str) -> str:
    match = BUCKET_ARN.fullmatch(value)
    if match:
        return match["name"]
    if BUCKET_NAME.fullmatch(value):
        return value
    raise ConfigurationError(
        f"the vector bucket is {value!r}, which is neither a name (3 to 63 lower-case letters, "
        "digits and hyphens) nor an ARN like arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME"
    )


def _resolve_region(settings: Settings, arn_region: str | None, *, local: bool) -> str | None:
    region = settings.s3vectors_region
    if arn_region and region and arn_region != region:
        raise ConfigurationError(
            f"S3VECTORS_REGION is {region!r}, but the vector bucket's ARN is in {arn_region!r}; "
            "set them to the same region, or the bucket to its name"
        )
    if arn_region or region or local:  # the environment says nothing about data in a directory
        return arn_region or region
    # Stache's default is us-east-1, which the user did not choose
    return settings.aws_region if "aws_region" in settings.model_fields_set else None


def _parse_endpoint(value: str | None) -> str | None:
    if not value:
        return None
    if value.startswith(LOCAL):
        setting = f"S3VECTORS_ENDPOINT_URL={LOCAL}"
        return LOCAL + _resolve_path(setting, value.removeprefix(LOCAL))
    if fault := describe_user_fault("S3VECTORS_ENDPOINT_URL", value):
        raise ConfigurationError(fault)
    if _is_url(value):
        return value
    raise ConfigurationError(
        f"S3VECTORS_ENDPOINT_URL is {_mask_endpoint(value)!r}; it must be a URL with http:// or "
        f"https://, or begin with {LOCAL} (the local engine: local:PATH keeps its data in PATH, "
        "local: alone in memory)"
    )


def _mask_endpoint(endpoint: str) -> str:
    """An endpoint without the part that may be a password."""
    _, at, host = endpoint.rpartition("@")
    return f"…@{host}" if at else endpoint


def _resolve_path(setting: str, path: str) -> str:
    try:
        return str(Path(path).expanduser().resolve()) if path else ""
    except (
        RuntimeError,
        OSError,
        ValueError,
    ) as error:  # the user of ~user does not exist, or it is not a path
        raise ConfigurationError(f"{setting}{path}: {error}") from error


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port or the IPv6 address is not valid
        return False


def _resolve_dimension(settings: Settings) -> int:
    # Stache's default of 1536 is not the user's choice; its table of models is better
    is_set = "embedding_dimension" in settings.model_fields_set
    dimension = int(settings.embedding_dimension if is_set else settings.get_embedding_dimensions())
    if not 1 <= dimension <= limits.DIMENSIONS:
        raise ConfigurationError(
            f"EMBEDDING_DIMENSION is {dimension}; S3 Vectors takes 1 to {limits.DIMENSIONS}"
        )
    return dimension
