"""Shared by the commands: options that stand for settings, and questions to the user."""

from __future__ import annotations

import difflib
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from stache_ai_s3vectors.errors import ConfigurationError, describe_faults
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import KINDS

from .failures import report_on_stop, to_failure

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

Option: TypeAlias = Callable[[Callable[..., None]], Callable[..., None]]
"""A decorator that click.option or click.argument returns."""

AWS: Final = "aws"
"""An endpoint: AWS, whatever the settings are."""

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


class Choice(click.Choice[str]):
    """A choice whose error suggests the nearest value."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The allowed values, and the nearest."""
        message = super().get_invalid_choice_message(value, ctx)
        return f"{message} {suggest_nearest(str(value), list(self.choices))}".strip()


def suggest_nearest(value: str, known: Sequence[str]) -> str:
    """A question for the end of a message: "Did you mean …?"; empty if nothing is near."""
    nearest = difflib.get_close_matches(value, known, n=1)
    return f"Did you mean {nearest[0]!r}?" if nearest else ""


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that stand for settings; the command gets the settings."""
    return _with_options(_pass_settings(command), _OPTIONS)


def with_common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --json and --debug to a command that calls no service."""

    @wraps(command)
    def run(**options: Any) -> None:
        with report_on_stop(lambda: "nothing is changed", "", errors=False):
            command(**options)

    return _with_options(run, {})


def with_setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `with_settings`.

    The command passes their values to `load_settings_from_options`.
    """
    return _with_options(_import_stache_first(command), _OPTIONS)


def _pass_settings(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(**options: Any) -> None:
        command(
            load_settings_from_options({name: options.pop(name) for name in _FIELDS}), **options
        )

    return run


def _import_stache_first(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(**options: Any) -> None:
        _import_stache()
        command(**options)

    return run


def _import_stache() -> None:
    """Import Stache, which reads its settings.

    Raises:
        ConfigurationError: it cannot read them.
    """
    try:
        import stache_ai.config  # noqa: F401 - for what it does
    except ValueError as error:
        from pydantic import ValidationError

        if isinstance(error, ValidationError):
            raise ConfigurationError(describe_faults(error.errors())) from error
        raise ConfigurationError(f"Stache cannot read its settings: {error}") from error


def load_settings_from_options(values: dict[str, Any]) -> Settings:
    """Load the settings; the options override them.

    Raises:
        ConfigurationError: a value is not of its setting's type, or there is no bucket.
    """
    _import_stache()
    from stache_ai_s3vectors.settings import load_settings

    empty = [name for name, value in values.items() if name in _FIELDS and value == ""]
    if empty:  # mostly a variable that is not set; it must not mean AWS
        raise ConfigurationError(f"--{empty[0]} is empty; leave it out for the setting's value")
    fields = {_FIELDS[name]: value for name, value in values.items() if value is not None}
    if fields.get("s3vectors_endpoint_url") == AWS:
        fields["s3vectors_endpoint_url"] = ""
    settings = load_settings(**fields)
    if not settings.s3vectors_bucket_name and not settings.s3vectors_bucket:
        missing = ConfigurationError("no vector bucket is configured")
        missing.remedy = (
            "name it: --bucket NAME, or S3VECTORS_BUCKET_NAME in the environment or .env"
        )
        raise missing
    return settings


def resolve_options(settings: Settings) -> Options:
    """Resolve the settings.

    Raises:
        ConfigurationError: a setting is missing, malformed or contradicts another.
    """
    from stache_ai_s3vectors.settings import resolve_settings

    return resolve_settings(settings)


def get_index_names(settings: Settings, dimension: int) -> dict[str, str]:
    """Stache's indexes by kind: the configured names, else names with the dimension.

    The dimension of an index cannot be changed, so another embedding size needs another index.
    """
    older = settings.s3vectors_index if "s3vectors_index" in settings.model_fields_set else None
    return {
        kind: getattr(settings, f"s3vectors_{kind}_index") or older or f"{kind}-{dimension}"
        for kind in KINDS
    }


def _with_options(command: Callable[..., None], options: dict[str, Option]) -> Callable[..., None]:
    @wraps(command)
    def run(*, debug: bool, **values: Any) -> None:
        if debug:
            logging.basicConfig(level=logging.WARNING)
            logging.getLogger("stache_ai_s3vectors").setLevel(logging.DEBUG)
        try:
            command(**values)
        # The reader of a pipe has left, as `head` does: click ends quietly
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if debug:
                traceback.print_exc()
            raise to_failure(error) from error

    return add_options(run, [*options.values(), _JSON, _DEBUG])


def add_options(command: Callable[..., None], options: Sequence[Option]) -> Callable[..., None]:
    """Add options and arguments to a command; its help lists them in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def confirm(question: str, answer: str) -> None:
    """Ask the user to type the answer; stop if they do not."""
    if not is_interactive():
        raise click.UsageError("there is no terminal to confirm the deletion in: add --yes")
    if click.prompt(question, default="", show_default=False, err=True) != answer:
        raise click.ClickException(f"that is not {answer!r}: nothing is deleted")


def is_interactive() -> bool:
    """Whether the user can answer."""
    return sys.stdin.isatty()
