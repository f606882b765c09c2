"""What the commands share: options that stand for settings, and errors as two lines."""

from __future__ import annotations

import difflib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

import click

from stache_ai_s3vectors.errors import (
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
    S3VectorsError,
)
from stache_ai_s3vectors.remedies import cause_of, remedy_of

if TYPE_CHECKING:
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
        "--dimension", type=int, help="Embedding size. [default: EMBEDDING_DIMENSION]"
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
    "--debug", is_flag=True, help="Show tracebacks, and every call on standard error."
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
    from stache_ai_s3vectors.settings import load

    given = {_FIELDS[name]: value for name, value in values.items() if value is not None}
    if given.get("s3vectors_endpoint_url") == AWS:
        given["s3vectors_endpoint_url"] = ""
    settings = load(**given)
    if not settings.s3vectors_bucket_name and not settings.s3vectors_bucket:
        error = ConfigurationError("no vector bucket is configured")
        error.remedy = "name it: --bucket NAME, or S3VECTORS_BUCKET_NAME in the environment or .env"
        raise error
    return settings


def _with_options(command: Callable[..., None], options: dict[str, Option]) -> Callable[..., None]:
    @wraps(command)
    def run(*, debug: bool, **values: Any) -> None:
        if debug:
            logging.basicConfig(level=logging.WARNING)
            logging.getLogger("stache_ai_s3vectors").setLevel(logging.DEBUG)
        try:
            command(**values)
        except S3VectorsError as error:
            if debug:
                raise
            usage = isinstance(error, (ConfigurationError, InvalidInputError))
            raise (WrongUsage if usage else Failure)(error) from error

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
    wanted = list(names) or list(dict.fromkeys(names_of(settings, options.dimension).values()))
    return [existing(replace(options, index=name)) for name in wanted]


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


def reached(options: Options) -> VectorIndex:
    """The options' index, which is there, or is made where the settings say so."""
    from stache_ai_s3vectors.vector_index import VectorIndex

    if not options.create_index:
        return existing(options)
    index = VectorIndex(options)
    index.describe()
    return index


def _similar(options: Options) -> str:
    from stache_ai_s3vectors.provision import list_indexes

    try:
        return nearest(options.index, list_indexes(options))
    except S3VectorsError:  # not allowed, or no such bucket: then there is nothing to suggest
        return ""


@contextmanager
def resumable(so_far: Callable[[], str]) -> Iterator[None]:
    """Say how far it got when it is interrupted or fails, and that it can go on."""
    try:
        yield
    except (KeyboardInterrupt, S3VectorsError):
        click.echo(f"Stopped: {so_far()}. The same command again goes on from there.", err=True)
        raise


def confirm(question: str, answer: str, *, yes: bool) -> None:
    """Go on only when the user types the answer, or has said --yes."""
    if yes:
        return
    if not is_asked():
        raise click.UsageError("this deletes data: add --yes to do it without being asked")
    if click.prompt(question, default="", show_default=False) != answer:
        raise click.ClickException("that is not it; nothing was deleted")


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
    except ValueError as error:
        raise InvalidInputError(f"--filter {value!r:.80} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInputError(f"""--filter {value!r:.80} is no object such as '{{"a": "b"}}'""")
    return document
