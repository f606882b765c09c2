"""`copy-from`: all chunks of another vector provider of Stache's, into Stache's three indexes."""

from __future__ import annotations

import pytest

from support import letter_embedder, providers, small_provider, tool
from support.letter_embedder import Letters
from support.small_provider import (
    ListedProvider,
    SmallProvider,
    TextProvider,
    UnlistedProvider,
)

PLACE = (*tool.BUCKET, "--endpoint", "local:data")
COPY = ("copy-from", small_provider.NAME, *PLACE)

CHUNKS = {
    7: (
        [1.0, 2.0, 0.1, 4.0],
        {
            "text": "Seven\nlines",
            "namespace": "books/a",
            "status": "active",
            "doc_id": "d1",
            "page": 1,
            "ratio": 1 / 3,
            "whole": 2.0,
            "big": 2**60,
            "nested": {"a": [1, None, {"b": True}]},
            "nothing": None,
            "empty": [],
            "mixed": [1, "a"],
            "title": "ß" * 1_500,
            "id": "a user's own",
            "key": "another",
        },
    ),
    "a": ([1.0, 0.0, 0.0, 0.0], {"text": "A", "namespace": "books", "status": "deleting"}),
    "b": ([0.0, 1.0, 0.0, 0.0], {"text": "B", "namespace": "exact:odd/*", "tags": ["x", "y"]}),
    "c": ([0.0, 0.0, 1.0, 0.0], {"text": "", "namespace": "books", "status": "mine"}),
    "s": ([0.0, 0.0, 0.0, 1.0], {"text": "S", "_type": "document_summary", "namespace": "books"}),
    "i": ([1.0, 1.0, 0.0, 0.0], {"text": "I", "_type": "insight", "namespace": "books"}),
}
KINDS = {"documents": ["7", "a", "b", "c"], "summaries": ["s"], "insights": ["i"]}

CONFLICT = (
    "Error: 1 vectors of my-bucket/insights-4 have the key of a chunk of 'small' but "
    "different content, and may be newer: i"
)
UNLISTED = (
    "Error: provider 'small' cannot list its chunks: it has neither scan_by_metadata nor "
    "list_by_filter"
)


@pytest.fixture(autouse=True)
def _source(monkeypatch):
    """A provider with all methods, and chunks of all sorts."""
    small_provider.register_in_stache(monkeypatch, SmallProvider)
    monkeypatch.setattr(UnlistedProvider, "chunks", dict(CHUNKS))


@pytest.fixture
def source(monkeypatch):
    """Changes the source's chunks, or what its class is."""
    return lambda cls: small_provider.register_in_stache(monkeypatch, cls)


def open_index(kind, dimension=4, **settings):
    name = f"{kind}-{dimension}"
    settings = {"s3vectors_endpoint_url": "local:data", "embedding_dimension": dimension} | settings
    return providers.create_provider(name, **settings)


def read_index(kind, dimension=4):
    """Read the index of a kind through the provider."""
    provider = open_index(kind, dimension)
    ids = [row["id"] for row in provider.scan_by_metadata()]
    return {row["id"]: row for row in provider.get_vectors_with_embeddings(sorted(ids))}


def list_buckets():
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    return client.list_vector_buckets()["vectorBuckets"]


def build_copied_chunk(chunk_id):
    """Build what Stache reads of a chunk after the copy: it has a status and a namespace."""
    vector, metadata = CHUNKS[chunk_id]
    return {
        "id": str(chunk_id),
        "vector": pytest.approx(vector, abs=1e-7),
        "metadata": {"status": "active", **metadata},
    }


def test_every_chunk_is_copied_to_the_index_of_its_kind():
    """Ids, vectors, texts, namespaces, statuses, and metadata with its types."""
    document = tool.read_json(*COPY)

    for kind, keys in KINDS.items():
        copied = read_index(kind)
        assert sorted(copied) == keys
        for key in keys:
            expected = build_copied_chunk(7 if key == "7" else key)
            assert copied[key] == expected
            types = {name: type(value) for name, value in copied[key]["metadata"].items()}
            assert types == {name: type(value) for name, value in expected["metadata"].items()}
    assert {entry["index"]: entry["verified"] for entry in document["indexes"]} == {
        "documents-4": 4,
        "summaries-4": 1,
        "insights-4": 1,
    }
    assert (document["provider"], document["notes"]) == ("small", [])
    assert document["notFilterable"] == ["title"]


def test_soft_deleted_chunks_stay_deleted():
    """Searches do not find them."""
    tool.run_checked(*COPY)

    rows = open_index("documents").search([1.0, 0.0, 0.0, 0.0], 10)

    assert sorted(row["id"] for row in rows) == ["7", "b", "c"]


def test_the_report_has_a_line_for_each_index():
    """And a note about what cannot be filtered on."""
    same = "0 already present; all {0} verified against the source"
    assert tool.run_checked(*COPY).splitlines() == [
        f"my-bucket/documents-4: 4 vectors written, {same.format(4)}",
        f"my-bucket/summaries-4: 1 vectors written, {same.format(1)}",
        f"my-bucket/insights-4: 1 vectors written, {same.format(1)}",
        "Note: stored, but in some vectors too large to filter on: title",
    ]


def test_a_copy_can_be_repeated():
    """It writes only what is missing; what only the index has stays, and is counted."""
    tool.run_checked(*COPY)
    provider = open_index("documents")
    provider.delete(["a"], namespace="books")
    provider.insert([[1.0] * 4], ["mine"], ids=["mine"])

    [documents, *others] = tool.read_json(*COPY)["indexes"]

    assert (documents["written"], documents["unchanged"], documents["onlyInDestination"]) == (
        1,
        3,
        1,
    )
    assert [entry["written"] for entry in others] == [0, 0]
    assert sorted(read_index("documents")) == ["7", "a", "b", "c", "mine"]


def test_a_key_with_other_content_is_refused_before_anything_is_written():
    """In every index; --replace replaces it."""
    tool.run_checked(*COPY)
    provider = open_index("insights")
    provider.insert([[1.0] * 4], ["newer"], ids=["i"], namespace="books")
    documents = open_index("documents")
    documents.delete(["a"])

    refused = tool.run(*COPY)

    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "Stopped: nothing was written.",
        CONFLICT,
        "Fix: --replace replaces them; or use an empty index",
    ]
    assert read_index("insights")["i"]["metadata"]["text"] == "newer"
    assert "a" not in read_index("documents")
    tool.run_checked(*COPY, "--replace")
    assert read_index("insights")["i"] == build_copied_chunk("i")


def test_a_provider_that_only_lists_by_filter_is_read(source):
    """The report says what may be missing."""
    source(ListedProvider)

    document = tool.read_json(*COPY)
    shown = tool.run_checked(*COPY)

    assert sum(entry["verified"] for entry in document["indexes"]) == 6
    assert document["notes"] == [
        "it has no scan_by_metadata; list_by_filter may leave out deleted chunks"
    ]
    assert f"Note: {document['notes'][0]}" in shown


class OlderProvider(ListedProvider):
    """A provider for Stache 0.1.0, whose interface lacks some methods."""

    def __getattribute__(self, name):
        if name in {"max_batch_size", "scan_by_metadata"}:
            raise AttributeError(name)
        return super().__getattribute__(name)


def test_a_provider_for_the_oldest_stache_is_read(source):
    """What its interface lacks is not an error of its database."""
    source(OlderProvider)

    document = tool.read_json(*COPY)

    assert sum(entry["verified"] for entry in document["indexes"]) == 6


def test_a_provider_that_cannot_list_is_refused(source):
    """Stache's provider for Pinecone is one; the message says what works instead."""
    source(UnlistedProvider)

    result = tool.run(*COPY)

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Stopped: nothing was written.",
        UNLISTED,
        "Fix: ingest the documents again, with VECTORDB_PROVIDER=s3vectors",
    ]
    assert list_buckets() == []


@pytest.fixture
def _letters(monkeypatch):
    """Stache's embedder is `Letters`, of eight dimensions."""
    letter_embedder.use_letter_embedder(monkeypatch)


@pytest.mark.usefixtures("_letters")
@pytest.mark.parametrize(
    "cls, keys, problem",
    [
        (SmallProvider, ["7", "a", "b"], ""),
        (TextProvider, ["a", "b"], "  7: small does not return"),
    ],
)
def test_reembed_embeds_the_texts(source, cls, keys, problem):
    """Of one that gives embeddings, and of one that does not; what has no text is named.

    In the rows of the latter, metadata named `id` hides the id, as in those of Stache's Qdrant.
    """
    source(cls)

    result = tool.run(*COPY, "--reembed", "--json")

    copied = read_index("documents", 8)
    assert (result.exit_code, sorted(copied)) == (1, keys)
    assert problem in result.stderr
    assert copied["a"]["vector"] == pytest.approx(Letters({}).embed_batch(["A"])[0])
    assert copied["a"]["metadata"] == CHUNKS["a"][1]
    assert sorted(read_index("summaries", 8)) == ["s"]


def test_a_source_without_embeddings_needs_reembed(source):
    """Nothing is embedded unless it is requested."""
    source(TextProvider)

    result = tool.run(*COPY)

    assert result.exit_code == 2
    assert "has no get_vectors_with_embeddings" in result.stderr
    assert "Fix: add --reembed to embed the texts again" in result.stderr
    assert list_buckets() == []


def test_another_dimension_is_refused_before_anything_is_written(monkeypatch):
    """The message says what works."""
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "documents-8")
    tool.run_checked("indexes", "create", *PLACE, "--dimension", "8")

    result = tool.run(*COPY)

    assert result.exit_code == 2
    assert (
        "the vectors have 4 dimensions, index my-bucket/documents-8 has 8; use an index of 4"
    ) in result.stderr
    assert read_index("documents", 8) == {}


@pytest.mark.parametrize(
    "description, problem",
    [
        ({"metric": "Dot"}, "uses the metric dot. S3 Vectors supports cosine and"),
        ({}, "does not report its metric. S3 Vectors supports"),
    ],
)
def test_an_unsupported_or_unknown_metric_needs_the_option(monkeypatch, description, problem):
    """Nothing is written before that."""
    monkeypatch.setattr(UnlistedProvider, "description", description)

    refused = tool.run(*COPY)

    assert (refused.exit_code, problem in refused.stderr) == (2, True), refused.stderr
    assert list_buckets() == []
    assert tool.read_json(*COPY, "--metric", "cosine")["indexes"][0]["verified"] == 4


def test_an_index_of_another_metric_is_refused(monkeypatch):
    """Nothing is written before that."""
    tool.run_checked("indexes", "create", *PLACE, "--dimension", "4")
    monkeypatch.setattr(UnlistedProvider, "description", {"distance": "Euclid"})

    refused = tool.run(*COPY)

    assert refused.exit_code == 2
    assert "searched by euclidean distance, index my-bucket/documents-4 by cosine" in refused.stderr


def test_a_missing_index_is_an_error_if_none_may_be_created(monkeypatch):
    """Of any kind, before anything is written."""
    tool.run_checked("indexes", "create", "documents-4", "summaries-4", *PLACE, "--dimension", "4")
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "false")

    refused = tool.run(*COPY)

    assert refused.exit_code == 1
    assert "insights-4" in refused.stderr
    assert "indexes create" in refused.stderr
    assert read_index("documents") == {}


def test_all_kinds_can_share_one_index(monkeypatch):
    """As with the older package."""
    monkeypatch.setenv("S3VECTORS_INDEX", "all-4")

    [entry] = tool.read_json(*COPY)["indexes"]

    assert (entry["index"], entry["verified"]) == ("all-4", 6)


def test_chunks_that_cannot_be_stored_are_named_and_the_others_stored(monkeypatch):
    """The exit status is 1."""
    wrong = {
        "zeros": ([0.0] * 4, {"text": "t"}),
        "short": ([1.0], {"text": "t"}),
        "none": (None, {"text": "t"}),
        "named": ({"dense": [1.0] * 4}, {"text": "t"}),
        "number": ([1.0] * 4, {"text": 5}),
        "large": ([1.0] * 4, {"text": "t" * 50_000}),
        "reserved": ([1.0] * 4, {"text": "t", "_overflow": "{}"}),
        "k" * 2_000: ([1.0] * 4, {"text": "t"}),
    }
    monkeypatch.setattr(UnlistedProvider, "chunks", {**CHUNKS, **wrong})

    result = tool.run(*COPY)

    assert result.exit_code == 1
    assert "8 vectors were left out" in result.stderr
    assert "  zeros: the vector is all zeros" in result.stderr
    assert "  named: the vector is a dict, not a list of numbers" in result.stderr
    assert sorted(read_index("documents")) == KINDS["documents"]


def test_chunks_that_cannot_be_stored_are_named_for_each_index(monkeypatch):
    """Not only for the first index."""
    wrong = {
        "zero": ([0.0] * 4, {"text": "t"}),
        "zero summary": ([0.0] * 4, {"text": "t", "_type": "document_summary"}),
    }
    monkeypatch.setattr(UnlistedProvider, "chunks", {**CHUNKS, **wrong})

    result = tool.run(*COPY)

    assert "2 vectors were left out" in result.stderr
    assert "  zero: the vector is all zeros" in result.stderr
    assert "  zero summary: the vector is all zeros" in result.stderr


def test_chunks_without_a_namespace_get_the_default_namespace(monkeypatch):
    """Also chunks with an empty namespace."""
    chunks = {
        "a": ([1.0] * 4, {"text": "A"}),
        "b": ([1.0, 2.0, 3.0, 4.0], {"text": "B", "namespace": ""}),
    }
    monkeypatch.setattr(UnlistedProvider, "chunks", chunks)

    tool.run_checked(*COPY)

    namespaces = {key: row["metadata"]["namespace"] for key, row in read_index("documents").items()}
    assert namespaces == {"a": "default", "b": "default"}


def build_listing(*rows):
    """Build a method of a source that lists these rows."""
    return ("scan_by_metadata", lambda *_, **__: [*rows])


def fail(*_, **__):
    raise OSError("connection refused \x1b[31m\u202e")


def fail_half_way(*_, **__):
    yield {"id": "a", "vector": [1.0, 0.0, 0.0, 0.0], "metadata": {}}
    raise OSError("connection lost")


@pytest.mark.parametrize(
    "fault, status, problem",
    [
        (
            ("get_vectors_with_embeddings", fail_half_way),
            1,
            "embeddings failed: OSError: connection lost",
        ),
        (("get_vectors_with_embeddings", lambda *_, **__: [{}]), 1, "failed: KeyError: 'id'"),
        (("get_vectors_with_embeddings", lambda *_, **__: None), 1, "failed: TypeError: "),
        (build_listing({"id": "a"}, {"id": "gone"}), 1, "lists 'gone' and 0 other chunks, but"),
        (build_listing({"id": 7}, {"id": "7"}), 1, "lists a chunk that has the id '7' of another"),
        (build_listing({}), 1, "lists a chunk that has no id"),
        (build_listing({"id": "a", "_type": "insight"}), 1, "returns it as another _type"),
        (build_listing(), 2, "provider 'small' has no chunks"),
        (("scan_by_metadata", fail), 1, r"failed: OSError: connection refused \x1b[31m\u202e"),
        (("get_vectors_with_embeddings", fail), 1, "failed: OSError: connection refused"),
        (("get_collection_info", fail), 1, "failed: OSError: connection refused"),
        (("__init__", fail), 2, "Stache cannot use its provider 'small': connection refused"),
    ],
)
def test_a_source_that_fails_is_an_error_and_nothing_is_written(
    monkeypatch, fault, status, problem
):
    """Also a source that contradicts itself."""
    monkeypatch.setattr(SmallProvider, *fault)

    result = tool.run(*COPY)

    assert (result.exit_code, problem in result.stderr) == (status, True), result.stderr
    assert list_buckets() == []


@pytest.mark.parametrize(
    "name, problem",
    [
        ("nobody", "Unknown vector DB provider: nobody. Available: "),
        ("", "install the package of the provider, and check its settings\n"),
        ("s3vectors", "stache-s3vectors copy copies between its indexes"),
    ],
)
def test_a_provider_that_cannot_be_a_source_is_wrong_usage(name, problem):
    """The message says why."""
    result = tool.run("copy-from", name, *PLACE)

    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr


def test_an_error_names_the_settings_of_the_provider():
    """They are Stache's settings whose names begin with its name."""
    result = tool.run("copy-from", "qdrant", *PLACE)

    assert "QDRANT_URL, QDRANT_API_KEY, QDRANT_COLLECTION" in result.stderr
