"""`export -` and `import -` use an index through pipes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import closing

import pytest

from s3vectors_local import Engine, connect
from stache_ai_s3vectors.aws.connections import close_engines
from support import endpoints, providers, tool
from support.engine.unreliable_server import PASS, serve_unreliably
from support.processes.terminal import Terminal

COMMAND = f"{sys.executable} -m stache_ai_s3vectors"
EXPORT = shlex.join(("--index", "documents", *tool.LOCAL))
ELSEWHERE = ("--bucket", "my-bucket", "--endpoint", "local:other", "--dimension", "4")
IMPORT = shlex.join((*ELSEWHERE, "--index", "restored"))


def run_bash(line):
    """Run a line of bash, with `tool` for the command; no engine may be open."""
    close_engines()
    line = line.replace("tool ", f"{COMMAND} ")
    return subprocess.run(["bash", "-c", line], capture_output=True, check=False)


def read_restored():
    return tool.read_contents(
        providers.create_provider("restored", s3vectors_endpoint_url="local:other")
    )


@pytest.fixture
def provider():
    return tool.create_filled_provider(1_200)


@pytest.mark.parametrize(
    "pipe",
    [
        f"tool export - {EXPORT} | tool import - {IMPORT}",
        f"tool export - {EXPORT} | gzip | tool import - {IMPORT}",
        f"tool export - {EXPORT} > a && tool import a {IMPORT}",
        f"tool export a.jsonl.gz {EXPORT} && gunzip < a.jsonl.gz | tool import - {IMPORT}",
        f"tool export a.jsonl.gz {EXPORT} && tool import <(gunzip < a.jsonl.gz) {IMPORT}",
    ],
)
def test_an_index_is_copied_through_a_pipe(provider, pipe):
    """To the last bit."""
    before = tool.read_contents(provider)

    result = run_bash(f"set -o pipefail; {pipe}")

    assert result.returncode == 0, result.stderr
    assert read_restored() == before


def test_standard_output_has_the_export_and_nothing_else(provider, tmp_path):
    """The report goes to standard error, also as JSON."""
    tool.run_checked("export", "a.jsonl", *shlex.split(EXPORT))

    plain = run_bash(f"tool export - {EXPORT}")
    as_json = run_bash(f"tool export - {EXPORT} --json")

    assert plain.stdout == as_json.stdout == (tmp_path / "a.jsonl").read_bytes()
    assert plain.stderr == b"standard output: 1200 vectors of my-bucket/documents\n"
    assert json.loads(as_json.stderr) == {"file": "-", "index": "documents", "vectors": 1_200}


def test_a_reader_that_stops_early_is_not_an_error(provider):
    """As `head` does; but a full disk is an error."""
    left = run_bash(f"tool export - {EXPORT} | head -1")
    full = run_bash(f"tool export - {EXPORT} > /dev/full")

    assert (left.stdout.count(b"\n"), left.stderr) == (1, b"")
    assert full.returncode == 1
    assert b"Error: standard output cannot be written: No space left on device" in full.stderr


def test_a_failed_export_to_a_stream_is_reported_as_not_resumable():
    """Unlike an export to a file; what was written is an export without its end."""
    with closing(Engine()) as engine, serve_unreliably(engine) as server:
        connect(endpoints.create_client(), engine).create_vector_bucket(
            vectorBucketName="my-bucket"
        )
        tool.create_filled_provider(
            2_500, s3vectors_endpoint_url=server.url, s3vectors_write_rate=0.0
        )
        gets = iter(range(10_000))
        server.behavior = lambda operation, _: (
            400 if operation == "GetVectors" and next(gets) >= 17 else PASS
        )
        where = shlex.join(("--bucket", "my-bucket", "--endpoint", server.url))

        result = run_bash(f"tool export - {where} --index documents | tool import - {IMPORT}")

    errors = result.stderr.decode()
    assert " vectors went to standard output" in errors
    assert "of standard input is missing: the file was cut off" in errors
    assert 1_000 <= len(read_restored()) < 2_500
    assert f"Stopped: {len(read_restored())} vectors written, 0 already present." in errors


@pytest.mark.parametrize("cut", ["head -n 700", "head -c 200000", "sed 500d", "head -n -1"])
def test_a_truncated_or_changed_stream_is_detected(provider, cut):
    """Exit status 1, the line, and the number of stored vectors: all before that line."""
    result = run_bash(f"tool export - {EXPORT} | {cut} | tool import - {IMPORT}")

    errors = result.stderr.decode()
    assert result.returncode == 1
    assert " of standard input is " in errors
    assert f"Stopped: {len(read_restored())} vectors written" in errors
    assert len(read_restored()) > 100


def test_a_stream_that_is_not_an_export_is_reported_as_such():
    """Also an empty one, from a program that failed before it."""
    for text in ("", "not an export"):
        result = run_bash(f"printf '{text}' | tool import - {IMPORT}")
        assert result.returncode == 1
        assert b"of standard input is not the first line of an export" in result.stderr


def test_an_import_from_a_terminal_is_refused(tmp_path):
    """It would wait for ever, and nobody types an export."""
    terminal = Terminal(f"{COMMAND} import - {IMPORT}", tmp_path, {})

    assert terminal.finish() == 2
    assert "standard input is a terminal; pipe an export into it" in terminal.screen_text
