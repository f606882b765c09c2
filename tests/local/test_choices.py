"""`Choices`: alternatives for behavior that AWS does not document.

The tests of filters and distances test the other choices.
"""

from __future__ import annotations

import pytest

from s3vectors_local import Choices, Engine, ServiceError
from support.endpoints import create_client, serve

NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}
VECTOR = {"float32": [1, 2]}


def create_engine(metadata=None, **choices):
    engine = Engine(choices=Choices(**choices))
    engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    hidden = {"metadataConfiguration": {"nonFilterableMetadataKeys": ["hidden"]}}
    engine.call("CreateIndex", {**NAMES, **shape, **hidden})
    if metadata is not None:
        vectors = [{"key": "a", "data": VECTOR, "metadata": metadata}]
        engine.call("PutVectors", {**NAMES, "vectors": vectors})
    return engine


def get_metadata(engine):
    [vector] = engine.call("GetVectors", {**NAMES, "keys": ["a"], "returnMetadata": True})[
        "vectors"
    ]
    return vector["metadata"]


def is_match(engine, condition):
    query = {**NAMES, "topK": 1, "queryVector": VECTOR, "filter": condition}
    return bool(engine.call("QueryVectors", query)["vectors"])


EXACT = {
    "price": 0.1,
    "id": 2**63 + 1,
    "small": -7,
    "list": [0.1, 2**53 + 1],
    "yes": True,
    "t": "1",
}


def test_by_default_numbers_are_returned_unchanged():
    """These are integers up to 64 bits, and all double-precision numbers."""
    with create_engine({**EXACT, "hidden": 0.1}) as engine:
        assert get_metadata(engine) == {**EXACT, "hidden": 0.1}
        assert is_match(engine, {"id": 2**63 + 1})
        assert not is_match(engine, {"id": 2**63})
        assert not is_match(engine, {"price": 0.10000000149011612})


def test_numbers_can_have_single_precision():
    """Stored metadata and filters are rounded. Integers stay integers."""
    with create_engine({**EXACT, "hidden": 0.1}, numbers="single") as engine:
        assert get_metadata(engine) == {
            **EXACT,
            "price": 0.10000000149011612,
            "id": 2**63,
            "list": [0.10000000149011612, 2**53],
            "hidden": 0.10000000149011612,
        }
        assert type(get_metadata(engine)["id"]) is int
        for condition in (
            {"price": 0.1},
            {"id": 2**63 + 1},
            {"list": {"$in": [2**53 + 1]}},
            {"$and": [{"price": {"$gte": 0.1, "$lte": 0.1}}, {"small": {"$gt": -1e300}}]},
            {"yes": True},
            {"t": "1"},
        ):
            assert is_match(engine, condition), condition
        assert not is_match(engine, {"price": {"$gt": 0.1}})


@pytest.mark.parametrize("number", [1e39, -(10**39), [1, 1e300]])
def test_numbers_out_of_the_range_of_single_precision_are_refused(number):
    """Nothing is stored."""
    with create_engine(numbers="single") as engine:
        vectors = [{"key": "a", "data": VECTOR, "metadata": {"n": number}}]
        with pytest.raises(ServiceError, match="record for key 'a': .* finite in single precision"):
            engine.call("PutVectors", {**NAMES, "vectors": vectors})
        assert engine.call("ListVectors", NAMES)["vectors"] == []


TWICE = {**NAMES, "vectors": [{"key": k, "data": {"float32": [n, 1]}} for n, k in enumerate("aba")]}


def test_by_default_the_last_of_equal_keys_wins():
    """This holds in one request as in two."""
    with create_engine() as engine:
        engine.call("PutVectors", TWICE)

        results = engine.call("GetVectors", {**NAMES, "keys": ["a"], "returnData": True})
        assert results["vectors"][0]["data"]["float32"].tolist() == [2, 1]


def test_equal_keys_can_be_refused():
    """None of the request is stored."""
    with create_engine(repeated_keys="refused") as engine:
        with pytest.raises(ServiceError, match="for key 'a': the request repeats the key"):
            engine.call("PutVectors", TWICE)

        assert engine.call("ListVectors", NAMES)["vectors"] == []


def search_text(engine, query):
    text = {"queryTexts": [{"metadataKey": "text", "text": query}]}
    return [v["key"] for v in engine.call("QueryVectors", {**NAMES, "topK": 9, **text})["vectors"]]


def create_text_engine(directory=None, **choices):
    """Create an engine with `os.path.join` in a text, and wait until it is searchable."""
    engine = Engine(directory, choices=Choices(**choices))
    if not engine.call("ListVectorBuckets", {})["vectorBuckets"]:
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
        shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
        texts = {"textSearchConfigurations": [{"metadataKey": "text"}]}
        engine.call("CreateIndex", {**NAMES, **shape, "metadataConfiguration": texts})
        vector = {"key": "a", "data": VECTOR, "metadata": {"text": "Call os.path.join twice."}}
        engine.call("PutVectors", {**NAMES, "vectors": [vector]})
    engine.call("GetIndex", NAMES)  # this call starts the builder
    engine._builder.wait()
    return engine


def test_by_default_words_follow_unicode():
    """Lucene's standard analyzer has the same words."""
    with create_text_engine() as engine:
        assert search_text(engine, "OS.PATH.JOIN") == ["a"]
        assert search_text(engine, "path") == []


def test_words_can_be_runs_of_letters_and_digits():
    """A search then finds a part of a dotted name."""
    with create_text_engine(analyzer="words") as engine:
        assert search_text(engine, "path") == ["a"]


def test_a_directory_is_reindexed_for_the_other_choice(tmp_path):
    """So texts and queries have the same terms."""
    for analyzer, expected in (("uax29", []), ("words", ["a"]), ("uax29", [])):
        with create_text_engine(tmp_path, analyzer=analyzer) as engine:
            assert search_text(engine, "path") == expected
            assert search_text(engine, "os.path.join") == ["a"]


def test_the_command_has_the_options():
    """Clients over HTTP need them."""
    with serve("--numbers", "single", "--repeated-keys", "refused", "--analyzer", "words") as url:
        client = create_client(endpoint_url=url)
        client.create_vector_bucket(vectorBucketName="my-bucket")
        client.create_index(**NAMES, dataType="float32", dimension=2, distanceMetric="cosine")
        with pytest.raises(client.exceptions.ValidationException, match="repeats the key"):
            client.put_vectors(**TWICE)
        client.put_vectors(
            **NAMES, vectors=[{"key": "a", "data": VECTOR, "metadata": {"price": 0.1}}]
        )
        results = client.get_vectors(**NAMES, keys=["a"], returnMetadata=True)["vectors"]
        assert results[0]["metadata"] == {"price": 0.10000000149011612}
        client.close()
