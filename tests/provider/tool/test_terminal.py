"""The tool in a real terminal: bars, Ctrl-C, questions."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import closing

import pytest

from s3vectors_local import Engine, connect
from support import endpoints, plugin_package, tool
from support.engine.unreliable_server import PASS, SILENT, serve_unreliably
from support.processes.terminal import Terminal

COMMAND = f"{sys.executable} -m stache_ai_s3vectors"


@pytest.fixture
def server():
    """A server with an index of 2,000 chunks, which returns vectors only once it is released."""
    with closing(Engine()) as engine, serve_unreliably(engine) as server:
        connect(endpoints.create_client(), engine).create_vector_bucket(
            vectorBucketName="my-bucket"
        )
        provider = tool.create_filled_provider(
            2_000, s3vectors_endpoint_url=server.url, s3vectors_write_rate=0.0
        )
        provider.client.close()
        server.behavior = lambda operation, _: SILENT if operation == "GetVectors" else PASS
        yield server


def build_export_command(server):
    """Build the command that writes the index to a file."""
    where = f"--bucket my-bucket --endpoint {server.url} --region us-east-1"
    return f"{COMMAND} export a.jsonl --index documents {where}"


def test_a_long_operation_shows_a_bar_until_its_end(server, tmp_path):
    """With the counts, on standard error."""
    terminal = Terminal(build_export_command(server), tmp_path, {})

    terminal.wait_for("exporting")
    bar = terminal.screen_text
    server.recover()
    status = terminal.finish()

    assert "0/2,000" in bar
    assert status == 0
    assert terminal.screen_text == "a.jsonl: 2000 vectors of my-bucket/documents"


def test_without_a_terminal_there_is_no_bar(server, tmp_path):
    """Only the result is printed, on standard output."""
    server.recover()
    command = build_export_command(server).split()
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)

    assert result.stdout == "a.jsonl: 2000 vectors of my-bucket/documents\n"
    assert result.stderr == ""


def test_ctrl_c_reports_the_progress_and_the_next_run_resumes(server, tmp_path):
    """Exit status 130, without a traceback, although the server does not respond."""
    terminal = Terminal(build_export_command(server), tmp_path, {})
    terminal.wait_for("exporting")
    terminal.type("\x03")
    status = terminal.finish()
    assert not server.recovered.is_set()
    server.recover()

    again = Terminal(build_export_command(server), tmp_path, {})
    assert (status, again.finish()) == (130, 0)
    assert "Stopped: what is exported so far is in a.jsonl." in terminal.screen_text
    assert "Traceback" not in terminal.screen_text
    assert again.screen_text == "a.jsonl: 2000 vectors of my-bucket/documents"
    assert not (tmp_path / "a.jsonl").read_bytes().endswith(b"\n\n")


STOPS = [
    ("export b.jsonl", "GetVectors", "0/2,000", "what is exported so far is in b.jsonl."),
    ("export - > b.jsonl", "GetVectors", "0/2,000", "0 vectors went to standard output. Only an"),
    (
        "import a.jsonl --index restored",
        "PutVectors",
        "importing into restored",
        "0 vectors written, 0 already present. Run the same command again to resume",
    ),
    (
        "import - --index restored < a.jsonl",
        "PutVectors",
        "importing into restored",
        "0 vectors written, 0 already present. Run the same command again to resume",
    ),
    ("copy documents copied", "ListVectors", "counting documents", "0 vectors written"),
    (
        "copy documents copied",
        "PutVectors",
        "writing to copied",
        "0 vectors written, 0 already present. Run the same command again to resume",
    ),
    (
        "reembed documents documents-8",
        "PutVectors",
        "embedding, writing to documents-8",
        "0 vectors written, 0 already present. Run the same command again to resume",
    ),
    ("migrate documents new", "ListVectors", "reading documents", "nothing was written."),
    ("migrate documents new --yes", "PutVectors", "writing to new", "0 vectors written"),
    ("purge --status active", "ListVectors", "reading documents", "nothing was deleted."),
    (
        "purge --status active --yes",
        "DeleteVectors",
        "deleting from documents",
        "0 vectors of documents are deleted, perhaps more. Run the same command again to resume",
    ),
    ("stats", "ListVectors", "reading documents", "nothing is changed."),
    ("list", "ListVectors", "reading documents", ""),
]
"""A command, the operation without a response, and the output before and after Ctrl-C."""


@pytest.mark.parametrize("command, silent, bar, done", STOPS)
def test_each_command_reports_its_work_and_its_progress_at_ctrl_c(
    server, tmp_path, command, silent, bar, done
):
    """In one line, with exit status 130."""
    server.behavior = lambda *_: PASS
    where = ("--bucket", "my-bucket", "--endpoint", server.url, "--region", "us-east-1")
    if command.startswith("import"):
        tool.run_checked("export", "a.jsonl", "--index", "documents", *where)
    server.behavior = lambda operation, _: SILENT if operation == silent else PASS
    (tmp_path / "packages").mkdir()
    plugin_package.write_package(
        tmp_path / "packages", "stache.embeddings", "words", "letter_embedder:Letters"
    )
    environment = {
        "S3VECTORS_CREATE_INDEX": "true",
        "S3VECTORS_DOCUMENTS_INDEX": "documents",
        "S3VECTORS_SUMMARIES_INDEX": "documents",
        "S3VECTORS_INSIGHTS_INDEX": "documents",
        "EMBEDDING_PROVIDER": "words" if command.startswith("reembed") else "none",
        "PYTHONPATH": str(tmp_path / "packages"),
    }
    line = f"{COMMAND} {command} {shlex.join(where)}"  # bash accepts < and > at any place
    terminal = Terminal(line, tmp_path, environment)

    terminal.wait_for(bar)
    total = "0/2,000" in terminal.screen_text
    terminal.type("\x03")
    status = terminal.finish()

    assert status == 130, terminal.screen_text
    assert total is (silent != "ListVectors" and not command.startswith("import"))
    assert terminal.screen_text.startswith(f"Stopped: {done}" if done else "Stopped.")
    assert len(terminal.screen_text.splitlines()) == 1


HELD = {
    "stats": ("GetIndex", "nothing is changed."),
    "indexes list": ("ListIndexes", "nothing is changed."),
    "indexes create a-4": ("GetIndex", "created none. Run the same command again to resume."),
    "indexes upgrade": ("GetIndex", "nothing is changed. Run the same command again to resume."),
    "indexes delete documents": ("GetIndex", "deleted none. Run the same command again to resume."),
    "doctor --index documents": ("GetIndex", "checks are done."),
}
"""What a command waits for, and what it reports after Ctrl-C."""


@pytest.mark.parametrize("command", HELD)
def test_ctrl_c_ends_every_command_with_130(server, tmp_path, command):
    """With what was done, although the server does not respond."""
    operation, report = HELD[command]
    server.behavior = lambda name, _: SILENT if name == operation else PASS
    environment = {
        "S3VECTORS_BUCKET_NAME": "my-bucket",
        "S3VECTORS_ENDPOINT_URL": server.url,
        "S3VECTORS_DOCUMENTS_INDEX": "documents",
        "EMBEDDING_DIMENSION": "4",
    }
    terminal = Terminal(f"{COMMAND} {command}", tmp_path, environment)

    server.hanging.acquire()
    terminal.type("\x03")
    status = terminal.finish()

    assert status == 130
    assert report in terminal.screen_text
    assert "Stopped: " in terminal.screen_text
    assert "Traceback" not in terminal.screen_text


def test_ctrl_c_at_a_question_or_while_reading_a_policy_is_130(server, tmp_path):
    """The end of the input is not."""
    server.recover()
    where = f"--bucket my-bucket --endpoint {server.url} --region us-east-1 --dimension 4"
    question = Terminal(f"{COMMAND} indexes delete documents {where}", tmp_path, {})
    question.wait_for("Type documents")
    question.type("\x03")
    ended = Terminal(f"{COMMAND} indexes delete documents {where}", tmp_path, {})
    ended.wait_for("Type documents")
    ended.type("\x04")
    os.mkfifo(tmp_path / "policy.json")
    reading = Terminal(f"{COMMAND} policy check policy.json", tmp_path, {})
    with (tmp_path / "policy.json").open("w"):  # opens when the command has opened it
        reading.type("\x03")
        status = reading.finish()

    assert (question.finish(), ended.finish(), status) == (130, 1, 130)
    assert "Stopped: deleted none." in question.screen_text
    assert "Stopped" not in ended.screen_text


LONG = "no-such-bucket-with-a-name-that-does-not-fit-into-a-line-of-a-narrow-terminal"


@pytest.mark.parametrize("command", ["doctor", "stats"])
def test_lines_end_between_words_in_a_narrow_terminal(tmp_path, command):
    """In checks, errors and fixes; a long command continues after a backslash."""
    options = f"--bucket {LONG[:40]} --endpoint local:data --dimension 4 --index a-4"
    wide = Terminal(f"stty columns 1000; {COMMAND} {command} {options}", tmp_path, {})
    wide.finish()
    narrow = Terminal(f"stty columns 80; COLUMNS=80 {COMMAND} {command} {options}", tmp_path, {})
    narrow.finish()

    lines = narrow.screen_text.splitlines()
    assert len(lines) > len(wide.screen_text.splitlines())
    assert all(len(line) <= 80 or " " not in line.strip() for line in lines)
    unwrapped = " ".join(narrow.screen_text.replace(" \\\n", " ").split())
    assert unwrapped == " ".join(wide.screen_text.split())


def test_an_error_has_two_lines_in_a_terminal(tmp_path):
    """The cause and the fix."""
    terminal = Terminal(f"{COMMAND} stats", tmp_path, {})

    assert terminal.finish() == 2
    assert terminal.screen_text.splitlines() == [
        "Error: no vector bucket is configured",
        "Fix: name it: --bucket NAME, or S3VECTORS_BUCKET_NAME in the environment or .env",
    ]
