"""The command `stache-s3vectors`."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from click.testing import CliRunner

import stache
from s3vectors_local import Engine
from stache_ai_s3vectors.cli import main

LOCAL = ["--bucket", "my-bucket", "--endpoint", "local:data", "--dimension", "8"]


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_indexes_create_makes_the_three_and_says_how_stache_finds_them():
    """Names carry the dimension, because another dimension needs another index."""
    result = run("indexes", "create", *LOCAL)

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "documents-8: created",
        "summaries-8: created",
        "insights-8: created",
        "",
        "Stache finds them with these settings:",
        "S3VECTORS_DOCUMENTS_INDEX=documents-8",
        "S3VECTORS_SUMMARIES_INDEX=summaries-8",
        "S3VECTORS_INSIGHTS_INDEX=insights-8",
    ]


def test_indexes_create_is_safe_to_repeat_and_keeps_configured_names(monkeypatch):
    """What is there stays as it is."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "mine")
    run("indexes", "create", *LOCAL)

    result = run("indexes", "create", *LOCAL, "--json")

    assert json.loads(result.output)["indexes"][0] == {
        "kind": "documents",
        "name": "mine",
        "created": False,
    }


def test_indexes_list_shows_what_they_are():
    """As a table, or as JSON."""
    run("indexes", "create", *LOCAL)

    listed = json.loads(run("indexes", "list", *LOCAL, "--json").output)
    table = run("indexes", "list", *LOCAL).output

    assert [index["name"] for index in listed] == ["documents-8", "insights-8", "summaries-8"]
    assert listed[0]["nonFilterableMetadataKeys"] == ["_overflow", "text"]
    assert "documents-8" in table


def classic():
    """A bucket of CLASSIC indexes, as they were before 2026-09-30, with Stache's three."""
    stache.engine("local:data", bucket_mode="classic")
    run("indexes", "create", *LOCAL)


def test_indexes_upgrade_makes_them_ready_for_hybrid_search(monkeypatch):
    """Stache's three; what is ready already stays as it is."""
    monkeypatch.setattr(import_module("stache_ai_s3vectors.cli.indexes"), "POLL", 0)
    classic()

    first = run("indexes", "upgrade", *LOCAL)
    again = run("indexes", "upgrade", *LOCAL, "--json")

    assert first.output.splitlines() == [
        "documents-8: ENHANCED mode, text search",
        "summaries-8: ENHANCED mode, text search",
        "insights-8: ENHANCED mode, text search",
    ]
    assert json.loads(again.output)["changes"] == {
        "documents-8": [],
        "summaries-8": [],
        "insights-8": [],
    }
    for index in json.loads(run("indexes", "list", *LOCAL, "--json").output):
        assert (index["indexMode"], index["textSearch"]) == ("ENHANCED", {"text": "ACTIVE"})


def test_indexes_upgrade_takes_names_and_a_language(monkeypatch):
    """Of the texts; the others are left alone."""
    monkeypatch.setattr(import_module("stache_ai_s3vectors.cli.indexes"), "POLL", 0)
    classic()

    result = run("indexes", "upgrade", *LOCAL, "--language", "de", "documents-8")

    assert result.output == "documents-8: ENHANCED mode, text search\n"
    client = stache.provider("documents-8", s3vectors_endpoint_url="local:data").client
    names = {"vectorBucketName": "my-bucket", "indexName": "documents-8"}
    told = client.get_index(**names)["index"]["metadataConfiguration"]
    assert told["textSearchConfigurations"] == [
        {"metadataKey": "text", "language": "de", "status": "ACTIVE"}
    ]
    modes = {
        i["name"]: i["indexMode"]
        for i in json.loads(run("indexes", "list", *LOCAL, "--json").output)
    }
    assert modes["summaries-8"] == "CLASSIC"


def test_indexes_upgrade_changes_none_if_one_is_not_there():
    """It is named, with the way to make it."""
    classic()

    result = run("indexes", "upgrade", *LOCAL, "documents-8", "nothing")

    assert result.exit_code == 1
    assert "GetIndex on index my-bucket/nothing" in result.output
    [documents, *_] = json.loads(run("indexes", "list", *LOCAL, "--json").output)
    assert documents["indexMode"] == "CLASSIC"


@pytest.mark.parametrize("command", ["create", "list"])
def test_without_a_bucket_the_command_says_how_to_set_one(command):
    """The provider's own error, exit status 2."""
    result = run("indexes", command)

    assert result.exit_code == 2
    assert "S3VECTORS_BUCKET_NAME" in result.output


def test_an_unknown_bucket_is_named_with_the_way_to_make_it():
    """Region, endpoint, command; following the advice cures it."""
    result = run("indexes", "list", *LOCAL)

    assert result.exit_code == 1
    assert "my-bucket in region us-east-1 at local:" in result.output
    _, _, advice = result.output.partition("so does stache-s3vectors ")
    assert run(*advice.split()).exit_code == 0
    assert run("indexes", "list", *LOCAL).exit_code == 0


def test_an_index_that_is_there_but_does_not_fit_is_not_recommended(monkeypatch):
    """Neither its dimension nor its non-filterable keys can be changed."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "mine")
    run("indexes", "create", *LOCAL)

    result = run("indexes", "create", *LOCAL[:-1], "16")

    assert result.exit_code == 2
    assert "my-bucket/mine exists already, with 8 dimensions; wanted are 16" in result.output


@pytest.mark.parametrize(
    "name, value, problem",
    [
        ("AWS_PROFILE", "nope", "The config profile (nope) could not be found"),
        ("S3VECTORS_REGION", "no region", "'no region' doesn't match a supported format"),
        ("S3VECTORS_READ_TIMEOUT", "abc", "S3VECTORS_READ_TIMEOUT is 'abc'"),
    ],
)
def test_wrong_settings_are_a_message_not_a_traceback(monkeypatch, name, value, problem):
    """Exit status 2."""
    monkeypatch.setenv(name, value)

    result = run("indexes", "list", "--bucket", "my-bucket", "--endpoint", "http://127.0.0.1:1")

    assert result.exit_code == 2
    assert problem in result.output


def test_a_directory_in_use_is_status_2():
    """As for the engine's own command."""
    owner = Engine("data")

    result = run("indexes", "create", *LOCAL)
    owner.close()

    assert result.exit_code == 2
    assert "belongs to a running engine" in result.output


def test_wrong_usage_is_status_2():
    """As click does it."""
    assert run("indexes", "create", "--colour").exit_code == 2


@pytest.mark.parametrize("command", ["create", "list"])
def test_help_shows_an_example(command):
    """One that can be copied."""
    assert (
        f"stache-s3vectors indexes {command} --bucket my-bucket"
        in run("indexes", command, "--help").output
    )
