"""Pages and segments return each vector once, even while others are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3vectors_local import Engine
from s3vectors_local.limits import LIST_PAGE_BYTES

NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}


def create_filled_engine(count, **metadata):
    engine = Engine()
    engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    index = {"dataType": "float32", "dimension": 1, "distanceMetric": "euclidean"}
    hidden = {"metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]}}
    engine.call("CreateIndex", {**NAMES, **index, **hidden})
    put(engine, [f"k{n}" for n in range(count)], **metadata)
    return engine


def put(engine, keys, **metadata):
    for start in range(0, len(keys), 500):
        vectors = [
            {"key": key, "data": {"float32": [1]}, "metadata": metadata}
            for key in keys[start : start + 500]
        ]
        engine.call("PutVectors", {**NAMES, "vectors": vectors})


def list_pages(engine, operation="ListVectors", between=lambda: None, **request):
    """Return the keys of each page; call `between` after each page."""
    token = {}
    while token is not None:
        page = engine.call(operation, {**NAMES, **request, **token})
        yield [vector["key"] for vector in page["vectors"]]
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else None
        between()


@settings(max_examples=60)
@given(
    count=st.integers(0, 60),
    size=st.integers(1, 25),
    segments=st.integers(1, 16),
    writes=st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=12),
)
def test_pages_and_segments_return_each_unchanged_vector_once(count, size, segments, writes):
    """Others are overwritten, deleted and put between the pages."""
    engine = create_filled_engine(count)
    engine.call("DeleteVectors", {**NAMES, "keys": ["k1", "k3", "k5"]})  # leaves free rows
    put(engine, ["k3"])
    turns = iter(writes)

    def write():
        keys = [f"k{n}" for n in next(turns, [])]
        if keys:
            engine.call("DeleteVectors", {**NAMES, "keys": keys[::2]})
            put(engine, [*keys[1::2], *(f"new-{key}" for key in keys)])

    results = [
        key
        for segment in range(segments)
        for page in list_pages(
            engine, between=write, maxResults=size, segmentCount=segments, segmentIndex=segment
        )
        for key in page
    ]

    touched = {f"k{n}" for turn in writes for n in turn} | {"k1", "k5"}
    untouched = [f"k{n}" for n in range(count) if f"k{n}" not in touched]
    assert sorted(key for key in results if key in untouched) == sorted(untouched)
    engine.close()


@pytest.mark.parametrize("segments", [2, 16])
def test_segments_have_similar_sizes(segments):
    """So parallel listing is faster."""
    engine = create_filled_engine(1600)
    sizes = [
        sum(map(len, list_pages(engine, segmentCount=segments, segmentIndex=segment)))
        for segment in range(segments)
    ]

    assert sizes == [1600 // segments] * segments
    engine.close()


def test_a_page_ends_when_a_mebibyte_has_been_read():
    """With metadata of 40 KB, it has 27 vectors for any maxResults."""
    engine = create_filled_engine(60, text="x" * 40_000)

    sizes = [len(page) for page in list_pages(engine, maxResults=1000)]

    assert sizes == [27, 27, 6]
    assert 26 * 40_000 < LIST_PAGE_BYTES < 27 * 40_024
    engine.close()


@settings(max_examples=20)
@given(count=st.integers(1, 450), top_k=st.integers(1, 500))
def test_pages_of_a_query_are_its_ranking_in_order(count, top_k):
    """Equal distances are in the order of rows. A page has at most 100 vectors."""
    engine = create_filled_engine(count)

    results = list(list_pages(engine, "QueryVectors", topK=top_k, queryVector={"float32": [2]}))

    assert [len(page) for page in results[:-1]] == [100] * (len(results) - 1)
    assert 0 < len(results[-1]) <= 100
    assert [key for page in results for key in page] == [f"k{n}" for n in range(min(count, top_k))]
    engine.close()


def test_the_largest_top_k_has_a_hundred_pages():
    """The maximum is 10,000 results."""
    engine = create_filled_engine(10_050)

    results = list(list_pages(engine, "QueryVectors", topK=10_000, queryVector={"float32": [2]}))

    assert len(results) == 100
    assert len({key for page in results for key in page}) == 10_000
    engine.close()


def test_a_page_after_a_write_is_of_the_new_ranking():
    """A deleted vector is no longer in it."""
    engine = create_filled_engine(150)
    query = {"topK": 150, "queryVector": {"float32": [2]}}
    delete = {**NAMES, "keys": [f"k{n}" for n in range(100, 150)]}

    def write():
        engine.call("DeleteVectors", delete)

    first, *rest = list_pages(engine, "QueryVectors", write, **query)

    assert len(first) == 100
    assert rest == [[]]
    engine.close()
