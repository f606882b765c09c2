"""The four endpoints of the same engine: in process or behind HTTP, memory or disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3

from command_line_flags import OTHER_CHOICES
from model import check_responses
from s3vectors_local import Engine, connect

CHOICES = (
    "--missing-key=no-match",
    "--array-negation=any-element",
    "--euclidean=squared",
    "--numbers=single",
    "--repeated-keys=refused",
    "--analyzer=words",
)

SESSION = boto3.session.Session()  # one, because each reads the service model anew
KINDS = ("process-memory", "process-disk", "http-memory", "http-disk")


@contextmanager
def start_server(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`s3vectors-local serve` on a free port: the process and its URL; killed at the end."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0"]
    command += [*(CHOICES if OTHER_CHOICES else ()), *arguments]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[1].rstrip(",")
        finally:
            process.kill()


@contextmanager
def serve(*arguments: str) -> Iterator[str]:
    """The URL of a server that is stopped at the end."""
    with start_server(*arguments) as (process, url):
        yield url
        process.terminate()
        process.communicate()


def create_client(**options: Any) -> Any:
    """A boto3 client with dummy credentials; without `endpoint_url`, its requests go nowhere."""
    settings = {"region_name": "us-east-1", "endpoint_url": "http://nowhere.invalid", **options}
    return check_responses(SESSION.client("s3vectors", **settings))


@contextmanager
def open_client(kind: str, directory: Path) -> Iterator[Any]:
    """A boto3 client of an endpoint of that kind."""
    way, storage = kind.split("-")
    data = str(directory / "data") if storage == "disk" else None
    if way == "http":
        arguments = ("--data", data) if data else ()
        with serve(*arguments) as url, closing(create_client(endpoint_url=url)) as client:
            yield client
        return
    engine = Engine(data)
    yield connect(create_client(), engine)
    engine.close()
