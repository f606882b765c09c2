"""The console counts, lists and describes the vectors of an index."""

from __future__ import annotations

import json

import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.choices import Choices
from s3vectors_local.console.options import ConsoleOptions
from support.console.client import (
    NAMES,
    PAGE,
    create_index,
    put_vectors,
    read_stream,
    run_failing_job,
    run_job,
)
from support.console.index import COUNT, make_key


def browse_all(url, **members):
    """Return the vectors of all pages."""
    cursor, vectors = None, []
    while True:
        page = run_job(url, "browse", cursor=cursor, **members)
        vectors += page["vectors"]
        cursor = page["cursor"]
        if cursor is None:
            return vectors


def test_vectors_are_counted(url, one_vector):
    """The job reports its progress."""
    lines = read_stream(url, "/console/api/stream/count", json.dumps(PAGE).encode())

    assert lines[-1] == {"result": {"count": COUNT}}
    assert lines[0]["progress"] == {"phase": "counting", "done": 1000, "total": None}
    assert run_job(one_vector[0], "count") == {"count": 1}


def test_browsing_returns_each_vector_once(url):
    """It returns the metadata, page by page."""
    vectors = browse_all(url, limit=499)

    assert sorted(vector["key"] for vector in vectors) == sorted(map(make_key, range(COUNT)))
    assert vectors[0]["metadata"]["kind"] == "note"


@pytest.mark.parametrize("limit", [7, 33, 500])
def test_a_prefix_and_a_filter_select_vectors(url, limit):
    """Each matching vector is returned once, whatever the page size."""
    members = {"prefix": "doc-3/", "filter": {"kind": "note"}, "limit": limit}

    vectors = browse_all(url, **members)

    expected = [n for n in range(0, COUNT, 10) if n % 7 == 3]
    assert [vector["metadata"]["n"] for vector in vectors] == expected


def test_a_page_ends_when_it_is_full(url):
    """It has the number of examined vectors and a cursor."""
    page = run_job(url, "browse", filter={"n": {"$gte": 19_998}}, limit=1)

    assert [vector["metadata"]["n"] for vector in page["vectors"]] == [19_998]
    assert page["scanned"] == COUNT - 1
    rest = run_job(url, "browse", filter={"n": {"$gte": 19_998}}, limit=1, cursor=page["cursor"])
    assert [vector["metadata"]["n"] for vector in rest["vectors"]] == [19_999]
    assert rest["cursor"] is None


def test_browsing_continues_after_vectors_are_deleted(one_vector):
    """Each remaining vector is returned."""
    url, engine = one_vector
    put_vectors(engine, [(f"k{n}", [n + 1, 1], {"n": n}) for n in range(20)])
    page = run_job(url, "browse", prefix="k", limit=5)
    engine.call("DeleteVectors", {**NAMES, "keys": ["k0", "k1", "k7"]})

    rest = run_job(url, "browse", prefix="k", limit=50, cursor=page["cursor"])

    assert [vector["key"] for vector in page["vectors"]] == ["k0", "k1", "k2", "k3", "k4"]
    assert [v["key"] for v in rest["vectors"]] == ["k5", "k6", *(f"k{n}" for n in range(8, 20))]


def test_an_invalid_filter_has_the_service_s_error(url):
    """It is refused before anything is listed."""
    for document in ({"a": 1, "b": 2}, {"text": "x"}, {"$nor": []}, "text", 5, []):
        assert run_failing_job(url, "browse", filter=document)["message"] == "Invalid filter"


@pytest.mark.parametrize(
    "choices", [Choices(), Choices(missing_key="no-match", array_negation="any-element")]
)
def test_browsing_filters_like_the_engine(choices):
    """This holds for the alternative behavior that AWS does not document."""
    filters = [
        {"tag": {"$ne": "a"}},
        {"tag": {"$nin": ["a", "c"]}},
        {"$or": [{"tag": "b"}, {"n": {"$lt": 2}}]},
        {"tag": {"$exists": False}},
    ]
    values = ["a", "b", ["a", "b"], ["c"], None]
    with Engine(choices=choices) as engine, serving(engine, console=ConsoleOptions()) as url:
        create_index(engine)
        put_vectors(
            engine,
            [
                (f"k{n}", [n, 1], {"n": n, **({} if tag is None else {"tag": tag})})
                for n, tag in enumerate(values)
            ],
        )
        for document in filters:
            query = {"queryVector": {"float32": [1, 1]}, "topK": 10, "filter": document}
            expected = engine.call("QueryVectors", {**NAMES, **query})["vectors"]

            page = run_job(url, "browse", filter=document)

            assert {v["key"] for v in page["vectors"]} == {v["key"] for v in expected}


def test_metadata_is_described_by_a_sample(url):
    """It has the keys, their types and frequencies, and some values."""
    described = run_job(url, "metadata")

    assert described["sampled"] == 1000
    keys = {key["name"]: key for key in described["keys"]}
    assert keys["kind"] == {
        "name": "kind",
        "types": ["string"],
        "count": 1000,
        "examples": ["note", "page"],
        "filterable": True,
    }
    assert keys["tags"]["types"] == ["string[]"]
    assert keys["tags"]["count"] == 10
    assert keys["n"]["types"] == ["number"]
    assert keys["text"]["filterable"] is False


def test_a_description_shortens_long_values(one_vector):
    """So a response does not have hundreds of megabytes."""
    url, engine = one_vector
    put_vectors(engine, [("long", [1, 1], {"text": "x" * 40_000})])

    keys = {key["name"]: key for key in run_job(url, "metadata")["keys"]}

    assert keys["text"]["examples"] == ["one word", "x" * 80]


@pytest.mark.parametrize(
    "cursor",
    ["x", "AAAA", "W10=", "WzEsMiwzXQ==", "W251bGwsLTEsbnVsbF0=", "WyJ0b2tlbiIsMCxudWxsXQ=="],
)
def test_an_invalid_cursor_is_refused(url, cursor):
    """The console refuses it, or the service if it contains a token."""
    assert "Invalid" in run_failing_job(url, "browse", cursor=cursor, prefix="d")["message"]


def test_a_boolean_is_described_as_a_boolean(one_vector):
    """In Python, bool is a subclass of int."""
    url, engine = one_vector
    put_vectors(engine, [("flag", [1, 1], {"flag": True, "numbers": [1, 2]})])

    types = {key["name"]: key["types"] for key in run_job(url, "metadata")["keys"]}

    assert (types["flag"], types["numbers"]) == (["boolean"], ["number[]"])
