"""What the commands share: options that stand for settings, and errors as two lines."""

from __future__ import annotations

import difflib
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

import click

from stache_ai_s3vectors import limits
from stache_ai_s3vectors.errors import (
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
    S3VectorsError,
)
from stache_ai_s3vectors.remedies import cause_of, remedy_of

if TYPE_CHECKING:
    from stache_ai_s3vectors.answers import Description
    from stache_ai_s3vectors.settings import Options, Settings
    from stache_ai_s3vectors.vector_index import VectorIndex

KINDS: Final = ("documents", "summaries", "insights")
"""Stache's indexes."""

Option: TypeAlias = Callable[[Callable[..., None]], Callable[..., None]]
"""What click.option answers."""

AWS: Final = "aws"
"""As an endpoint: AWS, whatever the settings say."""

_OPTIONS: Final[dict[str, Option]] = {
    "bucket": click.option(
        "--bucket", help="Vector bucket, name or ARN. [default: S3VECTORS_BUCKET_NAME]"
    ),
    "region": click.option(
        "--region", help="AWS region. [default: S3VECTORS_REGION, AWS_REGION, …]"
    ),
    "endpoint": click.option(
        "--endpoint", help="local:PATH, URL, or aws. [default: S3VECTORS_ENDPOINT_URL, aws]"
    ),
    "dimension": click.option(
        "--dimension",
        type=click.IntRange(1, limits.DIMENSIONS),
        help="Embedding size. [default: EMBEDDING_DIMENSION]",
    ),
}
_FIELDS: Final = {
    "bucket": "s3vectors_bucket_name",
    "region": "s3vectors_region",
    "endpoint": "s3vectors_endpoint_url",
    "dimension": "embedding_dimension",
}
_JSON: Final[Option] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs."
)
_DEBUG: Final[Option] = click.option(
    "--debug", is_flag=True, help="Show tracebacks, and the provider's log, on standard error."
)

indexes_option: Final[Option] = click.option(
    "--index",
    "names",
    multiple=True,
    help="Name of an index; can be given more than once. [default: Stache's three]",
)


class Failure(click.ClickException):
    """An error of ours as a line of cause and a line of remedy."""

    def __init__(self, error: S3VectorsError) -> None:
        super().__init__(cause_of(error))
        self.remedy = remedy_of(error)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print both."""
        click.echo(f"Error: {self.message}", file, err=file is None)
        if self.remedy:
            click.echo(f"Fix: {self.remedy}", file, err=file is None)


class WrongUsage(Failure):
    """The same for what the user has to set or type otherwise."""

    exit_code = 2


def _failure(error: Exception) -> Failure:
    if isinstance(error, (ConfigurationError, InvalidInputError)):
        return WrongUsage(error)
    if isinstance(error, S3VectorsError):
        return Failure(error)
    other = S3VectorsError(f"{type(error).__name__}: {error}")
    other.remedy = "--debug shows where; if it is not the machine's, it is a fault of this program"
    return Failure(other)


class Choice(click.Choice[str]):
    """A choice that knows what was meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """All of them, and the nearest."""
        message = super().get_invalid_choice_message(value, ctx)
        return f"{message} {nearest(str(value), list(self.choices))}".strip()


def nearest(value: str, known: Sequence[str]) -> str:
    """A question for what was meant, to end a message with; empty when nothing is near."""
    found = difflib.get_close_matches(value, known, n=1)
    return f"Did you mean {found[0]!r}?" if found else ""


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that stand for settings; hand the command the settings they make."""
    return _with_options(_with_loaded(command), _OPTIONS)


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Add only what every command has: --json and --debug."""
    return _with_options(command, {})


def with_values(command: Callable[..., None]) -> Callable[..., None]:
    """Add the same options; hand the command their values, for `settings_of`."""
    return _with_options(command, _OPTIONS)


def _with_loaded(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(**options: Any) -> None:
        command(settings_of({name: options.pop(name) for name in _FIELDS}), **options)

    return run


def settings_of(values: dict[str, Any]) -> Settings:
    """The settings, with those of the options that were given.

    Raises:
        ConfigurationError: a value is not of its setting's type, or there is no bucket.
    """
    try:
        from stache_ai_s3vectors.settings import load
    except ValueError as error:  # Stache reads its settings when it is imported
        raise ConfigurationError(f"Stache cannot read its settings: {error}") from error

    empty = [name for name, value in values.items() if name in _FIELDS and value == ""]
    if empty:  # mostly a variable that is not set; it must not mean AWS
        raise ConfigurationError(f"--{empty[0]} is empty; leave it out for the setting's value")
    given = {_FIELDS[name]: value for name, value in values.items() if value is not None}
    if given.get("s3vectors_endpoint_url") == AWS:
        given["s3vectors_endpoint_url"] = ""
    settings = load(**given)
    if not settings.s3vectors_bucket_name and not settings.s3vectors_bucket:
        missing = ConfigurationError("no vector bucket is configured")
        missing.remedy = (
            "name it: --bucket NAME, or S3VECTORS_BUCKET_NAME in the environment or .env"
        )
        raise missing
    return settings


def _with_options(command: Callable[..., None], options: dict[str, Option]) -> Callable[..., None]:
    @wraps(command)
    def run(*, debug: bool, **values: Any) -> None:
        if debug:
            logging.basicConfig(level=logging.WARNING)
            logging.getLogger("stache_ai_s3vectors").setLevel(logging.DEBUG)
        try:
            command(**values)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            if debug:
                traceback.print_exc()
            raise _failure(error) from error

    decorated: Callable[..., None] = run
    for option in reversed((*options.values(), _JSON, _DEBUG)):
        decorated = option(decorated)
    return decorated


def names_of(settings: Settings, dimension: int) -> dict[str, str]:
    """Stache's indexes by kind: the configured names, else ones that carry the dimension.

    No property of an index can be changed but its tags, so another embedding size needs
    another index, and with it another name.
    """
    older = settings.s3vectors_index if "s3vectors_index" in settings.model_fields_set else None
    return {
        kind: getattr(settings, f"s3vectors_{kind}_index") or older or f"{kind}-{dimension}"
        for kind in KINDS
    }


def chosen(settings: Settings, names: Sequence[str]) -> list[VectorIndex]:
    """The indexes of these names, by default Stache's; all of them are there.

    Raises:
        NotFoundError: one is not, and which name is near.
    """
    from stache_ai_s3vectors.settings import resolve

    options = resolve(settings)
    wanted = names or names_of(settings, options.dimension).values()
    return [existing(replace(options, index=name)) for name in dict.fromkeys(wanted)]


def existing(options: Options) -> VectorIndex:
    """The options' index, which is there."""
    from stache_ai_s3vectors.vector_index import VectorIndex

    index = VectorIndex(replace(options, create_index=False))
    try:
        index.describe()
    except NotFoundError as error:
        better = NotFoundError(cause_of(error))
        better.remedy = f"{_similar(options)} {remedy_of(error)}".strip()
        raise better from error
    return index


@dataclass(frozen=True)
class Destination:
    """Where vectors are to go.

    Args:
        told: what it is, or will be.
        there: whether it is; else `made` makes it.
    """

    options: Options
    told: Description
    there: bool

    @property
    def name(self) -> str:
        """The index and its bucket."""
        return f"{self.options.bucket}/{self.options.index}"

    def made(self) -> VectorIndex:
        """The index, which is there from now on."""
        from stache_ai_s3vectors.client import connect
        from stache_ai_s3vectors.provision import create_bucket, create_index

        if not self.there:
            client = connect(self.options)
            if self.options.local:
                create_bucket(client, self.options)
            metric: Any = self.told.metric
            create_index(client, self.options, self.options.index, metric)
        return existing(self.options)


def destination(options: Options, metric: str) -> Destination:
    """The options' index, which is there, or can be made where the settings say so.

    Args:
        metric: of one that is made.

    Raises:
        NotFoundError: it is not there, and is not to be made.
    """
    from stache_ai_s3vectors.answers import ENHANCED, Description
    from stache_ai_s3vectors.keys import NON_FILTERABLE

    try:
        return Destination(options, existing(options).describe(), there=True)
    except NotFoundError:
        if not options.create_index:
            raise
    keys = frozenset(NON_FILTERABLE)
    planned = Description("", options.dimension, metric, keys, ENHANCED, {})
    return Destination(options, planned, there=False)


def _similar(options: Options) -> str:
    from stache_ai_s3vectors.provision import list_indexes

    try:
        return nearest(options.index, list_indexes(options))
    except S3VectorsError:  # not allowed, or no such bucket: then there is nothing to suggest
        return ""


@contextmanager
def resumable(so_far: Callable[[], str]) -> Iterator[None]:
    """Say how far it got when it is interrupted or fails, and whether it can go on."""
    from stache_ai_s3vectors.exports import DamagedExportError

    final = (ConfigurationError, InvalidInputError, RejectedError, DamagedExportError)
    try:
        yield
    except (KeyboardInterrupt, S3VectorsError) as error:
        goes_on = "" if isinstance(error, final) else " The same command again goes on from there."
        click.echo(f"Stopped: {so_far()}.{goes_on}", err=True)
        raise


def confirm(question: str, answer: str) -> None:
    """Go on only when the user types the answer."""
    if not is_asked():
        raise click.UsageError("this deletes data: add --yes to do it without being asked")
    if click.prompt(question, default="", show_default=False, err=True) != answer:
        raise click.ClickException("that is not it; nothing is deleted")


def is_asked() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


def filter_option(value: str | None) -> dict[str, Any] | None:
    """A --filter, read.

    Raises:
        InvalidInputError: it is no JSON object.
    """
    if value is None:
        return None
    try:
        document = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"--filter {value!r:.80} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInputError(f"""--filter {value!r:.80} is no object such as '{{"a": "b"}}'""")
    return document


def printable(text: str) -> str:
    """A text of somebody's data, such that it cannot write to the terminal what it likes."""
    return text if text.isprintable() else repr(text)[1:-1]
