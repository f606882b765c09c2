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
from .terminal import echo_wrapped

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C, as shells report it: 128 and the number of SIGINT."""


class Failure(click.ClickException):
    """One of our errors, as a line with the cause and a line with the fix."""

    def __init__(self, error: S3VectorsError) -> None:
        super().__init__(get_cause(error))
        self.remedy = find_remedy(error)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print both lines."""
        for line in (f"Error: {self.message}", f"Fix: {self.remedy}" if self.remedy else ""):
            if line and file is None:
                echo_wrapped(line, indent=2, err=True)
            elif line:
                click.echo(line, file)


class WrongUsage(Failure):
    """An error about a wrong setting or option: exit status 2."""

    exit_code = 2


def to_failure(error: Exception) -> Failure:
    """Convert an error to the exception that click prints."""
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
    describe_progress: Callable[[], str],
    advice: str = "Run the same command again to resume.",
    *,
    errors: bool = True,
) -> Iterator[None]:
    """If the work is interrupted or fails, print what was done and what to do.

    Args:
        describe_progress: returns what was done.
        advice: what to do.
        errors: False to print it only when the work is interrupted.

    Raises:
        click.exceptions.Exit: it was interrupted.
    """
    final = (ConfigurationError, InvalidInputError, RejectedError, DamagedFileError)
    try:
        yield
    except (KeyboardInterrupt, click.Abort, S3VectorsError) as error:
        interrupted = is_interrupt(error)
        if interrupted or (errors and isinstance(error, S3VectorsError)):
            then = "" if isinstance(error, final) or not advice else f" {advice}"
            echo_wrapped(f"Stopped: {describe_progress()}.{then}", err=True)
        if interrupted:
            raise click.exceptions.Exit(INTERRUPTED) from error
        raise


def is_interrupt(error: BaseException) -> bool:
    """Whether it is Ctrl-C, including at a prompt, where click turns it into an Abort."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, click.Abort) and isinstance(error.__context__, KeyboardInterrupt)
    )
