"""The tool in a real terminal: bars, Ctrl-C, questions."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

import far_ends
import tool
from terminal import Terminal

COMMAND = f"{sys.executable} -m stache_ai_s3vectors.cli"


@pytest.fixture(scope="module")
def slow():
    """A server that takes its time, with an index of 6,000 chunks: an export takes seconds."""
    with far_ends.server("--latency", "0.4") as url:
        with closing(far_ends.boto_client(endpoint_url=url)) as client:
            client.create_vector_bucket(vectorBucketName="my-bucket")
        provider = tool.filled(6_000, s3vectors_endpoint_url=url, s3vectors_write_rate=0.0)
        with closing(provider.client):
            yield f"--bucket my-bucket --endpoint {url} --region us-east-1"


def test_long_work_shows_a_bar_that_goes_when_it_is_done(slow, tmp_path):
    """With how many there are, on standard error."""
    terminal = Terminal(f"{COMMAND} export a.jsonl --index documents {slow}", tmp_path, {})

    terminal.wait_for("exporting")
    bar = terminal.shown
    status = terminal.finish()

    assert "/6000" in bar
    assert status == 0
    assert terminal.shown == "a.jsonl: 6000 vectors of my-bucket/documents"


def test_without_a_terminal_there_is_no_bar(slow, tmp_path):
    """Nothing but the result, on standard output."""
    command = f"{COMMAND} export a.jsonl --index documents {slow}".split()
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)

    assert result.stdout == "a.jsonl: 6000 vectors of my-bucket/documents\n"
    assert result.stderr == ""


def test_ctrl_c_says_how_far_it_came_and_the_next_run_goes_on(slow, tmp_path):
    """Exit status 1, and no traceback."""
    command = f"{COMMAND} export a.jsonl --index documents {slow}"
    terminal = Terminal(command, tmp_path, {})
    terminal.wait_for("exporting")
    terminal.type("\x03")
    status = terminal.finish()

    again = Terminal(command, tmp_path, {})
    assert (status, again.finish()) == (1, 0)
    assert "Stopped: what is exported so far is in a.jsonl." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert again.shown == "a.jsonl: 6000 vectors of my-bucket/documents"
    assert not (tmp_path / "a.jsonl").read_bytes().endswith(b"\n\n")


def test_an_error_is_two_lines_in_a_terminal_too(tmp_path):
    """The cause, and the remedy."""
    terminal = Terminal(f"{COMMAND} stats", tmp_path, {})

    assert terminal.finish() == 2
    assert terminal.shown.splitlines() == [
        "Error: no vector bucket is configured",
        "Fix: name it: --bucket NAME, or S3VECTORS_BUCKET_NAME in the environment or .env",
    ]
