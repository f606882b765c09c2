"""What goes over the wire, and how often: bodies, retries, answers that are none."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import boto3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stache
from far_ends import server
from s3vectors_local import Engine, Faults, connect
from stache_ai_s3vectors import PartialWriteError, S3VectorsError, UnavailableError
from stache_ai_s3vectors.aws.batches import Record, encode_batches

QUESTION = [1.0, 0.0, 0.5, 0.25]


@pytest.fixture
def provider():
    return stache.provider()


def sent(client, operation):
    """A list to which the client adds the body of each such request, as it leaves."""
    bodies = []
    client.meta.events.register_first(
        f"before-send.s3vectors.{operation}",
        lambda request, **_: bodies.append(json.loads(request.body)),
    )
    return bodies


def test_the_body_is_what_botocore_would_have_written(provider):
    """Name for name; only faster."""
    bodies = sent(provider.client, "PutVectors")
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    metadata = {"text": "tëxt", "namespace": "ns", "status": "active", "page": 1, "tags": ["a"]}
    vectors = [{"key": "k", "data": {"float32": QUESTION}, "metadata": metadata}]

    provider.insert([QUESTION], ["tëxt"], [{"page": 1, "tags": ["a"]}], ["k"], namespace="ns")
    provider.client.put_vectors(**names, vectors=vectors)

    assert bodies[0] == bodies[1] == {**names, "vectors": vectors}


def test_so_is_that_of_a_query(provider):
    """Its vector is not a placeholder."""
    provider.insert([QUESTION], ["t"])
    bodies = sent(provider.client, "QueryVectors")

    provider.search(QUESTION, top_k=7)

    assert bodies[0]["queryVector"] == {"float32": QUESTION}
    assert bodies[0]["topK"] == 7


def test_answers_are_what_botocore_would_have_read(provider):
    """With the metadata of the response beside them."""
    provider.insert([QUESTION], ["t"], [{"page": 1}], ["k"])
    other = connect(boto3.client("s3vectors", "us-east-1"), stache.engine_of("local:"))
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
    """And can be asked with."""
    provider.insert(vectors, ["a", "b", "c"], ids=["a", "b", "c"])

    rows = provider.get_vectors_with_embeddings(["a", "b", "c"])
    assert [row["vector"] for row in rows] == [[1, 1, 1, 1]] * 3
    assert len(provider.search(vectors[0])) == 3


def test_arrays_are_not_converted_to_lists(provider):
    """Orjson reads them as they are: a float32 has few digits, as a Python float it has many."""
    bodies = []
    provider.client.meta.events.register_first(
        "before-send.s3vectors.PutVectors", lambda request, **_: bodies.append(request.body)
    )

    provider.insert(np.full((1, 4), 0.1, dtype="float32"), ["t"])

    assert b"[0.1,0.1,0.1,0.1]" in bodies[0]


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=40))
def test_bodies_hold_all_records_in_order_within_the_limit(lengths):
    """Texts of very different lengths; the limit is made small, so that it matters."""
    records = [Record(str(n), [1.0], {"text": "x" * size}) for n, size in enumerate(lengths)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stache_ai_s3vectors.service.limits.REQUEST_BODY_BYTES", 61_000)
        made = list(encode_batches({"vectorBucketName": "my-bucket", "indexName": "idx"}, records))

    assert all(len(batch.body) <= 61_000 for batch in made)
    assert [key for batch in made for key in batch.keys] == [r.key for r in records]
    bodies = [json.loads(batch.body)["vectors"] for batch in made]
    assert [v["key"] for vectors in bodies for v in vectors] == [r.key for r in records]


@pytest.mark.parametrize("kind", ["408", "429", "500", "503", "timeout", "dropped"])
def test_what_may_pass_is_tried_again(provider, kind, monkeypatch):
    """For as long as the settings say, after waits that grow; the last try is at the end."""
    provider.get_collection_info()
    waits = stache.without_waiting(monkeypatch)
    connect(provider.client, stache.engine_of("local:"), faults=Faults({kind: 1}))

    with pytest.raises(UnavailableError):
        provider.get_by_ids(["a"])

    assert sum(waits) == pytest.approx(30)
    throttled = kind == "429"
    assert waits[0] <= (1 if throttled else 0.1)
    assert max(waits) <= (20 if throttled else 5)
    assert (3 if throttled else 8) <= len(waits) <= 20


@pytest.mark.parametrize(
    "code, status",
    [
        ("ValidationException", 400),
        ("ServiceQuotaExceededException", 402),
        ("AccessDeniedException", 403),
        ("NotFoundException", 404),
    ],
)
def test_what_will_not_pass_is_not(provider, code, status, monkeypatch):
    """One try."""
    provider.get_collection_info()
    waits = stache.without_waiting(monkeypatch)
    refusal = stache.Answer(status, {"x-amzn-errortype": code}, b'{"message":"no"}')
    stache.answering(provider.client, "PutVectors", refusal)

    with pytest.raises(S3VectorsError, match=f"no \\({code}\\)"):
        provider.insert([QUESTION], ["t"])

    assert waits == []


def test_an_answer_that_ended_early_is_asked_for_again(provider, monkeypatch):
    """Botocore takes what came for the whole, even nothing."""
    provider.insert([QUESTION], ["t"], ids=["a"])
    waits = stache.without_waiting(monkeypatch)
    half = stache.Answer(200, {"content-length": "100"}, b'{"vectors":[')
    nothing = stache.Answer(200, {"content-length": "100"}, b"")
    stache.answering(provider.client, "GetVectors", half, nothing)

    assert [row["id"] for row in provider.get_by_ids(["a"])] == ["a"]
    assert len(waits) == 2


def test_an_answer_that_always_ends_early_is_an_error(provider, monkeypatch):
    """Also where the answer has nothing to tell."""
    provider.get_collection_info()
    stache.without_waiting(monkeypatch)
    nothing = stache.Answer(200, {"content-length": "2"}, b"")
    stache.answering(provider.client, "DeleteVectors", *[nothing] * 99)

    with pytest.raises(UnavailableError, match="closed before the end of the response"):
        provider.delete(["a"])


@pytest.mark.parametrize(
    "headers, content",
    [
        ({}, b"{}"),
        ({}, b'{"vectors":null}'),
        ({}, b'{"vec'),
        ({}, b"[]"),
        ({}, b"<html>"),
        ({"content-length": "abc"}, b"{}"),
        ({"content-length": "2, 2"}, b"{}"),
        ({"content-length": ""}, b"{}"),
    ],
)
@pytest.mark.parametrize("operation", ["GetVectors", "ListVectors", "QueryVectors"])
def test_a_success_that_is_none_is_an_error(operation, headers, content):
    """Some other server answers, or a proxy; botocore takes any 200."""
    provider = stache.provider()
    provider.insert([QUESTION], ["t"], ids=["a"])
    provider.client.meta.events.unregister("after-call.s3vectors", unique_id="referee")
    stache.answering(provider.client, operation, stache.Answer(200, headers, content))

    with pytest.raises(S3VectorsError, match="the response is not from S3 Vectors"):
        {
            "GetVectors": lambda: provider.get_by_ids(["a"]),
            "ListVectors": lambda: provider.count_by_filter({}),
            "QueryVectors": lambda: provider.search(QUESTION),
        }[operation]()


def test_a_request_that_is_sent_again_has_its_body_again(monkeypatch):
    """Over HTTP, where the first connection is dropped."""
    stache.without_waiting(monkeypatch)
    with server("--fault", "dropped:0.5", "--seed", "3") as url:
        provider = stache.provider(s3vectors_endpoint_url=url, s3vectors_create_index=True)
        with closing(provider.client) as client:
            retries = stache.retries(client)
            client.create_vector_bucket(vectorBucketName="my-bucket")
            for n in range(10):
                provider.insert([QUESTION], [f"text {n}"], ids=[str(n)])

            assert provider.count_by_filter({}) == 10
            assert sum(retries) > 0


def test_an_error_that_nobody_thought_of_does_not_hide_what_was_done(provider):
    """Nor keep the rest from being tried."""
    ids = [str(n) for n in range(500)]
    provider.insert([QUESTION] * 500, ["t"] * 500, ids=ids)
    count = 0

    def odd(parsed, **_):
        nonlocal count
        count += 1
        if count == 3:
            del parsed["vectors"][0]["key"]

    provider.client.meta.events.register("after-call.s3vectors.GetVectors", odd)

    with pytest.raises(PartialWriteError, match="400 of 500 vectors are updated.*KeyError"):
        provider.update_status(ids, None, "deleting")

    assert provider.count_by_filter({"status": "deleting"}) == 400


@pytest.mark.parametrize("threads", [16])
def test_many_threads_make_one_client(threads):
    """And so share one description and one pace."""
    together = threading.Barrier(threads, timeout=30)

    def make(_):
        together.wait()
        return stache.provider()._index._state

    with ThreadPoolExecutor(threads) as pool:
        assert len({id(shared) for shared in pool.map(make, range(threads))}) == 1


def test_settings_decide_how_often_is_tried(monkeypatch):
    """S3VECTORS_MAX_ATTEMPTS=1: once."""
    waits = stache.without_waiting(monkeypatch)
    provider = stache.provider(s3vectors_max_attempts=1)
    connect(provider.client, Engine(), faults=Faults({"503": 1}))

    with pytest.raises(UnavailableError):
        provider.get_collection_info()

    assert waits == []
