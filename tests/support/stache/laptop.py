"""Stache's real server on a free port, started by the commands of docs/laptop.md."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import word_hashing
from support.processes.children import join_python_path
from support.processes.loopback import CREDENTIALS
from support.stache.process import TIMEOUT_SECONDS, run_stache

_BIN: Final = Path(sys.executable).parent
_ENTRY_POINTS: Final = """[stache.embeddings]
word-hashing = word_hashing:WordHashingEmbeddings
"""


def make_environment(folder: Path, **settings: str) -> dict[str, str]:
    """Make the environment of a new terminal, with the demo's embeddings as an installed package.

    The tests cannot download a model.
    """
    package = folder / "word_hashing-1.dist-info"
    package.mkdir(exist_ok=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: word-hashing\nVersion: 1\n")
    (package / "entry_points.txt").write_text(_ENTRY_POINTS)
    return {
        **{name: value for name, value in CREDENTIALS.items() if not name.endswith("KEY_ID")},
        "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": join_python_path(folder, Path(word_hashing.__file__).parent),
        "PYTHONUNBUFFERED": "1",
        "EMBEDDING_PROVIDER": "word-hashing",  # overrides `.env`
        "INGEST_BLOB_ROOT": str(folder / "originals"),  # by default outside of `folder`
        **settings,
    }


@contextmanager
def serve_stache(
    command: str, folder: Path, environment: Mapping[str, str], *, quiet: bool = True
) -> Iterator[str]:
    """Run a command that serves Stache. Yield the URL when all workers are ready.

    Args:
        command: a command of docs/laptop.md.
        folder: the working directory.
        environment: the environment of the terminal.
        quiet: whether an error in Stache's log is a failure.
    """
    words = shlex.split(command)
    workers = int(words[words.index("--workers") + 1]) if "--workers" in words else 1
    host, port = words.index("--host"), words.index("--port")
    assert words[host + 1] == "127.0.0.1"
    words[port : port + 2] = ["--fd", "{fd}"]
    with run_stache(words, folder, environment, workers=workers) as (url, log):
        yield url
    assert not quiet or not [line for line in log if " - ERROR - " in line], log


def call_curl(command: str, url: str) -> Any:
    """Run a curl command of the page on this URL, and return the JSON that it prints."""
    words = shlex.split(command.replace("http://127.0.0.1:8000", url))
    assert words[0] == "curl"
    result = subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS
    )
    return json.loads(result.stdout)


def call(url: str, method: str, path: str, body: Any = None, **query: str | int) -> tuple[int, Any]:
    """Send a request to Stache's API. Return the status and the body."""
    address = f"{url}/api{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        address, data, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read_body(error.read())


def _read_body(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:  # after an error that Stache does not catch, the server responds with text
        return body.decode()
