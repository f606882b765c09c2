"""The four kinds of endpoints of the engine: in the process or over HTTP, in memory or on disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3

from s3vectors_local import Choices, Engine, connect
from support.command_line_flags import OTHER_CHOICES
from support.engine.model import check_responses

OTHER = Choices("no-match", "any-element", "squared", "single", "refused", "words")
"""The other behavior for each choice of the engine."""

_OTHER_CHOICES_OPTIONS = [
    f"--{name.replace('_', '-')}={value}" for name, value in asdict(OTHER).items()
]

SESSION = boto3.session.Session()  # a single one, because each session reads the service model
KINDS = ("process-memory", "process-disk", "http-memory", "http-disk")


@contextmanager
def start_server(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `s3vectors-local serve` on a free port, and kill it at the end. Yield process and URL."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0"]
    command += [*(_OTHER_CHOICES_OPTIONS if OTHER_CHOICES else ()), *arguments]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[1].rstrip(",")
        finally:
            process.kill()


@contextmanager
def serve(*arguments: str) -> Iterator[str]:
    """Run `s3vectors-local serve` on a free port, and stop it at the end. Yield its URL."""
    with start_server(*arguments) as (process, url):
        yield url
        process.terminate()
        process.communicate()


def create_client(**options: Any) -> Any:
    """Create a boto3 client with dummy credentials. Without `endpoint_url`, requests fail."""
    settings = {"region_name": "us-east-1", "endpoint_url": "http://nowhere.invalid", **options}
    return check_responses(SESSION.client("s3vectors", **settings))


@contextmanager
def open_client(kind: str, directory: Path) -> Iterator[Any]:
    """Open a boto3 client of an endpoint of this kind."""
    transport, storage = kind.split("-")
    data = str(directory / "data") if storage == "disk" else None
    if transport == "http":
        arguments = ("--data", data) if data else ()
        with serve(*arguments) as url, closing(create_client(endpoint_url=url)) as client:
            yield client
        return
    engine = Engine(data)
    yield connect(create_client(), engine)
    engine.close()
