"""Vectors, settings and index are compared before anything is made; errors say what to change."""

from __future__ import annotations

import re

import pytest

import stache
from stache_ai_s3vectors import ConfigurationError, InvalidInputError, NotFoundError

CALLS = {
    "insert": lambda p, size: p.insert([[1.0] * size], ["t"]),
    "search": lambda p, size: p.search([1.0] * size),
    "search_summaries": lambda p, size: p.search_summaries([1.0] * size),
}
ERRORS = (ConfigurationError, InvalidInputError)


def refused(call, provider, size):
    """The message with which a vector of that size is refused."""
    with pytest.raises(ERRORS) as error:
        CALLS[call](provider, size)
    return str(error.value)


@pytest.mark.parametrize("call", CALLS)
def test_vectors_that_do_not_fit_the_settings_make_no_index(call):
    """Nor a bucket; the error names the setting that makes it fit."""
    provider = stache.provider(embedding_dimension=8)

    text = refused(call, provider, 4)

    assert "the vectors have 4 dimensions" in text
    assert "would get the 8 that Stache's settings say" in text
    assert "set EMBEDDING_DIMENSION=4" in text
    assert provider.client.list_vector_buckets()["vectorBuckets"] == []
    mended = stache.provider(embedding_dimension=4)
    assert len(mended.insert([[1.0] * 4], ["t"])) == 1


def test_where_indexes_are_not_made_a_missing_one_is_missing():
    """Whatever the vectors are."""
    provider = stache.provider(embedding_dimension=8, s3vectors_create_index=False)

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
def test_the_three_numbers_are_named_with_what_to_change(call, vectors, settings, index, advice):
    """The index holds something."""
    stache.provider(embedding_dimension=index).insert([[1.0] * index], ["t"])
    provider = stache.provider(embedding_dimension=settings)
    seen = stache.calls(provider.client)

    text = refused(call, provider, vectors)

    assert {str(number) for number in (vectors, settings, index)} <= {*re.findall(r"\d+", text)}
    assert advice in text
    assert "is empty" not in text
    assert not {"PutVectors", "QueryVectors"} & {*seen}


@pytest.mark.parametrize("settings", [4, 8])
def test_an_empty_index_of_the_wrong_size_is_named_with_how_to_delete_it(settings):
    """It was made by a setting that was wrong; to put the setting back would be no help."""
    stache.provider(embedding_dimension=8).get_collection_info()
    provider = stache.provider(embedding_dimension=settings)

    text = refused("insert", provider, 4)

    assert (
        "The index is empty: `stache-s3vectors indexes delete documents --bucket my-bucket" in text
    )
    assert "EMBEDDING_DIMENSION=8" not in text


def test_an_index_that_was_made_anew_in_the_right_size_is_used():
    """By the provider that was refused, and by a new one; it is asked once more before an error."""
    old = stache.provider(embedding_dimension=8)
    old.insert([[1.0] * 8], ["t"])
    provider = stache.provider(embedding_dimension=4)
    assert "set EMBEDDING_DIMENSION=8" in refused("search", provider, 4)
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}

    old.client.delete_index(**names)
    old.client.create_index(**names, dataType="float32", dimension=4, distanceMetric="cosine")

    assert len(provider.insert([[1.0] * 4], ["t"])) == 1
    assert len(stache.provider(embedding_dimension=4).search([1.0] * 4)) == 1


@pytest.mark.parametrize("fault", ["metadata", "filter", "walk"])
def test_what_only_the_index_of_before_refused_is_tried_with_the_one_of_now(fault):
    """Its non-filterable keys are others since."""
    provider = stache.provider()
    names = stache.older_index(provider)
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
    if fault != "metadata":  # the other way round: the key can be filtered on by now
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


def test_input_that_no_index_would_take_is_refused_without_asking():
    """Nothing is sent for it."""
    provider = stache.provider()
    provider.insert([[1.0] * 4], ["t"])
    seen = stache.calls(provider.client)

    with pytest.raises(InvalidInputError):
        provider.insert([[1.0] * 4], ["t"], [{"a": {1, 2}}])
    with pytest.raises(InvalidInputError):
        provider.search([1.0] * 4, filter={"a": {"$regex": "b"}})

    assert seen == []


def test_an_index_that_was_made_anew_with_another_metric_takes_zeros():
    """Cosine has no distance for them, euclidean has."""
    provider = stache.provider()
    provider.insert([[1.0] * 4], ["t"])
    names = {"vectorBucketName": "my-bucket", "indexName": "documents"}
    provider.client.delete_index(**names)
    provider.client.create_index(
        **names, dataType="float32", dimension=4, distanceMetric="euclidean"
    )

    assert len(provider.insert([[0.0] * 4], ["t"])) == 1
    assert len(provider.search([0.0] * 4)) == 1


def test_a_vector_of_booleans_is_refused_before_the_index_is_created():
    """No later than any other vector that no index can store."""
    provider = stache.provider(embedding_dimension=2)

    with pytest.raises(InvalidInputError, match="the vector holds True"):
        provider.insert([[1.0, True]], ["t"])

    assert provider.client.list_vector_buckets()["vectorBuckets"] == []
