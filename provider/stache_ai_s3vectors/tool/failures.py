"""How a command ends that could not do what it was asked for: two lines, and how far it got."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from stache_ai_s3vectors.errors import (
    ConfigurationError,
    DamagedFileError,
    InvalidInputError,
    RejectedError,
    S3VectorsError,
)

from .remedies import cause_of, remedy_of


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


def failure(error: Exception) -> Failure:
    """The error as the user gets to see it."""
    if isinstance(error, (ConfigurationError, InvalidInputError)):
        return WrongUsage(error)
    if isinstance(error, S3VectorsError):
        return Failure(error)
    other = S3VectorsError(f"{type(error).__name__}: {error}")
    other.remedy = (
        "--debug shows where. If this machine is not the cause, this is a bug in stache-s3vectors: "
        "report it with that output"
    )
    return Failure(other)


def missing_engine() -> click.ClickException:
    """The error of a command that needs the local engine, where it is not installed."""
    return click.ClickException(
        "the local engine is not installed; in a clone of the repository: "
        "pip install './local[fast]'"
    )


@contextmanager
def resumable(so_far: Callable[[], str]) -> Iterator[None]:
    """Say how far it got when it is interrupted or fails, and whether it can go on."""
    final = (ConfigurationError, InvalidInputError, RejectedError, DamagedFileError)
    try:
        yield
    except (KeyboardInterrupt, S3VectorsError) as error:
        goes_on = "" if isinstance(error, final) else " The same command again goes on from there."
        click.echo(f"Stopped: {so_far()}.{goes_on}", err=True)
        raise
