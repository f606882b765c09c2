"""Stache with several worker processes, under uvicorn and gunicorn, and its responses."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
from moto.server import ThreadedMotoServer

import handler
from support import TESTS
from support.deployment.lambda_function import ENVIRONMENT, REGION, TABLES, create_tables
from support.processes.children import join_python_path
from support.processes.loopback import CREDENTIALS
from support.stache.process import TIMEOUT_SECONDS, run_stache

COMMANDS: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "uvicorn --workers 3": (
        3,
        ("uvicorn", "--workers", "3", "--fd", "{fd}", "support.stache.app:app"),
    ),
    "gunicorn --preload -w 2": (
        2,
        (
            *("gunicorn", "--preload", "-w", "2", "-k", "uvicorn_worker.UvicornWorker"),
            *("--bind", "fd://{fd}", "--no-control-socket", "support.stache.app:app"),
        ),
    ),
}
"""Commands that serve Stache's application, each with its number of workers."""


class WorkerResponse:
    """The response to a request: its status, the worker's process id, and the body."""

    def __init__(self, url: str, body: Mapping[str, Any]) -> None:
        headers = {"content-type": "application/json", "connection": "close"}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                self.status, self.worker = response.status, response.headers["x-worker"]
                self.body: Any = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                self.status, self.worker = error.code, error.headers["x-worker"]
                self.body = error.read().decode()


@contextmanager
def serve_documents_table() -> Iterator[str]:
    """Serve moto's DynamoDB with the tables that Stache needs, and yield its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("dynamodb", REGION, endpoint_url=url)
    try:
        create_tables(client)
        yield url
    finally:
        # moto keeps its tables in the process after the server stops
        for name in TABLES:
            client.delete_table(TableName=name)
        server.stop()


def serve_stache_by(
    kind: str, folder: Path, **settings: str
) -> AbstractContextManager[tuple[str, list[str]]]:
    """Run one of COMMANDS. When all workers are ready, yield the URL and a list of log lines."""
    workers, words = COMMANDS[kind]
    command = [sys.executable, "-m", *words]
    stop = signal.SIGTERM
    return run_stache(command, folder, _make_environment(settings), workers=workers, stop=stop)


def _make_environment(settings: Mapping[str, str]) -> dict[str, str]:
    folders = (TESTS, Path(handler.__file__).parents[1])
    return {
        **CREDENTIALS,
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": join_python_path(*folders),
        "PYTHONUNBUFFERED": "1",
        "S3VECTORS_CREATE_INDEX": "true",
        **settings,
    }
