"""A command creates a local engine, its bucket or an index only to write to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3vectors_local import server
from stache_ai_s3vectors import NotFoundError
from support import providers, tool

READING = {
    "console": (),
    "copy": ("documents", "copied", "--to-endpoint", "local:elsewhere"),
    "doctor": (),
    "export": ("file.jsonl",),
    "indexes delete": ("documents", "--yes"),
    "indexes list": (),
    "indexes upgrade": (),
    "list": (),
    "migrate": ("documents", "migrated", "--yes"),
    "purge": ("--namespace", "books", "--yes"),
    "query": ("--vector", "-"),
    "reembed": ("documents", "embedded"),
    "show": ("key",),
    "stats": (),
}
"""Commands that need an engine, each with arguments."""

OTHER = {"copy-from", "import", "indexes create", "policy", "policy check", "serve"}
"""Commands that create an engine, or do not use one."""


def test_each_command_is_classified():
    """A new command needs an entry in READING or in OTHER."""
    assert {words for words, _ in tool.list_commands()} == READING.keys() | OTHER


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("exists", [False, True], ids=["no directory", "empty directory"])
def test_a_command_that_needs_an_engine_does_not_create_one(monkeypatch, command, exists):
    """A mistyped path is an error with the path and the fix, and stays as it is."""
    monkeypatch.setattr(server, "serve_console", lambda *_: None)  # it would serve forever
    if exists:
        Path("data").mkdir()

    result = tool.run(*command.split(), *READING[command], *tool.LOCAL, input="[1, 2]")

    words = " ".join(result.output.split())
    assert result.exit_code == 1, result.output
    assert f"there is no s3vectors.db in {Path('data').resolve()}" in words
    assert "name the data directory of an engine" in words
    assert "stache-s3vectors indexes create --dimension 4 --bucket my-bucket" in words
    assert [*Path().rglob("*")] == ([Path("data")] if exists else [])


def test_the_fix_creates_the_engine():
    """The command of the message works as it is printed."""
    message = " ".join(tool.run("stats", *tool.LOCAL).output.split())

    tool.run_checked(*message.partition("stache-s3vectors ")[2].split())

    assert tool.read_json("stats", *tool.LOCAL)["indexes"].keys() == {
        "documents-4",
        "summaries-4",
        "insights-4",
    }


def test_a_console_that_may_write_creates_an_engine(monkeypatch):
    """It can import an index."""
    monkeypatch.setattr(server, "serve_console", lambda _, bound, __: bound.close())

    tool.run_checked("console", "--write", "--port", "0", *tool.LOCAL)

    assert Path("data", "s3vectors.db").is_file()


def test_a_refused_import_does_not_create_an_engine():
    """The checks come first."""
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    client.create_vector_bucket(vectorBucketName="my-bucket")
    client.create_index(
        vectorBucketName="my-bucket",
        indexName="documents",
        dataType="float32",
        dimension=4,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text", "source"]},
    )
    tool.run_checked("export", "file.jsonl", "--index", "documents", *tool.LOCAL)

    result = tool.run("import", "file.jsonl", *tool.BUCKET, "--endpoint", "local:elsewhere")

    assert result.exit_code == 2, result.output
    assert "lacks the non-filterable keys source" in result.output
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize(
    "command",
    [
        "indexes create Documents --endpoint local:elsewhere",
        "copy documents Documents --endpoint local:data --to-endpoint local:elsewhere",
        "import file.jsonl --index Documents --endpoint local:elsewhere",
    ],
)
def test_an_invalid_name_creates_nothing(command):
    """The name is checked first; the error says what is allowed."""
    tool.create_filled_provider(1)
    tool.run_checked("export", "file.jsonl", "--index", "documents", *tool.LOCAL)

    result = tool.run(*command.split(), *tool.BUCKET)

    words = " ".join(result.output.split())
    assert result.exit_code == 2, result.output
    assert "'Documents' is not the name of an index" in words
    assert "use 3 to 63 lower-case letters, digits, hyphens and dots" in words
    assert not Path("elsewhere").exists()


def test_the_provider_creates_an_engine_unless_the_settings_forbid_it():
    """S3VECTORS_CREATE_INDEX=false includes the directory."""
    forbidden = {"s3vectors_endpoint_url": "local:forbidden", "s3vectors_create_index": False}
    provider = providers.create_provider(s3vectors_endpoint_url="local:allowed")
    provider.insert(providers.create_vectors(1), ["text"])

    with pytest.raises(NotFoundError, match="there is no s3vectors.db in"):
        providers.create_provider(**forbidden).insert(providers.create_vectors(1), ["text"])

    assert Path("allowed", "s3vectors.db").is_file()
    assert not Path("forbidden").exists()
