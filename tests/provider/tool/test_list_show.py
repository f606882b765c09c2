"""`show` and `list`: vectors as they are stored, for people and for programs."""

from __future__ import annotations

import json

import pytest

from s3vectors_local import Engine
from support import providers, tool

INDEX = ("--index", "documents", *tool.LOCAL)
HOSTILE = "\x1b]0;title\x07\x1b[31m [red]red[/red] \u202egnp.exe \u2066 \u200f\nnext │ row"


def list_lines(*arguments):
    """List the documents that `list` prints."""
    return [
        json.loads(line)
        for line in tool.run_checked("list", *INDEX, "--json", *arguments).splitlines()
    ]


def list_keys(*arguments):
    return [line["key"] for line in list_lines(*arguments)]


def test_show_returns_a_vector_as_it_was_inserted():
    """Numbers, text and metadata with their types."""
    provider = tool.create_filled_provider(6)
    keys = ["key-00004", "key-00001", "key-00004"]

    document = tool.read_json("show", *keys, *INDEX)

    inserted = {row["id"]: row for row in provider.get_vectors_with_embeddings(keys)}
    assert {name: document[name] for name in ("bucket", "index", "missing")} == {
        "bucket": "my-bucket",
        "index": "documents",
        "missing": [],
    }
    assert [vector["key"] for vector in document["vectors"]] == ["key-00004", "key-00001"]
    for vector in document["vectors"]:
        row = inserted[vector["key"]]
        assert vector["vector"] == row["vector"]
        assert {**vector["metadata"], "text": vector["text"]} == row["metadata"]


def test_show_prints_a_table(monkeypatch):
    """One per vector. The text keeps its lines; of the numbers, the first and the length."""
    monkeypatch.setenv("COLUMNS", "100")
    provider = providers.create_provider(s3vectors_endpoint_url="local:data", embedding_dimension=8)
    provider.insert([[3.0, 4.0, *[0.0] * 6]], ["one\ntwo"], [{"n": [1, 2]}], ["a"], namespace="b")

    shown = tool.run_checked(
        "show", "a", *tool.BUCKET, "--endpoint", "local:data", "--index", "documents"
    )

    assert shown.splitlines() == [
        "┌───────────┬────────────────────────────────────────────┐",
        "│ key       │ a                                          │",
        "│ namespace │ b                                          │",
        "│ status    │ active                                     │",
        "│ text      │ one                                        │",
        "│           │ two                                        │",
        "│ n         │ [1, 2]                                     │",
        "│ vector    │ [3, 4, 0, 0, 0, 0, …], 8 numbers, length 5 │",
        "└───────────┴────────────────────────────────────────────┘",
    ]


@pytest.mark.usefixtures("pets")
def test_missing_keys_are_named():
    """The others are shown; the exit status is 1."""
    result = tool.run("show", "nobody", "cat", "no\u202eone", *INDEX)
    document = json.loads(tool.run("show", "nobody", "cat", *INDEX, "--json").stdout)

    assert (result.exit_code, "The cat sleeps." in result.stdout) == (1, True)
    assert result.stderr.splitlines() == [
        "Error: no vector of my-bucket/documents has the keys 'nobody', 'no\\u202eone'",
        "Fix: stache-s3vectors list shows the keys",
    ]
    assert (document["missing"], len(document["vectors"])) == (["nobody"], 1)


@pytest.mark.parametrize("key", ["", "k" * 1_025, "\udcff"])
@pytest.mark.parametrize("command", [("show",), ("query", "--key")])
def test_an_invalid_key_is_wrong_usage(pets, command, key):
    """Nothing is sent."""
    calls = providers.record_calls(pets.client)

    result = tool.run(*command, key, *INDEX)

    assert (result.exit_code, calls.count("GetVectors")) == (2, 0)
    assert result.stderr.startswith("Error: item 0: the id")


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize(
    "arguments, keys",
    [
        ((), {"cat", "dog", "fish", "pets", "bird"}),
        (("--prefix", "ca"), {"cat"}),
        (("--namespace", "home2"), {"bird"}),
        (("--namespace", "home"), set()),
        (("--namespace", "home/*"), {"cat", "dog", "fish", "pets"}),
        (("--namespace", "exact:home2"), {"bird"}),
        (("--filter", '{"doc_id": "d2", "status": {"$ne": "deleting"}}'), {"dog"}),
        (("--filter", '{"doc_id": ["d1", "d2"]}', "--prefix", "p"), {"pets"}),
    ],
)
def test_list_selects_by_prefix_namespace_and_filter(arguments, keys):
    """By all of them; a pattern has the same meaning as in a search."""
    assert set(list_keys(*arguments)) == keys


def test_list_has_text_and_metadata_as_they_were_inserted():
    """One line for each vector."""
    provider = tool.create_filled_provider(12)

    lines = list_lines()

    inserted = {row["id"]: row for row in provider.scan_by_metadata()}
    assert len(lines) == len(inserted) == 12
    for line in lines:
        row = inserted[line["key"]]
        del row["id"], row["key"]
        assert {**line["metadata"], "text": line["text"]} == row


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize("limit", ["0", "2000000001", "9223372036854775807", "9" * 30])
def test_a_limit_out_of_range_is_refused(limit, more):
    """With the allowed range."""
    refused = tool.run("list", *INDEX, "--limit", limit, *more)

    assert refused.exit_code == 2
    assert "1<=x<=2000000000" in refused.stderr


def test_list_stops_at_its_limit_and_says_so():
    """It does not read the rest of a large index."""
    provider = tool.create_filled_provider(1_100)
    calls = providers.record_calls(provider.client)

    limited = tool.run("list", *INDEX, "--limit", "2", "--json")

    assert len(limited.stdout.splitlines()) == 2
    assert limited.stderr == "There are more than 2; --limit shows more.\n"
    assert calls.count("ListVectors") == 1
    assert len(list_keys("--limit", "1100")) == len(set(list_keys("--limit", "2000"))) == 1_100
    assert tool.run("list", *INDEX, "--limit", "1100", "--json").stderr == ""


@pytest.mark.usefixtures("pets")
def test_list_prints_a_table(monkeypatch):
    """With status and type, because nothing is left out."""
    monkeypatch.setenv("COLUMNS", "100")

    assert tool.run_checked("list", *INDEX, "--filter", '{"doc_id": "d1"}').splitlines() == [
        "┏━━━━━━┳━━━━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓",
        "┃ key  ┃ namespace ┃ status ┃ _type            ┃ text            ┃",
        "┡━━━━━━╇━━━━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩",
        "│ cat  │ home/pets │ active │                  │ The cat sleeps. │",
        "│ pets │ home/pets │ active │ document_summary │ About pets.     │",
        "└──────┴───────────┴────────┴──────────────────┴─────────────────┘",
    ]


@pytest.mark.parametrize("command", [("list",), ("query", "--key", "cat")])
@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("--filter", "{"), "is not JSON"),
        (("--filter", "[]"), "is not a JSON object"),
        (("--filter", '{"n": {"$like": "a"}}'), "filter operator '$like' on 'n' does not exist"),
        (("--filter", '{"text": "a"}'), "text, which the index declares non-filterable"),
        (("--namespace", ""), "the namespace is ''"),
        (("--namespace", "/*"), "the namespace is '/*'"),
    ],
)
@pytest.mark.usefixtures("pets")
def test_an_unknown_filter_is_wrong_usage(command, arguments, problem):
    """The error lists what is allowed."""
    result = tool.run(*command, *INDEX, *arguments)

    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr


@pytest.mark.usefixtures("pets")
def test_an_empty_prefix_is_wrong_usage():
    """It is usually an unset variable."""
    result = tool.run("list", *INDEX, "--prefix", "")

    assert (result.exit_code, "--prefix is empty" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", [("show", HOSTILE), ("list",), ("query", "--key", HOSTILE)])
def test_stored_data_cannot_control_the_terminal(monkeypatch, command):
    """Escape sequences and direction marks are escaped, in values and names."""
    monkeypatch.setenv("COLUMNS", "300")
    provider = providers.create_provider(
        s3vectors_endpoint_url="local:data", s3vectors_create_index=True
    )
    provider.insert([[1.0] * 4], [HOSTILE], [{HOSTILE: [HOSTILE]}], [HOSTILE], namespace=HOSTILE)

    shown = tool.run_checked(*command, *INDEX)
    document = tool.run_checked(*command, *INDEX, "--json")

    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\\x1b]0;title\\x07\\x1b[31m [red]red[/red] \\u202egnp.exe" in shown
    assert document.isascii()
    parsed = json.loads(document)
    [vector] = parsed.get("vectors") or parsed.get("matches") or [parsed]
    assert (vector["key"], vector["text"]) == (HOSTILE, HOSTILE)
    assert vector["metadata"] == {HOSTILE: [HOSTILE], "namespace": HOSTILE, "status": "active"}


@pytest.mark.parametrize("command", [("list",), ("query", "--vector", "-")])
def test_an_index_that_was_never_used_is_empty(command):
    """Reading does not create it."""
    options = (*tool.BUCKET, "--endpoint", "local:data", "--dimension", "4")
    Engine("data").close()

    result = tool.run(*command, *options, "--json", input="[1, 2, 3, 4]")

    assert result.exit_code == 0, result.output
    assert result.stdout.count('"key"') == 0
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    assert client.list_vector_buckets()["vectorBuckets"] == []
