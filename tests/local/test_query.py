"""QueryVectors: distances, order, pages, results and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from botocore.exceptions import ClientError

from s3vectors_local import Choices, Engine
from s3vectors_local.errors import ValidationException

pytestmark = pytest.mark.aws

RANDOM = np.random.default_rng(3)


@pytest.fixture
def make_index(client, bucket):
    """Return a function that creates an index with vectors and returns a query function."""

    def make(metric, vectors, metadata=None):
        names = {"vectorBucketName": bucket, "indexName": f"{metric}-{len(vectors[0])}"}
        client.create_index(
            **names, dataType="float32", dimension=len(vectors[0]), distanceMetric=metric
        )
        entries = [
            {"key": f"k{n}", "data": {"float32": list(map(float, v))}}
            for n, v in enumerate(vectors)
        ]
        for entry, document in zip(entries, metadata or (), strict=False):
            entry["metadata"] = document
        for start in range(0, len(entries), 500):
            client.put_vectors(**names, vectors=entries[start : start + 500])

        def query(vector, top_k=10, **request):
            data = {"float32": list(map(float, vector))}
            return client.query_vectors(**names, topK=top_k, queryVector=data, **request)

        query.names = names
        return query

    return make


def list_keys(response):
    return [vector["key"] for vector in response["vectors"]]


def list_distances(response):
    return [vector["distance"] for vector in response["vectors"]]


def test_cosine_distance_is_one_minus_the_cosine(make_index):
    """It is 0 for the same direction at any length, 1 at a right angle, and 2 opposite."""
    query = make_index("cosine", [[2, 0], [0, 5], [-1, 0], [1, 1]])

    response = query([10, 0], returnDistance=True)

    assert list_keys(response) == ["k0", "k3", "k1", "k2"]
    assert list_distances(response) == pytest.approx([0, 1 - math.sqrt(0.5), 1, 2], abs=1e-5)
    assert response["distanceMetric"] == "cosine"


def test_euclidean_distance_has_the_square_root(make_index):
    """AWS does not document it."""
    query = make_index("euclidean", [[0, 0], [3, 4], [1, 0]])

    response = query([0, 0], returnDistance=True)

    assert list_keys(response) == ["k0", "k2", "k1"]
    assert list_distances(response) == pytest.approx([0, 1, 5])
    assert response["distanceMetric"] == "euclidean"


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e18])
def test_very_small_and_very_large_vectors_are_compared_correctly(make_index, metric, scale):
    """Squares overflow in float32, but not in float64."""
    vectors = RANDOM.normal(size=(50, 8)).astype(np.float32) * np.float32(scale)
    target = vectors[7].astype(float)
    exact = vectors.astype(float)
    if metric == "cosine":
        lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(target)
        expected = 1 - exact @ target / lengths
    else:
        expected = np.linalg.norm(exact - target, axis=1)
    query = make_index(metric, vectors)

    response = query(target, 50, returnDistance=True)

    assert list_keys(response)[0] == "k7"
    assert list_distances(response) == pytest.approx(sorted(expected), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("matching", [3, 60, 100])
def test_a_filtered_query_finds_the_nearest_of_those_that_match(make_index, matching):
    """Few matches are copied, many are masked. The result is the same."""
    vectors = RANDOM.normal(size=(100, 4))
    query = make_index("cosine", vectors, [{"n": n} for n in range(100)])
    target = RANDOM.normal(size=4)
    cosines = vectors @ target / np.linalg.norm(vectors, axis=1)

    response = query(target, 5, filter={"n": {"$lt": matching}})

    assert list_keys(response) == [f"k{n}" for n in np.argsort(-cosines[:matching])[:5]]


def test_deleted_and_replaced_vectors_are_not_found(client, make_index):
    """Consistency is strong: the next query sees the write."""
    query = make_index("cosine", [[1, 0], [0.9, 0.1], [0, 1]])
    client.delete_vectors(**query.names, keys=["k0"])
    client.put_vectors(**query.names, vectors=[{"key": "k1", "data": {"float32": [-1, 0]}}])

    assert list_keys(query([1, 0])) == ["k2", "k1"]


def test_only_requested_members_are_returned(make_index):
    """The key is always returned, distance and metadata on request, and the vector never."""
    query = make_index("cosine", [[1, 0]], [{"a": 1}])

    assert query([1, 0])["vectors"] == [{"key": "k0"}]
    assert query([1, 0], returnMetadata=True)["vectors"] == [{"key": "k0", "metadata": {"a": 1}}]


def test_an_empty_index_has_no_results(client, names):
    """The response still has the metric."""
    response = client.query_vectors(**names, topK=3, queryVector={"float32": [1, 0]})

    assert response["vectors"] == []
    assert response["distanceMetric"] == "cosine"


def test_results_come_in_pages_of_a_hundred(client, make_index):
    """Together, the pages are the top_k in order, with each vector once."""
    query = make_index("euclidean", [[n] for n in range(1, 301)])
    pages = []
    token = {}
    while True:
        page = query([0], 250, returnDistance=True, **token)
        pages.append(page)
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}

    assert [len(page["vectors"]) for page in pages] == [100, 100, 50]
    assert [d for page in pages for d in list_distances(page)] == list(range(1, 251))


@pytest.mark.ours
def test_pages_of_equal_distances_neither_repeat_nor_lose(client, make_index):
    """Duplicate chunks are common; ties are in the order of rows."""
    query = make_index("cosine", [[1, 1]] * 150 + [[1, n] for n in range(2, 102)])
    collected, token = [], {}
    while True:
        page = query([1, 1], 200, **token)
        collected += list_keys(page)
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}

    assert len(set(collected)) == len(collected) == 200
    assert list_keys(query([1, 1], 10)) == collected[:10]


@pytest.mark.parametrize(
    "vectors, metric, expected",
    [
        ([[0.1, 0.7, 0.3]], "cosine", 0),
        ([[-0.1, -0.7, -0.3]], "cosine", 2),
        ([[3e38, 3e38, 3e38]], "euclidean", 3.4028234663852886e38),
    ],
)
def test_distances_stay_in_their_range(make_index, vectors, metric, expected):
    """Cosine stays in 0 to 2 despite rounding. None is infinite, which JSON does not have."""
    query = make_index(metric, vectors)
    ask = [0.1, 0.7, 0.3] if metric == "cosine" else [-3e38, -3e38, -3e38]

    [distance] = list_distances(query(ask, returnDistance=True))

    assert distance == pytest.approx(expected, abs=1e-5)
    assert metric == "euclidean" or 0 <= distance <= 2


@pytest.mark.parametrize("count, top_k", [(100, 200), (150, 100), (100, 100)])
def test_the_last_page_has_no_token(make_index, count, top_k):
    """It ends after top_k results, or at the last vector."""
    query = make_index("euclidean", [[n] for n in range(count)])

    page = query([0], top_k)

    assert len(page["vectors"]) == 100
    assert "nextToken" not in page


def test_a_token_continues_its_own_query_only(make_index):
    """Another vector, topK, filter or mode makes another query."""
    query = make_index("euclidean", [[n] for n in range(150)])
    token = query([0], 150)["nextToken"]

    others = (
        ([1], 150, {}),
        ([0], 149, {}),
        ([0], 150, {"filter": {"a": 1}}),
        ([0], 150, {"queryMode": "ENHANCED"}),
    )
    for vector, top_k, extra in others:
        with pytest.raises(ClientError, match="Invalid nextToken"):
            query(vector, top_k, nextToken=token, **extra)


@pytest.mark.parametrize("vector", [[0, 0], [1], [1, float("inf")], [float("nan"), 1]])
def test_a_bad_query_vector_has_one_message(make_index, vector):
    """The field list has the problem."""
    query = make_index("cosine", [[1, 0]])

    with pytest.raises(ClientError) as refused:
        query(vector)

    response = refused.value.response
    message = "Query vector contains invalid values or is invalid for this index"
    assert response["message"] == message
    assert response["fieldList"][0]["path"] == "vector"


@pytest.mark.parametrize(
    "request_, problem",
    [
        ({"top_k": 10_001}, "Member must be less than or equal to 10000"),
        ({"queryMode": "CLASSIC"}, "queryMode cannot be CLASSIC when indexMode is ENHANCED"),
        ({"queryMode": "FAST"}, "enum value set"),
    ],
)
def test_invalid_queries_are_refused(make_index, request_, problem):
    """The errors have AWS's text where it is known."""
    query = make_index("cosine", [[1, 0]])

    with pytest.raises(ClientError, match=problem):
        query([1, 0], **request_)


def test_top_k_is_at_least_one(engine, names):
    """boto3 checks this itself; other SDKs may not."""
    with pytest.raises(ValidationException, match="must be greater than or equal to 1"):
        engine.call("QueryVectors", {**names, "topK": 0, "queryVector": {"float32": [1, 0]}})


def test_top_k_can_be_ten_thousand(make_index):
    """This is the service's limit since June 2026."""
    assert list_keys(make_index("cosine", [[1, 0]])([1, 0], 10_000)) == ["k0"]


def test_a_filter_that_is_null_is_refused(engine, names):
    """A query without the filter could return vectors of another tenant."""
    request = {**names, "topK": 1, "queryVector": {"float32": [1, 0]}, "filter": None}

    with pytest.raises(ValidationException, match="Invalid filter"):
        engine.call("QueryVectors", request)


@pytest.mark.ours
def test_the_square_of_the_euclidean_distance_is_a_choice():
    """The ranking is the same; values out of float32 become its maximum."""
    engine = Engine(choices=Choices(euclidean="squared"))
    names = {"vectorBucketName": "my-bucket", "indexName": "idx"}
    engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    index = {"dataType": "float32", "dimension": 2, "distanceMetric": "euclidean"}
    engine.call("CreateIndex", {**names, **index})
    stored = {"near": [3, 4], "here": [0, 0], "far": [1e30, 0]}
    vectors = [{"key": key, "data": {"float32": data}} for key, data in stored.items()]
    engine.call("PutVectors", {**names, "vectors": vectors})

    query = {"topK": 3, "queryVector": {"float32": [0, 0]}, "returnDistance": True}
    results = engine.call("QueryVectors", {**names, **query})["vectors"]

    largest = float(np.finfo(np.float32).max)
    assert [(v["key"], v["distance"]) for v in results] == [
        ("here", 0),
        ("near", 25),
        ("far", largest),
    ]
    engine.close()


def test_a_query_needs_a_vector_or_texts(client, names):
    """It may have both."""
    with pytest.raises(ClientError, match="Must specify queryVector, queryTexts, or both"):
        client.query_vectors(**names, topK=1)
