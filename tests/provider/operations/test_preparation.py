"""Vectors, settings and index are compared before a write; errors say what to change."""

from __future__ import annotations

import math
import re

import pytest

from stache_ai_s3vectors import (
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
    S3VectorsProvider,
)
from stache_ai_s3vectors.operations import insert
from support import providers

CALLS = {
    "insert": lambda p, size, number=1.0: p.insert([[number] * size], ["t"]),
    "search": lambda p, size, number=1.0: p.search([number] * size),
    "search_summaries": lambda p, size, number=1.0: p.search_summaries([number] * size),
}
ERRORS = (ConfigurationError, InvalidInputError)


def get_refusal(call, provider, size):
    """Get the message with which a vector of that size is refused."""
    with pytest.raises(ERRORS) as error:
        CALLS[call](provider, size)
    return str(error.value)


@pytest.mark.parametrize("call", CALLS)
def test_vectors_that_do_not_fit_the_settings_create_no_index(call):
    """No bucket is created either; the error names the setting to change."""
    provider = providers.create_provider(embedding_dimension=8)

    text = get_refusal(call, provider, 4)

    assert "the vectors have 4 dimensions" in text
    assert "would get 8 dimensions from Stache's settings" in text
    assert "Set EMBEDDING_DIMENSION=4" in text
    assert provider.client.list_vector_buckets()["vectorBuckets"] == []
    mended = providers.create_provider(embedding_dimension=4)
    assert len(mended.insert([[1.0] * 4], ["t"])) == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("settings, number", [(4, math.nan), (8, 1.0)], ids=["NaN", "dimension"])
def test_what_cannot_be_stored_creates_no_data_directory(call, settings, number, tmp_path):
    """What cannot be searched for creates none either. The next call creates it."""
    values = {
        "embedding_dimension": settings,
        "s3vectors_bucket_name": "my-bucket",
        "s3vectors_endpoint_url": f"local:{tmp_path / 'data'}",
    }
    provider = S3VectorsProvider(providers.create_settings(**values))

    with pytest.raises(ERRORS):
        CALLS[call](provider, 4, number)

    assert not (tmp_path / "data").exists()
    CALLS[call](provider, settings)
    assert (tmp_path / "data").exists()


def test_a_missing_index_is_reported_before_a_wrong_dimension():
    """This holds if the provider may not create indexes."""
    provider = providers.create_provider(embedding_dimension=8, s3vectors_create_index=False)

    with pytest.raises(NotFoundError):
        provider.search([1.0] * 4)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "vectors, settings, index, advice",
    [
        (4, 8, 4, "set EMBEDDING_DIMENSION=4"),
        (4, 4, 8, "set EMBEDDING_DIMENSION=8 and use an embedding model of that size, or use"),
        (4, 8, 8, "use an embedding model with 8; or set EMBEDDING_DIMENSION=4 and the name of"),
        (4, 8, 6, "set EMBEDDING_DIMENSION=6 and use an embedding model of that size"),
    ],
)
def test_the_error_names_the_three_dimensions_and_what_to_change(
    call, vectors, settings, index, advice
):
    """The index is not empty."""
    providers.create_provider(embedding_dimension=index).insert([[1.0] * index], ["t"])
    provider = providers.create_provider(embedding_dimension=settings)
    seen = providers.record_calls(provider.client)

    text = get_refusal(call, provider, vectors)

    assert {str(number) for number in (vectors, settings, index)} <= {*re.findall(r"\d+", text)}
    assert advice in text
    assert "is empty" not in text
    assert not {"PutVectors", "QueryVectors"} & {*seen}


@pytest.mark.parametrize("settings", [4, 8])
def test_the_error_about_an_empty_index_of_the_wrong_size_says_how_to_delete_it(settings):
    """A wrong setting created it; to restore that setting would not help."""
    providers.create_provider(embedding_dimension=8).get_collection_info()
    provider = providers.create_provider(embedding_dimension=settings)

    text = get_refusal("insert", provider, 4)

    assert "The index is empty. Delete it, so that one with 4 dimensions can be created" in text
    assert "`stache-s3vectors indexes delete documents --bucket my-bucket" in text
    assert "EMBEDDING_DIMENSION=8" not in text


def test_an_index_that_was_recreated_in_the_right_size_is_used():
    """The index is described again before an error, so the refused provider works as well."""
    old = providers.create_provider(embedding_dimension=8)
    old.insert([[1.0] * 8], ["t"])
    provider = providers.create_provider(embedding_dimension=4)
    assert "set EMBEDDING_DIMENSION=8" in get_refusal("search", provider, 4)
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}

    old.client.delete_index(**names)
    old.client.create_index(**names, dataType="float32", dimension=4, distanceMetric="cosine")

    assert len(provider.insert([[1.0] * 4], ["t"])) == 1
    assert len(providers.create_provider(embedding_dimension=4).search([1.0] * 4)) == 1


@pytest.mark.parametrize("fault", ["metadata", "filter", "walk"])
def test_input_that_only_the_deleted_index_refuses_is_sent_to_its_successor(fault):
    """The new index has other non-filterable keys."""
    provider = providers.create_provider()
    names = providers.create_older_index(provider)
    provider.get_collection_info()
    client = provider.client
    client.delete_index(**names)
    client.create_index(
        **names,
        dataType="float32",
        dimension=4,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow"]},
    )
    calls = {
        "metadata": lambda: provider.insert([[1.0] * 4], ["t"], [{"a": None}]),
        "filter": lambda: provider.search([1.0] * 4, filter={"text2": "t"}),
        "walk": lambda: provider.count_by_filter({"text2": "t"}),
    }
    if fault != "metadata":  # in reverse: the new index can filter on the key
        client.delete_index(**names)
        client.create_index(
            **names,
            dataType="float32",
            dimension=4,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["text2"]},
        )
        provider.get_collection_info()
        client.delete_index(**names)
        client.create_index(**names, dataType="float32", dimension=4, distanceMetric="cosine")

    calls[fault]()


def test_input_that_no_index_accepts_is_refused_without_a_call():
    """Nothing is sent for it."""
    provider = providers.create_provider()
    provider.insert([[1.0] * 4], ["t"])
    seen = providers.record_calls(provider.client)

    with pytest.raises(InvalidInputError):
        provider.insert([[1.0] * 4], ["t"], [{"a": {1, 2}}])
    with pytest.raises(InvalidInputError):
        provider.search([1.0] * 4, filter={"a": {"$regex": "b"}})

    assert seen == []


def test_an_index_that_was_recreated_with_the_euclidean_metric_takes_zeros():
    """Zeros have no cosine distance, but they have a euclidean one."""
    provider = providers.create_provider()
    provider.insert([[1.0] * 4], ["t"])
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    provider.client.delete_index(**names)
    provider.client.create_index(
        **names, dataType="float32", dimension=4, distanceMetric="euclidean"
    )

    assert len(provider.insert([[0.0] * 4], ["t"])) == 1
    assert len(provider.search([0.0] * 4)) == 1


def test_a_vector_of_booleans_is_refused_before_the_index_is_created():
    """This is as early as for any other vector that no index can store."""
    provider = providers.create_provider(embedding_dimension=2)

    with pytest.raises(InvalidInputError, match="the vector contains True"):
        provider.insert([[1.0, True]], ["t"])

    assert provider.client.list_vector_buckets()["vectorBuckets"] == []


@pytest.mark.parametrize("create_index, conversions", [(False, 1), (True, 2)])
def test_a_chunk_is_converted_twice_only_before_a_creation(create_index, conversions, monkeypatch):
    """The first insert of a process does not know whether the index exists."""
    providers.create_provider().insert([[1.0] * 4], ["t"])
    providers.close_engines(in_memory=False)
    converted = []
    convert = insert.to_metadata
    monkeypatch.setattr(insert, "to_metadata", lambda *a: converted.append(a) or convert(*a))

    providers.create_provider(s3vectors_create_index=create_index).insert([[1.0] * 4], ["t"])

    assert len(converted) == conversions
