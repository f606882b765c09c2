"""The console queries an index, and explains a vector's rank."""

from __future__ import annotations

import numpy as np
import pytest

from s3vectors_local import Engine, serving
from s3vectors_local.choices import Choices
from s3vectors_local.console.options import ConsoleOptions
from support.console.client import (
    NAMES,
    put_vectors,
    run_failing_job,
    run_job,
)
from support.console.index import COUNT, VECTORS, make_key


def compute_nearest(vector, count, numbers=None):
    """Compute the numbers of the nearest vectors with numpy."""
    among = np.arange(COUNT) if numbers is None else np.array(numbers)
    rows = VECTORS[among].astype(np.float64)
    query = np.asarray(vector, np.float64)
    cosine = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    return among[np.argsort(-cosine, kind="stable")[:count]].tolist()


def test_a_query_by_key_finds_similar_vectors(url):
    """The vector itself is first. The response has the request that was sent."""
    answer = run_job(url, "query", key=make_key(42), top_k=150)

    assert [result["metadata"]["n"] for result in answer["results"]] == compute_nearest(
        VECTORS[42], 150
    )
    assert answer["results"][0]["key"] == make_key(42)
    assert answer["results"][0]["distance"] == 0
    assert answer["request"]["queryVector"]["float32"] == pytest.approx(VECTORS[42].tolist())
    assert answer["request"]["topK"] == 150
    assert answer["milliseconds"] > 0


def test_a_query_by_vector_returns_only_matches_of_the_filter(url):
    answer = run_job(url, "query", vector=[1, 2, 3, 4], top_k=5, filter={"kind": "note"})

    expected = compute_nearest([1, 2, 3, 4], 5, range(0, COUNT, 10))
    assert [result["metadata"]["n"] for result in answer["results"]] == expected


def test_a_query_by_text_has_text_scores(url):
    """It uses the only text search of the index."""
    answer = run_job(url, "query", text="zebra", mode="text", top_k=10)

    assert {result["metadata"]["n"] for result in answer["results"]} == {3, 5003, 10_003, 15_003}
    assert all(result["text_score"] > 0 for result in answer["results"])
    assert answer["request"]["queryTexts"] == [{"metadataKey": "text", "text": "zebra"}]


def test_a_hybrid_query_has_all_scores(url):
    """A result may lack distance, text score or fused score."""
    answer = run_job(url, "query", text="zebra", key=make_key(3), mode="hybrid", top_k=10)

    first = answer["results"][0]
    assert first["key"] == make_key(3)
    assert {"distance", "text_score", "score"} <= first.keys()
    assert [result["score"] for result in answer["results"]] == sorted(
        (result["score"] for result in answer["results"]), reverse=True
    )


@pytest.mark.parametrize(
    "members, code, words",
    [
        ({}, "ValidationException", "needs a key, a vector or a text"),
        ({"text": "zebra"}, "ValidationException", "No embedder is configured"),
        ({"key": "none"}, "NotFoundException", "No vector has the key 'none'"),
        ({"vector": [1]}, "ValidationException", "Query vector contains invalid values"),
        ({"vector": [0, 0, 0, 0]}, "ValidationException", "Query vector contains invalid values"),
        ({"vector": [1, 2, 3, None]}, "SerializationException", "must be"),
        ({"vector": "abc"}, "SerializationException", "is not expected there"),
        ({"vector": [1, 2, 3, 4], "filter": 5}, "ValidationException", "Invalid filter"),
        ({"mode": "text"}, "ValidationException", "'/text' is None"),
        ({"mode": "text", "text": "x" * 1025}, "ValidationException", "1024"),
        ({"mode": "text", "text": "x", "text_key": "n"}, "ValidationException", "not configured"),
        ({"index": "none", "key": "k"}, "NotFoundException", "index could not be found"),
    ],
)
def test_an_invalid_query_is_refused(url, members, code, words):
    """If the service refuses it, the error has the service's message."""
    error = run_failing_job(url, "query", **members)

    assert error["code"] == code
    assert words in error["message"]


def test_why_returns_a_rank_beyond_the_first_page(url):
    """It returns the distance as well. The service's maximum limits the rank."""
    ranking = compute_nearest([1, 2, 3, 4], COUNT)

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(ranking[1233]))

    assert why["exists"] is True
    assert why["rank"] == 1234
    assert why["distance"] == pytest.approx(
        1
        - VECTORS[ranking[1233]]
        @ [1, 2, 3, 4]
        / np.linalg.norm(VECTORS[ranking[1233]])
        / np.sqrt(30),
        abs=1e-6,
    )
    assert why["reason"] == "It is result 1,234 of the query."


def test_why_reports_a_vector_below_the_ranking(url):
    """Its distance is computed."""
    last = compute_nearest([1, 2, 3, 4], COUNT)[-1]

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(last))

    assert (why["rank"], why["of"]) == (None, 10_000)
    assert "not among the first 10,000 results" in why["reason"]
    expected = 1 - VECTORS[last] @ [1, 2, 3, 4] / np.linalg.norm(VECTORS[last]) / np.sqrt(30)
    assert why["distance"] == pytest.approx(expected, abs=1e-6)


def test_why_explains_a_prefix_inside_a_group(url):
    """ENHANCED indexes allow `$startsWith` inside `$and` and `$or`."""
    document = {"$and": [{"kind": {"$startsWith": "no"}}, {"n": {"$gte": 0}}]}
    target = compute_nearest([1, 2, 3, 4], 1, [n for n in range(COUNT) if n % 10])[0]

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(target), filter=document)

    assert [(part["path"], part["holds"]) for part in why["filter"]] == [
        ("/$and", False),
        ("/$and/0/kind/$startsWith", False),
        ("/$and/1/n/$gte", True),
    ]


def test_why_lists_the_conditions_that_exclude_a_vector(url):
    """It has the result of each condition and the vector's value."""
    target = compute_nearest([1, 2, 3, 4], 1, [n for n in range(COUNT) if n % 10])[0]
    document = {
        "$and": [
            {"kind": {"$in": ["note", "card"]}},
            {"n": {"$gte": 0, "$lt": COUNT}},
            {"$or": [{"a/b~c": 1}, {"n": {"$exists": True}}]},
        ]
    }

    why = run_job(url, "why", vector=[1, 2, 3, 4], target=make_key(target), filter=document)

    assert why["filter"] == [
        {"path": "/$and", "condition": "$and", "holds": False},
        {
            "path": "/$and/0/kind/$in",
            "condition": {"kind": {"$in": ["note", "card"]}},
            "holds": False,
            "value": "page",
        },
        {
            "path": "/$and/1/n/$gte",
            "condition": {"n": {"$gte": 0}},
            "holds": True,
            "value": target,
        },
        {
            "path": "/$and/1/n/$lt",
            "condition": {"n": {"$lt": COUNT}},
            "holds": True,
            "value": target,
        },
        {"path": "/$and/2/$or", "condition": "$or", "holds": True},
        {
            "path": "/$and/2/$or/0/a~1b~0c",
            "condition": {"a/b~c": 1},
            "holds": False,
            "value": None,
        },
        {
            "path": "/$and/2/$or/1/n/$exists",
            "condition": {"n": {"$exists": True}},
            "holds": True,
            "value": target,
        },
    ]
    assert why["rank"] is None
    assert (
        why["reason"] == "The filter excludes this vector: it does not match at /$and/0/kind/$in."
    )
    unfiltered = compute_nearest([1, 2, 3, 4], COUNT).index(target) + 1
    assert why["rank_without_filter"] == unfiltered


def test_why_reports_a_missing_vector(url):
    why = run_job(url, "why", vector=[1, 2, 3, 4], target="none")

    assert (why["exists"], why["rank"], why["reason"]) == (False, None, "No vector has this key.")


def test_why_reports_that_the_text_lacks_the_words(url):
    """The query is by text alone."""
    why = run_job(url, "why", text="zebra", mode="text", target=make_key(4))

    assert why["reason"] == "Its text has none of the words of the query."
    assert run_job(url, "why", text="zebra", mode="text", target=make_key(3))["text_score"] > 0


def test_why_uses_the_top_k_of_a_hybrid_query(url):
    """Another top k changes the hybrid ranking."""
    query = {"text": "zebra", "mode": "hybrid", "vector": [1, 2, 3, 4], "top_k": 8}
    results = run_job(url, "query", **query)["results"]

    for rank, result in enumerate(results, 1):
        assert run_job(url, "why", target=result["key"], **query)["rank"] == rank


@pytest.mark.parametrize("euclidean, expected", [("plain", 2.0), ("squared", 4.0)])
def test_a_computed_distance_equals_the_engine_s(euclidean, expected):
    """The filter excludes the vector from every ranking that would have its distance."""
    choices = Choices(euclidean=euclidean, numbers="single")
    with Engine(choices=choices) as engine, serving(engine, console=ConsoleOptions()) as url:
        shape = {"dataType": "float32", "dimension": 1, "distanceMetric": "euclidean"}
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
        engine.call("CreateIndex", {**NAMES, **shape})
        put_vectors(engine, [("near", [1], {"n": 1}), ("far", [3], {"n": 0.1})])

        why = run_job(url, "why", vector=[1], target="far", filter={"n": {"$gt": 0.5}})
        matching = run_job(url, "browse", filter={"n": 0.1})["vectors"]

    assert why["distance"] == expected
    assert why["rank_without_filter"] == 2
    assert [vector["key"] for vector in matching] == ["far"]  # both are in single precision


def test_why_finds_a_vector_beyond_the_top_k_of_a_hybrid_query(url):
    """It searches up to the maximum of a query."""
    query = {"text": "zebra", "mode": "hybrid", "vector": [1, 2, 3, 4], "top_k": 2}
    target = compute_nearest([1, 2, 3, 4], 50)[-1]

    why = run_job(url, "why", target=make_key(target), **query)

    assert 2 < why["rank"] < 200


def test_the_first_text_search_is_the_default(one_vector):
    """An index without a text search is an error."""
    url, engine = one_vector
    assert run_job(url, "query", text="word", mode="text", text_key="text")["results"]
    engine.call("DeleteIndex", NAMES)
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **shape})

    assert (
        "has no text search" in run_failing_job(url, "query", text="word", mode="text")["message"]
    )
