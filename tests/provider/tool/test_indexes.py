"""The commands of the group `indexes`."""

from __future__ import annotations

import json
import re
from importlib import import_module

import pytest

from support import providers, tool

LOCAL = ["--bucket", "my-bucket", "--endpoint", "local:data", "--dimension", "8"]


def test_create_creates_staches_three_and_prints_their_settings():
    """A name contains the dimension, because another dimension needs another index."""
    result = tool.run("indexes", "create", *LOCAL)

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


def test_create_can_be_repeated_and_uses_configured_names(monkeypatch):
    """Existing indexes stay as they are."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "mine")
    tool.run("indexes", "create", *LOCAL)

    result = tool.run("indexes", "create", *LOCAL, "--json")

    assert json.loads(result.output)["indexes"][0] == {
        "kind": "documents",
        "name": "mine",
        "created": False,
    }


def test_list_shows_the_properties_of_indexes():
    """As a table, or as JSON."""
    tool.run("indexes", "create", *LOCAL)

    listed = json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)
    table = tool.run("indexes", "list", *LOCAL).output

    assert [index["name"] for index in listed] == ["documents-8", "insights-8", "summaries-8"]
    assert listed[0]["nonFilterableMetadataKeys"] == ["_overflow", "text"]
    assert "documents-8" in table


def test_list_escapes_the_names_of_metadata_keys(monkeypatch):
    """Complete, and not as markup."""
    monkeypatch.setenv("COLUMNS", "400")
    names = ["red\x1b[31m", "[bold]", *(f"{n}" * 60 for n in range(6))]
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    client.create_vector_bucket(vectorBucketName="my-bucket")
    client.create_index(
        vectorBucketName="my-bucket",
        indexName="hostile",
        dataType="float32",
        dimension=8,
        distanceMetric="cosine",
        metadataConfiguration={
            "nonFilterableMetadataKeys": names,
            "textSearchConfigurations": [{"metadataKey": "text\x1b[2J", "language": "de"}],
        },
    )

    result = tool.run("indexes", "list", *LOCAL)

    assert "\x1b" not in result.output
    lines = "".join(re.findall(r"[^│┃\s]", result.output))
    assert "red\\x1b[31m" in lines
    assert "[bold]" in lines
    assert all(name in lines for name in names[2:])
    assert "text\\x1b[2JACTIVE(de)" in lines or "text\\x1b[2JBUILDING(de)" in lines


def create_classic_indexes():
    """Create a bucket of CLASSIC indexes, as before 2026-09-30, with Stache's three."""
    providers.open_engine("local:data", bucket_mode="classic")
    tool.run("indexes", "create", *LOCAL)


def test_upgrade_prepares_indexes_for_hybrid_search(monkeypatch):
    """Stache's three; an index that is ready stays as it is."""
    monkeypatch.setattr(import_module("stache_ai_s3vectors.tool.commands.indexes"), "POLL", 0)
    create_classic_indexes()

    first = tool.run("indexes", "upgrade", *LOCAL)
    again = tool.run("indexes", "upgrade", *LOCAL, "--json")

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
    for index in json.loads(tool.run("indexes", "list", *LOCAL, "--json").output):
        assert (index["indexMode"], index["textSearch"]) == ("ENHANCED", {"text": "ACTIVE"})


def test_upgrade_takes_names_and_a_language(monkeypatch):
    """Other indexes are not changed."""
    monkeypatch.setattr(import_module("stache_ai_s3vectors.tool.commands.indexes"), "POLL", 0)
    create_classic_indexes()

    result = tool.run("indexes", "upgrade", *LOCAL, "--language", "de", "documents-8")

    assert result.output == "documents-8: ENHANCED mode, text search\n"
    client = providers.create_provider("documents-8", s3vectors_endpoint_url="local:data").client
    names = {"vectorBucketName": "my-bucket", "indexName": "documents-8"}
    configuration = client.get_index(**names)["index"]["metadataConfiguration"]
    assert configuration["textSearchConfigurations"] == [
        {"metadataKey": "text", "language": "de", "status": "ACTIVE"}
    ]
    modes = {
        i["name"]: i["indexMode"]
        for i in json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)
    }
    assert modes["summaries-8"] == "CLASSIC"


def read_text_searches():
    """Read the status and the language of each text search, by index."""
    return {
        index["name"]: (index["textSearch"], index["textLanguages"])
        for index in json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)
    }


@pytest.fixture
def _no_waiting(monkeypatch):
    monkeypatch.setattr(import_module("stache_ai_s3vectors.tool.commands.indexes"), "POLL", 0)


@pytest.mark.usefixtures("_no_waiting")
def test_create_takes_a_language(monkeypatch):
    """As an option or a setting; the list shows it."""
    tool.run("indexes", "create", *LOCAL, "--language", "de", "german")
    monkeypatch.setenv("S3VECTORS_TEXT_LANGUAGE", "ja")
    tool.run("indexes", "create", *LOCAL, "japanese")
    tool.run("indexes", "create", *LOCAL, "--language", "none", "any")
    tool.run(
        "indexes", "upgrade", *LOCAL, "german", "japanese", "any"
    )  # returns when they are built

    active = {"text": "ACTIVE"}
    assert read_text_searches() == {
        "german": (active, {"text": "de"}),
        "japanese": (active, {"text": "ja"}),
        "any": (active, {}),
    }
    assert "(de)" in tool.run("indexes", "list", *LOCAL).output


def test_create_refuses_an_existing_index_in_another_language():
    """The error has the command that changes it."""
    tool.run("indexes", "create", *LOCAL, "--language", "de", "mine")

    refused = tool.run("indexes", "create", *LOCAL, "--language", "fr", "mine")

    assert refused.exit_code == 2
    advice = "text search in de. To change it: stache-s3vectors indexes upgrade mine --language fr"
    assert advice in " ".join(refused.output.split())
    assert tool.run("indexes", "create", *LOCAL, "--language", "de", "mine").exit_code == 0
    assert tool.run("indexes", "create", *LOCAL, "mine").exit_code == 0


@pytest.mark.usefixtures("_no_waiting")
def test_upgrade_changes_a_language():
    """The text search is rebuilt. Without the option it stays as it is."""
    tool.run("indexes", "create", *LOCAL, "mine")
    texts = ["Die Häuser am See"]
    provider = providers.create_provider(
        "mine", s3vectors_endpoint_url="local:data", embedding_dimension=8
    )
    provider.insert([[1.0] * 8], texts)

    assert tool.run("indexes", "upgrade", *LOCAL, "--language", "de", "mine").output == (
        "mine: text search in de\n"
    )
    assert read_text_searches() == {"mine": ({"text": "ACTIVE"}, {"text": "de"})}
    names = {"vectorBucketName": "my-bucket", "indexName": "mine"}
    haus = [{"metadataKey": "text", "text": "Haus"}]
    assert len(provider.client.query_vectors(**names, topK=1, queryTexts=haus)["vectors"]) == 1

    for options in ([], ["--language", "de"]):
        again = tool.run("indexes", "upgrade", *LOCAL, *options, "mine")
        assert again.output == "mine: already up to date\n"

    assert tool.run("indexes", "upgrade", *LOCAL, "--language", "none", "mine").output == (
        "mine: text search in no language\n"
    )
    assert read_text_searches() == {"mine": ({"text": "ACTIVE"}, {})}


@pytest.mark.usefixtures("_no_waiting")
def test_upgrade_adds_the_other_text_keys(monkeypatch):
    """Those of the setting, in the language of the option."""
    tool.run("indexes", "create", *LOCAL, "mine")
    monkeypatch.setenv("S3VECTORS_TEXT_KEYS", "filename, title")

    result = tool.run("indexes", "upgrade", *LOCAL, "--language", "en", "mine")

    assert result.output == (
        "mine: text search on filename, text search on title, text search in en\n"
    )
    keys = ("text", "filename", "title")
    assert read_text_searches()["mine"] == (
        dict.fromkeys(keys, "ACTIVE"),
        dict.fromkeys(keys, "en"),
    )


def test_upgrade_changes_nothing_if_an_index_is_missing():
    """The error names it, with the command that creates it."""
    create_classic_indexes()

    result = tool.run("indexes", "upgrade", *LOCAL, "documents-8", "nothing")

    assert result.exit_code == 1
    assert "GetIndex on index my-bucket/nothing" in result.output
    [documents, *_] = json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)
    assert documents["indexMode"] == "CLASSIC"


@pytest.mark.parametrize("typed, left", [("documents-8\n", 2), ("yes\n", 3), ("\n", 3)])
def test_delete_asks_for_the_name(monkeypatch, typed, left):
    """With the number of vectors; any other input deletes nothing."""
    tool.run("indexes", "create", *LOCAL)
    monkeypatch.setattr("stache_ai_s3vectors.tool.options.is_interactive", lambda: True)

    result = tool.run("indexes", "delete", "documents-8", *LOCAL, input=typed)

    assert "my-bucket/documents-8 holds 0 vectors. Type documents-8 to delete it" in result.output
    assert len(json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)) == left


def test_delete_without_a_terminal_needs_yes():
    """Nobody can answer."""
    tool.run("indexes", "create", *LOCAL)

    refused = tool.run("indexes", "delete", "documents-8", *LOCAL)
    done = tool.run("indexes", "delete", "documents-8", *LOCAL, "--yes", "--json")

    assert (refused.exit_code, "add --yes" in refused.output) == (2, True)
    assert json.loads(done.output) == {"bucket": "my-bucket", "deleted": ["documents-8"]}
    assert len(json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)) == 2


def test_create_checks_all_indexes_first(monkeypatch):
    """If one does not fit, none is created."""
    monkeypatch.setenv("S3VECTORS_INSIGHTS_INDEX", "mine")
    tool.run("indexes", "create", *LOCAL)

    tool.run("indexes", "create", *LOCAL[:-1], "16")

    listed = json.loads(tool.run("indexes", "list", *LOCAL, "--json").output)
    assert [index["name"] for index in listed] == ["documents-8", "mine", "summaries-8"]


def test_create_that_fails_half_way_reports_what_it_created():
    """The next run creates the others."""
    provider = providers.create_provider(
        "documents-8", s3vectors_endpoint_url="local:data", embedding_dimension=8
    )
    providers.fail_calls(
        provider.client, "CreateIndex", *range(2, 99), code="AccessDeniedException"
    )

    result = tool.run("indexes", "create", *LOCAL)

    assert result.exit_code == 1
    assert "Stopped: created documents-8." in result.stderr


def test_delete_that_fails_half_way_reports_what_it_deleted():
    """Index by index."""
    tool.run("indexes", "create", *LOCAL)
    provider = providers.create_provider(
        "documents-8", s3vectors_endpoint_url="local:data", embedding_dimension=8
    )
    providers.fail_calls(provider.client, "DeleteIndex", 2, code="AccessDeniedException")

    result = tool.run(
        "indexes", "delete", "documents-8", "insights-8", "documents-8", "--yes", *LOCAL
    )

    assert result.exit_code == 1
    assert "Stopped: deleted documents-8." in result.stderr
