"""Stache on a laptop: its real server, by the commands of docs/laptop.md, on a free port."""

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
from children import join_python_path
from loopback import CREDENTIALS
from stache_process import LIMIT, run_stache

_BIN: Final = Path(sys.executable).parent
_ENTRY_POINTS: Final = """[stache.embeddings]
word-hashing = word_hashing:WordHashingEmbeddings
"""


def make_environment(folder: Path, **settings: str) -> dict[str, str]:
    """A fresh terminal: Stache finds the demo's embeddings as a package that is installed.

    No model can be downloaded where the tests run.
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
        "EMBEDDING_PROVIDER": "word-hashing",  # beats `.env`
        "INGEST_BLOB_ROOT": str(folder / "originals"),  # its default is in a folder of the machine
        **settings,
    }


@contextmanager
def serve_stache(
    command: str, folder: Path, environment: Mapping[str, str], *, quiet: bool = True
) -> Iterator[str]:
    """Run a command that serves Stache until Ctrl-C; the URL once all workers are up.

    Args:
        command: as docs/laptop.md has it.
        folder: where it is run.
        environment: of the terminal.
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
    """What a command that calls Stache's API prints, as JSON."""
    words = shlex.split(command.replace("http://127.0.0.1:8000", url))
    assert words[0] == "curl"
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=LIMIT)
    return json.loads(done.stdout)


def call(url: str, method: str, path: str, body: Any = None, **query: str | int) -> tuple[int, Any]:
    """One request to Stache's API: the status and the answer."""
    address = f"{url}/api{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - our own
        address, data, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:  # noqa: S310 - our own
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read_body(error.read())


def _read_body(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:  # where Stache catches nothing, the server answers with text
        return body.decode()
