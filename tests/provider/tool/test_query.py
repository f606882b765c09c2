"""The command `query`: by text, by a stored vector, or by a vector of your own."""

from __future__ import annotations

import json

import pytest

from support import letter_embedder, providers, tool
from support.letter_embedder import Letters

INDEX = ("--index", "documents", *tool.LOCAL)


@pytest.mark.usefixtures("pets")
def test_query_by_key_finds_neighbors_of_any_status():
    """Nearest first, with the vector itself; the service's distance, and Stache's score."""
    document = tool.read_json("query", "--key", "cat", *INDEX, "--namespace", "home/*")

    matches = document["matches"]
    assert document["distanceMetric"] == "cosine"
    assert [match["key"] for match in matches] == ["cat", "dog", "fish", "pets"]
    assert matches[0] == {
        "key": "cat",
        "score": 1.0,
        "distance": 0.0,
        "fused": None,
        "bm25": {},
        "text": "The cat sleeps.",
        "metadata": {"doc_id": "d1", "namespace": "home/pets", "status": "active"},
    }
    assert matches[1]["distance"] == pytest.approx(1 - 2**-0.5, abs=1e-6)
    assert matches[1]["score"] == pytest.approx(2**-0.5, abs=1e-6)


@pytest.mark.usefixtures("pets")
def test_query_by_vector_reads_a_file_or_standard_input(tmp_path):
    """A JSON array."""
    (tmp_path / "vector.json").write_text("[1, 1, 0, 0]")

    by_file = tool.read_json("query", "--vector", "vector.json", *INDEX, "--top-k", "2")
    by_input = tool.run("query", "--vector", "-", *INDEX, "--json", input="[1, 1.0, 0, 0]")

    assert [match["key"] for match in by_file["matches"]] == ["dog", "fish"]
    assert json.loads(by_input.stdout)["matches"][:2] == by_file["matches"]


@pytest.mark.parametrize(
    "content, problem",
    [
        ("", "is not JSON"),
        ("[1,", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": 1}', "is not a vector; write one as a JSON array"),
        ("[" + "1," * (1 << 20) + "1]", "is not a vector; write one as a JSON array"),
        ("[1, 2]", "the vector has 2 dimensions, the index has 4"),
        ("[1, 2, 3, null]", "the vector contains None"),
        ("[1, 2, 3, NaN]", "NaN or infinity"),
        ("[0, 0, 0, 0]", "all zeros"),
    ],
    ids=["empty", "cut", "deep", "object", "long", "short", "null", "nan", "zeros"],
)
@pytest.mark.usefixtures("pets")
def test_a_file_without_a_vector_is_wrong_usage(content, problem):
    """No request is sent."""
    result = tool.run("query", "--vector", "-", *INDEX, input=content)

    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr


@pytest.fixture
def _letters(monkeypatch):
    """Stache's embedder is `Letters`."""
    letter_embedder.use_letter_embedder(monkeypatch)


EIGHT = (*tool.BUCKET, "--endpoint", "local:data", "--dimension", "8", "--index", "documents")


@pytest.mark.usefixtures("_letters")
def test_query_by_text_embeds_it_as_stache_does():
    """With the embedder of Stache's settings."""
    provider = providers.create_provider(s3vectors_endpoint_url="local:data", embedding_dimension=8)
    texts = ["a", "four", "a longer text"]
    provider.insert(Letters({}).embed_batch(texts), texts, ids=["a", "b", "c"])

    document = tool.read_json("query", "--text", "five.", *EIGHT, "--top-k", "1")

    assert document["matches"][0]["key"] == "b"


@pytest.mark.usefixtures("_letters")
def test_hybrid_search_shows_each_score_in_its_column(monkeypatch):
    """The numbers of the service: distance, fused score and score of the words."""
    monkeypatch.setenv("COLUMNS", "100")
    provider = providers.create_provider(s3vectors_endpoint_url="local:data", embedding_dimension=8)
    texts = ["tank 47-B", "tank", "other words here"]
    provider.insert(Letters({}).embed_batch(texts), texts, ids=["a", "b", "c"])
    providers.wait_until_active(provider)

    matches = tool.read_json("query", "--text", "tank 47-B", "--hybrid", *EIGHT)["matches"]
    shown = tool.run_checked("query", "--text", "tank 47-B", "--hybrid", *EIGHT).splitlines()

    by_key = {match["key"]: match for match in matches}
    assert matches[0]["key"] == "a"
    assert matches[0]["fused"] >= matches[1]["fused"] >= matches[2]["fused"] > 0
    assert by_key["a"]["bm25"]["text"] > by_key["b"]["bm25"]["text"] > 0
    assert by_key["c"]["bm25"] == {}
    assert by_key["c"]["distance"] > by_key["a"]["distance"] == pytest.approx(0, abs=1e-6)
    assert [head.strip() for head in shown[1].strip("┃").split("┃")] == [
        *("score", "distance", "fused", "bm25", "key", "namespace", "text")
    ]
    assert f"text {by_key['b']['bm25']['text']:.4g}" in "\n".join(shown)


@pytest.mark.usefixtures("_letters")
def test_hybrid_search_of_an_index_without_text_search_is_an_error():
    """It does not become a search by vector."""
    providers.open_engine("local:data", bucket_mode="classic")
    provider = providers.create_provider(s3vectors_endpoint_url="local:data", embedding_dimension=8)
    provider.insert([[1.0] * 8], ["tank"])

    result = tool.run("query", "--text", "tank", "--hybrid", *EIGHT)

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: index my-bucket/documents has no text search on 'text', which --hybrid needs",
        "Fix: stache-s3vectors indexes upgrade documents",
    ]


@pytest.mark.usefixtures("pets", "_letters")
@pytest.mark.parametrize(
    "arguments, status, problem",
    [
        ((), 2, "give one of --text, --key and --vector"),
        (("--text", "a", "--key", "cat"), 2, "give one of --text, --key and --vector"),
        (("--key", "cat", "--hybrid"), 2, "--hybrid searches for words: it needs --text"),
        (("--text", " "), 2, "--text is empty"),
        (("--text", "a"), 2, "'words' makes vectors of 8 dimensions, index my-bucket/documents"),
        (("--key", "nobody"), 1, "no vector of my-bucket/documents has the key 'nobody'"),
        (("--key", "cat", "--top-k", "10001"), 2, "10001 is not in the range"),
        (("--vector", "nowhere.json"), 2, "No such file"),
    ],
)
def test_an_invalid_query_is_an_error_with_the_reason(arguments, status, problem):
    """And with what is allowed."""
    result = tool.run("query", *INDEX, *arguments)

    assert (result.exit_code, problem in result.stderr) == (status, True), result.stderr


@pytest.mark.usefixtures("_letters")
def test_an_embedder_that_fails_is_an_error(monkeypatch):
    """With its reason."""
    monkeypatch.setattr(Letters, "max_texts", 0)
    provider = providers.create_provider(s3vectors_endpoint_url="local:data", embedding_dimension=8)
    provider.insert([[1.0] * 8], ["tank"])

    result = tool.run("query", "--text", "tank", *EIGHT)

    assert result.exit_code == 1
    assert "the embedder failed: ConnectionError: the model is unavailable" in result.stderr
