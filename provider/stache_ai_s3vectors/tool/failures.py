"""The errors of a command: the cause, the fix, and what was done before it failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from stache_ai_s3vectors.errors import (
    ConfigurationError,
    DamagedFileError,
    InvalidInputError,
    RejectedError,
    S3VectorsError,
)

from .remedies import find_remedy, get_cause

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""


class Failure(click.ClickException):
    """One of our errors, as a line with the cause and a line with the fix."""

    def __init__(self, error: S3VectorsError) -> None:
        super().__init__(get_cause(error))
        self.remedy = find_remedy(error)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print both lines."""
        click.echo(f"Error: {self.message}", file, err=file is None)
        if self.remedy:
            click.echo(f"Fix: {self.remedy}", file, err=file is None)


class WrongUsage(Failure):
    """The same for a wrong setting or option: exit status 2."""

    exit_code = 2


def to_failure(error: Exception) -> Failure:
    """Make of an error what click prints."""
    if isinstance(error, (ConfigurationError, InvalidInputError)):
        return WrongUsage(error)
    if isinstance(error, S3VectorsError):
        return Failure(error)
    other = S3VectorsError(f"{type(error).__name__}: {error}")
    other.remedy = (
        "run it with --debug to see where. If this machine is not the cause, this is a bug in "
        "stache-s3vectors: report it with that output"
    )
    return Failure(other)


class MissingEngineError(click.ClickException):
    """A command needs the local engine, and it is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "the local engine is not installed; in a clone of the repository: "
            "pip install './local[fast]'"
        )


@contextmanager
def report_on_stop(
    describe_progress: Callable[[], str], advice: str = "Run the same command again to resume."
) -> Iterator[None]:
    """When the work is interrupted or fails, print what was done and whether it can be resumed."""
    final = (ConfigurationError, InvalidInputError, RejectedError, DamagedFileError)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"Stopped: {describe_progress()}. {advice}".rstrip(), err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except S3VectorsError as error:
        more = "" if isinstance(error, final) else advice
        click.echo(f"Stopped: {describe_progress()}. {more}".rstrip(), err=True)
        raise
