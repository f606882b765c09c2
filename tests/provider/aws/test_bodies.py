"""Bodies of requests and responses, also truncated ones and those that are not from S3 Vectors."""

from __future__ import annotations

import json
from contextlib import closing

import boto3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local import connect
from stache_ai_s3vectors import S3VectorsError, UnavailableError
from stache_ai_s3vectors.aws.batches import Record, encode_batches
from support import providers
from support.endpoints import serve

QUESTION = [1.0, 0.0, 0.5, 0.25]


@pytest.fixture
def provider():
    return providers.create_provider()


def record_bodies(client, operation):
    """Record the body of each request of an operation in a list."""
    bodies = []
    client.meta.events.register_first(
        f"before-send.s3vectors.{operation}",
        lambda request, **_: bodies.append(json.loads(request.body)),
    )
    return bodies


def test_the_body_is_what_botocore_would_write(provider):
    """Only the encoder is another, which is faster."""
    bodies = record_bodies(provider.client, "PutVectors")
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    metadata = {"text": "tëxt", "namespace": "ns", "status": "active", "page": 1, "tags": ["a"]}
    vectors = [{"key": "k", "data": {"float32": QUESTION}, "metadata": metadata}]

    provider.insert([QUESTION], ["tëxt"], [{"page": 1, "tags": ["a"]}], ["k"], namespace="ns")
    provider.client.put_vectors(**names, vectors=vectors)

    assert bodies[0] == bodies[1] == {**names, "vectors": vectors}


def test_the_body_of_a_query_is_what_botocore_would_write(provider):
    """It holds the vector itself, not a placeholder."""
    provider.insert([QUESTION], ["t"])
    bodies = record_bodies(provider.client, "QueryVectors")

    provider.search(QUESTION, top_k=7)

    assert bodies[0]["queryVector"] == {"float32": QUESTION}
    assert bodies[0]["topK"] == 7


def test_responses_are_what_botocore_would_read(provider):
    """They include the metadata of the response."""
    provider.insert([QUESTION], ["t"], [{"page": 1}], ["k"])
    other = connect(boto3.client("s3vectors", "us-east-1"), providers.get_engine("local:"))
    request = {
        "vectorBucketName": "my-bucket",
        "indexName": "documents",
        "keys": ["k"],
        "returnData": True,
        "returnMetadata": True,
    }

    ours, theirs = (client.get_vectors(**request) for client in (provider.client, other))

    assert ours["vectors"] == theirs["vectors"]
    assert ours.keys() == theirs.keys()
    assert ours["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    "vectors",
    [
        np.ones((3, 4), dtype="float32"),
        np.ones((3, 4), dtype="float64"),
        np.ones((3, 4), dtype="float16"),
        np.ones((3, 4), dtype="int32"),
        np.ones((3, 4), dtype=">f4"),
        np.ones((4, 3), dtype="float32").T,
        np.ones((3, 8), dtype="float32")[:, ::2],
        [[np.float32(1)] * 4] * 3,
        [(1, 1, 1, 1)] * 3,
    ],
    ids=["32", "64", "16", "int", "big-endian", "columns", "every other", "scalars", "tuples"],
)
def test_arrays_of_every_kind_are_stored(provider, vectors):
    """Searches take them as well."""
    provider.insert(vectors, ["a", "b", "c"], ids=["a", "b", "c"])

    rows = provider.get_vectors_with_embeddings(["a", "b", "c"])
    assert [row["vector"] for row in rows] == [[1, 1, 1, 1]] * 3
    assert len(provider.search(vectors[0])) == 3


def test_arrays_are_not_converted_to_lists(provider):
    """Orjson writes a float32 with few digits; a Python float would have many."""
    bodies = []
    provider.client.meta.events.register_first(
        "before-send.s3vectors.PutVectors", lambda request, **_: bodies.append(request.body)
    )

    provider.insert(np.full((1, 4), 0.1, dtype="float32"), ["t"])

    assert b"[0.1,0.1,0.1,0.1]" in bodies[0]


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=40))
def test_bodies_hold_all_records_in_order_within_the_limit(lengths):
    """The texts differ much in length; the limit is lowered for this test."""
    records = [Record(str(n), [1.0], {"text": "x" * size}) for n, size in enumerate(lengths)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stache_ai_s3vectors.service.limits.REQUEST_BODY_BYTES", 61_000)
        batches = list(
            encode_batches({"vectorBucketName": "my-bucket", "indexName": "idx"}, records)
        )

    assert all(len(batch.body) <= 61_000 for batch in batches)
    assert [key for batch in batches for key in batch.keys] == [r.key for r in records]
    bodies = [json.loads(batch.body)["vectors"] for batch in batches]
    assert [v["key"] for vectors in bodies for v in vectors] == [r.key for r in records]


def test_a_truncated_response_is_retried(provider, monkeypatch):
    """Botocore takes a truncated body for the whole, even an empty one."""
    provider.insert([QUESTION], ["t"], ids=["a"])
    waits = providers.skip_waiting(monkeypatch)
    half = providers.HttpResponse(200, {"content-length": "100"}, b'{"vectors":[')
    nothing = providers.HttpResponse(200, {"content-length": "100"}, b"")
    providers.set_responses(provider.client, "GetVectors", half, nothing)

    assert [row["id"] for row in provider.get_by_ids(["a"])] == ["a"]
    assert len(waits) == 2


def test_a_response_that_is_always_truncated_is_an_error(provider, monkeypatch):
    """This holds for operations with an empty response as well."""
    provider.get_collection_info()
    providers.skip_waiting(monkeypatch)
    nothing = providers.HttpResponse(200, {"content-length": "2"}, b"")
    providers.set_responses(provider.client, "DeleteVectors", *[nothing] * 99)

    with pytest.raises(UnavailableError, match="closed before the end of the response"):
        provider.delete(["a"])


@pytest.mark.parametrize(
    "headers, content",
    [
        ({}, b"{}"),
        ({}, b'{"vectors":null}'),
        ({}, b'{"vec'),
        ({}, b"[]"),
        ({}, b'[{"data":{"float32":[1]}}]'),
        ({}, b"<html>"),
        ({"content-length": "abc"}, b"{}"),
        ({"content-length": "2, 2"}, b"{}"),
        ({"content-length": ""}, b"{}"),
    ],
)
@pytest.mark.parametrize("operation", ["GetVectors", "ListVectors", "QueryVectors"])
def test_a_success_that_is_not_from_s3_vectors_is_an_error(operation, headers, content):
    """Another server or a proxy may answer; botocore accepts any 200."""
    provider = providers.create_provider()
    provider.insert([QUESTION], ["t"], ids=["a"])
    provider.client.meta.events.unregister("after-call.s3vectors", unique_id="check-responses")
    providers.set_responses(
        provider.client, operation, providers.HttpResponse(200, headers, content)
    )

    with pytest.raises(S3VectorsError, match="the response is not from S3 Vectors"):
        {
            "GetVectors": lambda: provider.get_vectors_with_embeddings(["a"]),
            "ListVectors": lambda: provider.count_by_filter({}),
            "QueryVectors": lambda: provider.search(QUESTION),
        }[operation]()


def test_a_retried_request_has_its_body(monkeypatch):
    """The server drops half of the connections."""
    providers.skip_waiting(monkeypatch)
    with serve("--fault", "dropped:0.5", "--seed", "3") as url:
        provider = providers.create_provider(
            s3vectors_endpoint_url=url, s3vectors_create_index=True
        )
        with closing(provider.client) as client:
            retries = providers.record_retries(client)
            client.create_vector_bucket(vectorBucketName="my-bucket")
            for n in range(10):
                provider.insert([QUESTION], [f"text {n}"], ids=[str(n)])

            assert provider.count_by_filter({}) == 10
            assert sum(retries) > 0
