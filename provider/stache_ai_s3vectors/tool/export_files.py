"""The file of an export: its name is temporary until it is complete; only one process writes it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BufferedRandom
from pathlib import Path
from typing import Any, Final

from stache_ai_s3vectors.errors import ConfigurationError, S3VectorsError, UnavailableError

_PRIVATE: Final = 0o600
"""The texts of an index are for its owner, like the exports of the engine."""


def check_target(file: Path, *, force: bool) -> None:
    """Refuse what an export must not replace.

    Raises:
        ConfigurationError: the file exists, or is not a regular file.
    """
    try:
        exists, regular = file.exists(), file.is_file()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error
    if not file.name or (exists and not regular):
        raise ConfigurationError(
            f"{str(file)!r} is not a regular file; give a regular file, or - for standard output"
        )
    if exists and not force:
        raise ConfigurationError(f"{file} exists; choose another name, or add --force")


@contextmanager
def open_partial(file: Path, source: list[Any], *, force: bool) -> Iterator[BufferedRandom]:
    """Open the partial file of an export for this process alone; at the end, rename it to `file`.

    Args:
        file: the name of the complete export.
        source: what is exported, as JSON; another source has another partial file.
        force: begin anew.

    Raises:
        ConfigurationError: it cannot be written.
        UnavailableError: another process writes it.
    """
    tag = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:8]
    partial = file.with_name(f"{file.name}.{tag}.partial")
    with _open_locked(partial) as opened:
        if force:
            opened.truncate()
        yield opened
        partial.replace(file)  # while it is locked


def get_written_time(opened: BufferedRandom) -> datetime:
    """The time of a file's last write."""
    return datetime.fromtimestamp(Path(opened.name).stat().st_mtime).astimezone()


@contextmanager
def explain_write_errors(name: str) -> Iterator[None]:
    """Turn the system's write errors into ours, except for a pipe whose reader has left.

    Raises:
        S3VectorsError: it cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        full = S3VectorsError(f"{name} cannot be written: {error.strerror}")
        full.remedy = "make room"
        raise full from error


def _open_locked(partial: Path) -> BufferedRandom:
    try:
        # Mode "w+b" would truncate the file before it is locked
        opened = open(partial, "r+b", opener=_create)  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise ConfigurationError(f"{partial} cannot be written: {error.strerror}") from error
    if _lock(opened) and _is_at(opened, partial):
        return opened
    opened.close()
    raise UnavailableError(f"another export is writing {partial}; wait for it, or choose another")


def _create(name: str, flags: int) -> int:
    # The name can be predicted: in a shared folder, another user could link it to a file of ours
    no_link = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
    return os.open(name, flags | os.O_CREAT | no_link, _PRIVATE)


def _is_at(opened: BufferedRandom, partial: Path) -> bool:
    """Whether the file still has this name; an export that ends renames it."""
    try:
        return os.path.samestat(os.fstat(opened.fileno()), partial.stat())
    except FileNotFoundError:
        return False


def _lock(opened: BufferedRandom) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:  # pragma: no cover - Windows locks nothing here
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
