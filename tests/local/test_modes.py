"""Index modes: ENHANCED as on AWS today, and CLASSIC as before 2026-09-30."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from s3vectors_local import Engine, connect
from support.endpoints import create_client

INDEX = {"dataType": "float32", "dimension": 1, "distanceMetric": "euclidean"}
NAMES = {"vectorBucketName": "my-bucket", "indexName": "my-index"}
BUCKET = {"vectorBucketName": "my-bucket"}
QUERY = {"topK": 1, "queryVector": {"float32": [1]}}
MANY = {"a": {"$in": list(range(101))}}


@pytest.fixture(params=["enhanced", "classic"])
def mode(request):
    return request.param


@pytest.fixture
def client(mode):
    """Return a boto3 client with a bucket of that mode and an index in it."""
    engine = Engine(bucket_mode=mode)
    client = connect(create_client(), engine)
    client.create_vector_bucket(**BUCKET)
    client.create_index(**NAMES, **INDEX)
    yield client
    engine.close()


only_enhanced = pytest.mark.parametrize("mode", ["enhanced"], indirect=True)
only_classic = pytest.mark.parametrize("mode", ["classic"], indirect=True)


def get_index_mode(client, name="my-index"):
    return client.get_index(**{**NAMES, "indexName": name})["index"]["indexMode"]


def test_new_buckets_and_indexes_have_the_mode_of_the_engine(client, mode):
    """It is the default of a bucket, and an index has that of its bucket."""
    bucket = client.get_vector_bucket(**BUCKET)["vectorBucket"]

    assert bucket["defaultIndexMode"] == mode.upper()
    assert get_index_mode(client) == mode.upper()


@only_enhanced
def test_a_new_bucket_does_not_support_classic(client):
    """Its indexes and queries do not either. The errors have AWS's text."""
    bucket = "cannot be set to CLASSIC because {} vector bucket does not support CLASSIC mode"
    for call, request, message in (
        (
            client.put_vector_bucket_default_index_mode,
            {**BUCKET, "defaultIndexMode": "CLASSIC"},
            f"defaultIndexMode {bucket.format('this')}",
        ),
        (
            client.update_index_mode,
            {**NAMES, "indexMode": "CLASSIC"},
            f"indexMode {bucket.format('the')}",
        ),
        (
            client.query_vectors,
            {**NAMES, **QUERY, "queryMode": "CLASSIC"},
            "queryMode cannot be CLASSIC when indexMode is ENHANCED",
        ),
    ):
        with pytest.raises(ClientError) as refused:
            call(**request)
        assert refused.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": message,
        }


@only_classic
def test_the_default_of_a_bucket_is_for_new_indexes(client):
    """Existing indexes keep their mode."""
    client.put_vector_bucket_default_index_mode(**BUCKET, defaultIndexMode="ENHANCED")
    client.create_index(**{**NAMES, "indexName": "newer"}, **INDEX)

    assert (get_index_mode(client), get_index_mode(client, "newer")) == ("CLASSIC", "ENHANCED")


@only_classic
def test_an_index_of_an_older_bucket_changes_to_enhanced_and_back(client):
    """Its vectors stay."""
    client.put_vectors(**NAMES, vectors=[{"key": "a", "data": {"float32": [1]}}])

    for mode in ("ENHANCED", "CLASSIC"):
        client.update_index_mode(**NAMES, indexMode=mode)
        assert get_index_mode(client) == mode
        assert [v["key"] for v in client.query_vectors(**NAMES, **QUERY)["vectors"]] == ["a"]


def test_setting_the_present_mode_changes_nothing(client, mode):
    """It is not an error."""
    client.put_vector_bucket_default_index_mode(**BUCKET, defaultIndexMode=mode.upper())
    client.update_index_mode(**NAMES, indexMode=mode.upper())

    assert get_index_mode(client) == mode.upper()


@only_classic
def test_starts_with_needs_enhanced_mode(client):
    """Either the index or the query has it."""
    starts = {"filter": {"a": {"$startsWith": "x"}}}
    metadata = {"metadata": {"a": "xy"}}
    client.put_vectors(**NAMES, vectors=[{"key": "a", "data": {"float32": [1]}, **metadata}])

    with pytest.raises(ClientError, match="Invalid filter"):
        client.query_vectors(**NAMES, **QUERY, **starts)
    results = client.query_vectors(**NAMES, **QUERY, **starts, queryMode="ENHANCED")
    assert [v["key"] for v in results["vectors"]] == ["a"]


@only_classic
def test_constraints_are_counted_in_enhanced_mode_only(client):
    """In this mode, 101 values are too many."""
    assert client.query_vectors(**NAMES, **QUERY, filter=MANY)["vectors"] == []
    with pytest.raises(ClientError, match="Invalid filter"):
        client.query_vectors(**NAMES, **QUERY, filter=MANY, queryMode="ENHANCED")


@only_classic
def test_text_search_needs_enhanced_mode(client):
    """Otherwise CreateIndex, UpdateMetadataConfiguration and queries refuse it."""
    texts = {"textSearchConfigurations": [{"metadataKey": "t"}]}
    questions = [{"metadataKey": "t", "text": "a"}]
    for call, request in (
        (
            client.create_index,
            {**NAMES, **INDEX, "indexName": "two", "metadataConfiguration": texts},
        ),
        (client.update_metadata_configuration, {**NAMES, "add": texts}),
        (client.query_vectors, {**NAMES, "topK": 1, "queryTexts": questions}),
    ):
        with pytest.raises(ClientError, match="can only be used when indexMode is ENHANCED"):
            call(**request)


@only_classic
def test_text_searches_stay_in_classic_mode(client):
    """They work again when the index is ENHANCED."""
    texts = {"textSearchConfigurations": [{"metadataKey": "t"}]}
    ask = {**NAMES, "topK": 1, "queryTexts": [{"metadataKey": "t", "text": "word"}]}
    client.update_index_mode(**NAMES, indexMode="ENHANCED")
    client.update_metadata_configuration(**NAMES, add=texts)
    while "BUILDING" in str(client.get_index(**NAMES)["index"]):
        pass
    client.update_index_mode(**NAMES, indexMode="CLASSIC")
    vector = {"key": "a", "data": {"float32": [1]}, "metadata": {"t": "a word"}}
    client.put_vectors(**NAMES, vectors=[vector])

    with pytest.raises(ClientError, match="can only be used when indexMode is ENHANCED"):
        client.query_vectors(**ask)
    with pytest.raises(ClientError, match="can only be used when indexMode is ENHANCED"):
        client.update_metadata_configuration(**NAMES, delete=texts)
    client.update_index_mode(**NAMES, indexMode="ENHANCED")
    assert [v["key"] for v in client.query_vectors(**ask)["vectors"]] == ["a"]


def test_the_mode_of_a_missing_resource_is_a_404(client):
    """The resource is a bucket or an index."""
    with pytest.raises(client.exceptions.NotFoundException, match="vector bucket could not"):
        client.put_vector_bucket_default_index_mode(
            vectorBucketName="no-bucket", defaultIndexMode="ENHANCED"
        )
    with pytest.raises(client.exceptions.NotFoundException, match="index could not be found"):
        client.update_index_mode(**{**NAMES, "indexName": "no-index"}, indexMode="ENHANCED")
