"""`examples/serve_stache.py` starts everything, as `make stache` runs it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from pydoc_data.topics import topics

import pytest

import serve_stache
from s3vectors_local import Engine

SCRIPT = Path(serve_stache.__file__)


@contextmanager
def start(*arguments):
    """Run the script until its guide is printed; yield the process and the output."""
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        try:
            lines = []
            while not lines or "api/documents" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], process.stderr.read()
            yield process, "".join(lines)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("stache") / "data"


def run(command):
    """Run a command of the guide; return its output as JSON."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - bash, as in the guide
    return json.loads(done.stdout)


def end(process):
    """Press Ctrl-C; return the rest of the output."""
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return output


def is_listening(url):
    with socket.socket() as client:
        host, _, port = url.removeprefix("http://").partition(":")
        return client.connect_ex((host, int(port))) == 0


def test_its_three_commands_work_and_ctrl_c_ends_everything(data):
    """They run as printed; a second start ingests nothing and has what was added."""
    with start("--port", 0, "--data", data) as (process, guide):
        search, add, listing = re.findall(r"^  (curl .*)$", guide, re.MULTILINE)
        url, engine = (
            re.search(rf"{word} .*(http://\S+?)(?:/docs)?\n", guide)[1]
            for word in ("API,", "engine")
        )
        assert f"{len(topics)} documents ingested" in guide
        assert len(run(search)["sources"]) == 3
        assert run(add)["status"] == "done"
        assert [document["filename"] for document in run(listing)["documents"]] == ["cat.txt"]
        with urllib.request.urlopen(f"{url}/docs") as page:
            assert b"swagger" in page.read().lower()
        [console] = re.findall(r"^  console, .*(http://\S+)$", guide, re.MULTILINE)
        request = urllib.request.Request(console, headers={"accept": "text/html"})
        with urllib.request.urlopen(request) as page:
            assert b"S3 Vectors console" in page.read()
        assert url.startswith("http://127.0.0.1:")
        assert engine.startswith("http://127.0.0.1:")
        assert "Stache has ended; the data stays." in end(process)
        assert not is_listening(url)
        assert not is_listening(engine)

    with start("--port", 0, "--data", data) as (process, guide):
        assert "0 documents ingested" in guide
        listing = re.findall(r"^  (curl .*)$", guide, re.MULTILINE)[2]
        assert len(run(listing)["documents"]) == 1
        end(process)


def fail(*arguments):
    """Run the script, which fails; return the lines of the error."""
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    return done.stderr.splitlines()


def test_a_port_in_use_is_an_error_of_one_line(tmp_path):
    """It says how to choose another; nothing is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        [line] = fail("--port", port, "--data", tmp_path)

    assert f"port {port} cannot be used: Address already in use." in line
    assert line.endswith(f"choose another port: make stache PORT={port + 1}")
    assert not (tmp_path / "vectors").exists()


def test_the_error_names_data_in_use(tmp_path):
    """A demo may be running."""
    owner = Engine(tmp_path / "vectors")
    lines = fail("--port", 0, "--data", tmp_path)
    owner.close()

    assert "vectors belongs to a running engine" in lines[0]
    assert lines[-1] == "serve_stache: the engine did not start; it says why above"
