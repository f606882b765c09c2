"""Vectors can be put, read, listed and deleted."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from s3vectors_local import Engine, connect
from s3vectors_local.errors import SerializationException, ValidationException
from support.endpoints import create_client

pytestmark = pytest.mark.aws


def vector(key, *numbers, **metadata):
    entry = {"key": key, "data": {"float32": list(numbers)}}
    return {**entry, "metadata": metadata} if metadata else entry


def get_refusal(call, **request):
    """Return the parsed error response of a call that must fail."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response


def test_a_vector_can_be_read(client, names):
    """Its data is float32, and its metadata with the text is unchanged."""
    metadata = {"text": "long", "n": 1.5, "flag": True, "tags": ["a", "a"], "sizes": [1, 2]}
    client.put_vectors(**names, vectors=[vector("a", 0.1, -2, **metadata)])

    [results] = client.get_vectors(**names, keys=["a"], returnData=True, returnMetadata=True)[
        "vectors"
    ]

    assert results == {"key": "a", "data": {"float32": [0.1, -2.0]}, "metadata": metadata}


def test_without_flags_only_keys_are_returned(client, names):
    """The default of returnData and returnMetadata is false."""
    client.put_vectors(**names, vectors=[vector("a", 1, 2, n=1)])

    assert client.get_vectors(**names, keys=["a"])["vectors"] == [{"key": "a"}]
    assert client.list_vectors(**names)["vectors"] == [{"key": "a"}]


def test_missing_metadata_is_returned_as_an_empty_object(client, names):
    """This was measured on AWS."""
    client.put_vectors(**names, vectors=[vector("a", 1, 2)])

    results = client.get_vectors(**names, keys=["a"], returnMetadata=True)["vectors"]

    assert results == [{"key": "a", "metadata": {}}]


@pytest.mark.ours
def test_get_vectors_does_not_keep_the_order_of_keys(client, names):
    """AWS does not either, so a client must use the keys."""
    client.put_vectors(**names, vectors=[vector(key, 1, 2) for key in "abc"])

    results = client.get_vectors(**names, keys=["c", "a", "b"])["vectors"]

    assert [v["key"] for v in results] == ["a", "b", "c"]


def test_freed_rows_are_reused_once(client, names):
    """Two vectors put after one delete must not share its row."""
    client.put_vectors(**names, vectors=[vector("a", 1, 2), vector("b", 1, 3)])
    client.delete_vectors(**names, keys=["a"])
    client.put_vectors(**names, vectors=[vector("c", 1, 4)])
    client.put_vectors(**names, vectors=[vector("d", 1, 5)])

    results = client.list_vectors(**names, returnData=True)["vectors"]

    assert {v["key"]: v["data"]["float32"] for v in results} == {
        "b": [1, 3],
        "c": [1, 4],
        "d": [1, 5],
    }


def test_a_list_that_is_far_too_long_gets_a_short_error(engine, names):
    """It has no message for each member."""
    with pytest.raises(ValidationException) as refused:
        engine.call("PutVectors", {**names, "vectors": [{}] * 100_000})

    assert len(refused.value.fields) == 1


def test_missing_keys_are_omitted_and_repeated_keys_are_returned_once(client, names):
    client.put_vectors(**names, vectors=[vector("a", 1, 2)])

    assert client.get_vectors(**names, keys=["b", "a", "a"])["vectors"] == [{"key": "a"}]


def test_put_replaces_data_and_metadata(client, names):
    """A key has only the data and the metadata of the last put."""
    client.put_vectors(**names, vectors=[vector("a", 1, 2, x=1, text="old")])
    client.put_vectors(**names, vectors=[vector("a", 3, 4, y=2)])

    results = client.get_vectors(**names, keys=["a"], returnData=True, returnMetadata=True)[
        "vectors"
    ]

    assert results == [{"key": "a", "data": {"float32": [3, 4]}, "metadata": {"y": 2}}]


@pytest.mark.ours
def test_the_last_of_equal_keys_in_one_call_wins(client, names):
    """AWS does not document it."""
    client.put_vectors(**names, vectors=[vector("a", 1, 2), vector("a", 3, 4)])

    results = client.list_vectors(**names, returnData=True)["vectors"]

    assert results == [{"key": "a", "data": {"float32": [3, 4]}}]


def test_delete_ignores_missing_keys(client, names):
    """The status is 200 in both cases."""
    client.put_vectors(**names, vectors=[vector("a", 1, 2), vector("b", 1, 2)])

    client.delete_vectors(**names, keys=["a", "a", "nope"])
    client.delete_vectors(**names, keys=["a"])

    assert client.list_vectors(**names)["vectors"] == [{"key": "b"}]


@pytest.mark.parametrize(
    "numbers, problem",
    [
        ([1], "vector must have length 2, but has length 1"),
        ([], "vector must have length 2, but has length 0"),
        ([1, float("nan")], "vector contains NaNs or Infs"),
        ([1, float("-inf")], "vector contains NaNs or Infs"),
        ([1, 1e39], "vector contains NaNs or Infs"),
        ([0, 0], "cosine distance does not support vectors with zero norm"),
        ([0, 1e-60], "cosine distance does not support vectors with zero norm"),
    ],
)
def test_a_bad_vector_refuses_the_whole_request(client, names, numbers, problem):
    """Rules apply after rounding to float32. The error names the record, and nothing is stored."""
    response = get_refusal(
        client.put_vectors, **names, vectors=[vector("good", 1, 2), vector("bad", *numbers)]
    )

    message = f"Invalid record for key 'bad': {problem}"
    assert response["message"] == message
    assert response["fieldList"] == [{"path": "vectors[1].data", "message": message}]
    assert client.list_vectors(**names)["vectors"] == []


def test_an_integer_beyond_any_float_is_infinite(engine, names):
    """Python has such integers, but JSON over HTTP only has doubles."""
    with pytest.raises(ValidationException, match="vector contains NaNs or Infs"):
        engine.call("PutVectors", {**names, "vectors": [vector("a", 1, 10**400)]})


def test_euclidean_indexes_accept_zero_vectors(client, bucket):
    """Only cosine needs a direction."""
    names = {"vectorBucketName": bucket, "indexName": "idx"}
    client.create_index(**names, dataType="float32", dimension=1, distanceMetric="euclidean")

    client.put_vectors(**names, vectors=[vector("a", 0)])

    assert client.list_vectors(**names)["vectors"] == [{"key": "a"}]


@pytest.mark.parametrize("element", [True, "1.5", None, [1.0]])
def test_vector_elements_are_numbers(engine, names, element):
    """Other JSON types are refused, some of them by botocore itself."""
    with pytest.raises(SerializationException):
        engine.call("PutVectors", {**names, "vectors": [vector("a", 1, element)]})


@pytest.mark.parametrize(
    "entry, problem",
    [
        ({"key": "a", "data": {}}, "for key 'a': vector must have length 2, but has length 0"),
        ({"key": "a", "data": {"float32": [1, 2]}, "metadata": []}, "Metadata must be an object"),
        ({"key": "a", "data": None}, "'/vectors/0/data' failed .*: Member must not be null"),
        ({"data": {"float32": [1, 2]}}, "'/vectors/0/key' failed .*: Member must not be null"),
    ],
)
def test_a_record_with_wrong_members_is_refused(engine, names, entry, problem):
    """boto3 checks this itself, but other SDKs may not."""
    with pytest.raises(ValidationException, match=problem):
        engine.call("PutVectors", {**names, "vectors": [entry]})


@pytest.mark.parametrize(
    "operation, request_, problem",
    [
        ("get_vectors", {"keys": ["k"] * 101}, "Value with length 101 at '/keys'"),
        ("delete_vectors", {"keys": ["k"] * 501}, "Value with length 501 at '/keys'"),
        ("put_vectors", {"vectors": [vector("k", 1, 2)] * 501}, "Value with length 501"),
        ("list_vectors", {"maxResults": 1001}, "between 1 and 1000, inclusive"),
        ("list_vectors", {"segmentCount": 17, "segmentIndex": 0}, "between 1 and 16, inclusive"),
        ("list_vectors", {"segmentCount": 2}, "must be specified together"),
        ("list_vectors", {"segmentIndex": 0}, "must be specified together"),
        ("list_vectors", {"segmentCount": 2, "segmentIndex": 2}, "less than segmentCount"),
        ("put_vectors", {"vectors": [vector("k" * 1025, 1, 2)]}, "'/vectors/0/key' failed to"),
        ("put_vectors", {"vectors": [vector("é" * 513, 1, 2)]}, "Record key length exceeds"),
    ],
)
def test_counts_and_lengths_are_limited(client, names, operation, request_, problem):
    """The limits are 500, 500 and 100 per call, and 1,024 characters and bytes for a key."""
    response = get_refusal(getattr(client, operation), **names, **request_)

    assert response["Error"]["Code"] == "ValidationException"
    assert problem in response["message"]


@pytest.mark.parametrize("key", ["k" * 1024, "é" * 512, " ", "a/b#%"])
def test_keys_up_to_the_limit_are_accepted(client, names, key):
    """They have any characters and up to 1,024 bytes."""
    client.put_vectors(**names, vectors=[vector(key, 1, 2)])

    assert client.get_vectors(**names, keys=[key])["vectors"] == [{"key": key}]


def test_a_listing_has_pages_of_maxresults(client, names):
    """It has each vector once, and the last page has no token."""
    client.put_vectors(**names, vectors=[vector(f"k{n}", 1, n) for n in range(7)])

    pages = list(
        client.get_paginator("list_vectors").paginate(**names, PaginationConfig={"PageSize": 3})
    )

    assert [len(page["vectors"]) for page in pages] == [3, 3, 1]
    assert {v["key"] for p in pages for v in p["vectors"]} == {f"k{n}" for n in range(7)}
    assert "nextToken" not in pages[-1]


def test_a_page_has_500_vectors_by_default(client, names):
    """This is the default of the API model."""
    for start in (0, 500):
        batch = [vector(f"k{n}", 1, n) for n in range(start, start + 500)]
        client.put_vectors(**names, vectors=batch)

    assert len(client.list_vectors(**names)["vectors"]) == 500


@pytest.mark.ours
def test_a_page_ends_after_a_megabyte(client, names):
    """The size is that of data and metadata."""
    batch = [vector(f"k{n:02}", 1, n, text="t" * 30_000) for n in range(50)]
    client.put_vectors(**names, vectors=batch[:25])
    client.put_vectors(**names, vectors=batch[25:])

    page = client.list_vectors(**names)

    assert len(page["vectors"]) == 35  # 35 times 30,032 bytes is the first sum above 1,048,576
    assert page["nextToken"]


@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_segments_partition_the_index(client, names, count):
    """Each vector is in exactly one segment, with deleted rows or without."""
    client.put_vectors(**names, vectors=[vector(f"k{n}", 1, n) for n in range(100)])
    client.delete_vectors(**names, keys=[f"k{n}" for n in range(0, 100, 3)])

    listed = [
        results["key"]
        for segment in range(count)
        for page in client.get_paginator("list_vectors").paginate(
            **names, segmentCount=count, segmentIndex=segment, PaginationConfig={"PageSize": 5}
        )
        for results in page["vectors"]
    ]

    assert sorted(listed) == sorted(f"k{n}" for n in range(100) if n % 3)


def test_a_token_is_bound_to_its_segment(client, names):
    """It cannot continue another listing."""
    client.put_vectors(**names, vectors=[vector(f"k{n}", 1, n) for n in range(9)])
    token = client.list_vectors(**names, maxResults=1, segmentCount=2, segmentIndex=0)["nextToken"]

    response = get_refusal(client.list_vectors, **names, nextToken=token)

    assert response["message"] == "Invalid nextToken"


@pytest.mark.parametrize("change", ["another index", "the index made anew"])
def test_a_token_is_bound_to_its_index(client, names, change):
    """It is bound to the creation: a new index with the same name has other rows."""
    client.put_vectors(**names, vectors=[vector(f"k{n}", 1, n) for n in range(9)])
    token = client.list_vectors(**names, maxResults=1)["nextToken"]
    if change == "another index":
        names = {**names, "indexName": "another"}
    else:
        client.delete_index(**names)
    client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")

    response = get_refusal(client.list_vectors, **names, nextToken=token)

    assert response["message"] == "Invalid nextToken"


def test_a_listing_under_writes_has_all_unchanged_vectors(client, names):
    """Deleting, overwriting and adding between pages does not repeat or omit others."""
    client.put_vectors(**names, vectors=[vector(f"k{n}", 1, n) for n in range(20)])
    first = client.list_vectors(**names, maxResults=8)
    client.delete_vectors(**names, keys=["k2", "k15"])
    client.put_vectors(**names, vectors=[vector(k, 2, 2) for k in ("new1", "new2", "k3", "k16")])

    rest = client.list_vectors(**names, nextToken=first["nextToken"])

    listed = [v["key"] for v in first["vectors"] + rest["vectors"]]
    untouched = {f"k{n}" for n in range(20)} - {"k2", "k15"}
    assert untouched <= set(listed)
    assert all(listed.count(key) == 1 for key in untouched)


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "reopen"]),
        st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 9)), min_size=1, max_size=5),
    ),
    max_size=12,
)


@given(commands=COMMANDS)
@settings(max_examples=40)
def test_any_sequence_of_puts_deletes_and_reopenings_has_the_result_of_a_dictionary(
    tmp_path_factory, commands
):
    """The dictionary is from key to vector and metadata; the index is on disk."""
    directory = tmp_path_factory.mktemp("data")
    names = {"vectorBucketName": "my-bucket", "indexName": "idx"}
    engine = Engine(directory)
    client = connect(create_client(), engine)
    client.create_vector_bucket(vectorBucketName="my-bucket")
    client.create_index(**names, dataType="float32", dimension=2, distanceMetric="cosine")
    expected = {}

    for command, items in commands:
        if command == "put":
            client.put_vectors(**names, vectors=[vector(k, 1, n, n=n) for k, n in items])
            expected.update({k: ([1.0, float(n)], {"n": n}) for k, n in items})
        elif command == "delete":
            client.delete_vectors(**names, keys=[k for k, _ in items])
            expected = {k: v for k, v in expected.items() if k not in dict(items)}
        else:
            engine.close()
            engine = Engine(directory)
            client = connect(create_client(), engine)

    listed = client.list_vectors(**names, returnData=True, returnMetadata=True)["vectors"]
    assert {v["key"]: (v["data"]["float32"], v["metadata"]) for v in listed} == expected
    query = client.query_vectors(**names, topK=100, queryVector={"float32": [1, 1]})
    assert {v["key"] for v in query["vectors"]} == set(expected)
    engine.close()


def test_numbers_are_returned_as_float32(client, names):
    """They are rounded once, when they are put."""
    client.put_vectors(**names, vectors=[vector("a", 1 / 3, 0.1)])

    [results] = client.get_vectors(**names, keys=["a"], returnData=True)["vectors"]

    # The shortest decimals for these float32 numbers
    assert results["data"]["float32"] == [0.33333334, 0.1]
