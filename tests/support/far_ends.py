"""The four places where the same engine can be: in process or behind HTTP, memory or disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3

from asked import OTHER_CHOICES
from model import referee
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
FAR_ENDS = ("process-memory", "process-disk", "http-memory", "http-disk")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
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
def server(*arguments: str) -> Iterator[str]:
    """The URL of a server that is stopped at the end."""
    with running(*arguments) as (process, url):
        yield url
        process.terminate()
        process.communicate()


def boto_client(**options: Any) -> Any:
    """A boto3 client with dummy credentials that goes nowhere unless told where."""
    settings = {"region_name": "us-east-1", "endpoint_url": "http://nowhere.invalid", **options}
    return referee(SESSION.client("s3vectors", **settings))


@contextmanager
def far_end(kind: str, directory: Path) -> Iterator[Any]:
    """A boto3 client whose far end is of that kind."""
    door, store = kind.split("-")
    data = str(directory / "data") if store == "disk" else None
    if door == "http":
        arguments = ("--data", data) if data else ()
        with server(*arguments) as url, closing(boto_client(endpoint_url=url)) as client:
            yield client
        return
    engine = Engine(data)
    yield connect(boto_client(), engine)
    engine.close()
