"""The same engine answers in process and over HTTP, from memory and from disk."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest

import s3vectors_local
from s3vectors_local import Engine, connect
from support.endpoints import SESSION


def test_every_endpoint_stores_finds_lists_and_deletes(every_endpoint):
    """The test runs the same steps on four endpoints."""
    client = every_endpoint
    names = {"vectorBucketName": f"b-{uuid.uuid4()}", "indexName": "idx"}
    client.create_vector_bucket(vectorBucketName=names["vectorBucketName"])
    client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")
    vectors = [
        {"key": f"k{n}", "data": {"float32": [1, n]}, "metadata": {"n": n}} for n in range(3)
    ]
    client.put_vectors(**names, vectors=vectors)
    client.delete_vectors(**names, keys=["k1"])

    query = {"topK": 2, "queryVector": {"float32": [1, 2]}, "returnMetadata": True}
    results = client.query_vectors(**names, **query, filter={"n": {"$gte": 0}})["vectors"]

    assert [(v["key"], v["metadata"]) for v in results] == [("k2", {"n": 2}), ("k0", {"n": 0})]
    with pytest.raises(client.exceptions.ValidationException, match="Invalid filter"):
        client.query_vectors(**names, **query, filter={})


def test_a_client_has_one_engine_at_a_time(client, engine, bucket):
    """Connecting it to a second engine disconnects it from the first."""
    other = Engine()

    connect(client, other)
    client.create_vector_bucket(vectorBucketName="elsewhere")

    first = engine.call("ListVectorBuckets", {})["vectorBuckets"]
    assert [results["vectorBucketName"] for results in first] == [bucket]
    assert len(other.call("ListVectorBuckets", {})["vectorBuckets"]) == 1
    other.close()


def test_a_client_of_another_service_is_refused(engine):
    """It would continue to use the network."""
    with pytest.raises(ValueError, match="this is a client of s3; connect takes one of s3vectors"):
        connect(SESSION.client("s3", region_name="us-east-1"), engine)


def test_importing_the_engine_loads_nothing_heavy():
    """Modules are loaded at the first use of a public name."""
    code = (
        "import sys, s3vectors_local; "
        "heavy = ('numpy', 'orjson', 'uvicorn', 'boto3', 'botocore'); "
        "print([m for m in heavy if m in sys.modules])"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"


def test_the_public_names_exist():
    """All can be loaded, in sorted order, and there are no others."""
    assert s3vectors_local.__all__ == sorted(s3vectors_local.__all__)
    assert all(getattr(s3vectors_local, name) for name in s3vectors_local.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        s3vectors_local.nothing  # noqa: B018 - the access fails
