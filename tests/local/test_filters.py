"""The filter language, case by case and compared with an independent reference."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from s3vectors_local import Choices, Engine
from s3vectors_local.limits import FILTER_DEPTH

pytestmark = pytest.mark.aws

STORED: dict[str, dict[str, Any]] = {
    "film": {"genre": "drama", "year": 1994, "seen": True, "loc.line": 7},
    "book": {"genre": "docs", "year": 2020.5, "tags": ["red", "green"], "text": "unfilterable"},
    "disc": {"year": 1994, "seen": False, "sizes": [1, 2], "genre": "1994"},
    "bare": {},
}
EVERYTHING = sorted(STORED)

CASES = [
    # implicit and explicit equality
    ({"genre": "drama"}, ["film"]),
    ({"genre": {"$eq": "drama"}}, ["film"]),
    ({"year": 1994}, ["disc", "film"]),
    ({"year": 1994.0}, ["disc", "film"]),
    ({"seen": True}, ["film"]),
    ({"seen": False}, ["disc"]),
    ({"loc.line": 7}, ["film"]),
    # against an array: any element
    ({"tags": "red"}, ["book"]),
    ({"sizes": 2}, ["disc"]),
    ({"tags": "re"}, []),
    # types never mix
    ({"year": "1994"}, []),
    ({"genre": 1994}, []),
    ({"seen": 1}, []),
    ({"sizes": True}, []),
    # inequality; a missing key is unequal (our choice)
    ({"genre": {"$ne": "drama"}}, ["bare", "book", "disc"]),
    ({"tags": {"$ne": "red"}}, ["bare", "disc", "film"]),
    # order: numbers only
    ({"year": {"$gt": 1994}}, ["book"]),
    ({"year": {"$gte": 1994}}, ["book", "disc", "film"]),
    ({"year": {"$lt": 2020.5}}, ["disc", "film"]),
    ({"year": {"$lte": 2020.5}}, ["book", "disc", "film"]),
    ({"year": {"$gte": 1990, "$lt": 2000}}, ["disc", "film"]),
    ({"genre": {"$gt": 0}}, []),
    ({"sizes": {"$gt": 0}}, []),
    ({"seen": {"$gte": 0}}, []),
    # membership, mixed types allowed
    ({"genre": {"$in": ["docs", "drama", 5]}}, ["book", "film"]),
    ({"tags": {"$in": ["green", "blue"]}}, ["book"]),
    ({"year": {"$nin": [1994]}}, ["bare", "book"]),
    ({"tags": {"$nin": ["green"]}}, ["bare", "disc", "film"]),
    # presence
    ({"seen": {"$exists": True}}, ["disc", "film"]),
    ({"seen": {"$exists": False}}, ["bare", "book"]),
    # prefix
    ({"genre": {"$startsWith": "d"}}, ["book", "film"]),
    ({"genre": {"$startsWith": ""}}, ["book", "disc", "film"]),
    ({"tags": {"$startsWith": "gr"}}, ["book"]),
    ({"year": {"$startsWith": "19"}}, []),
    # combination
    ({"$and": [{"year": 1994}, {"seen": True}]}, ["film"]),
    ({"$or": [{"seen": False}, {"tags": "red"}]}, ["book", "disc"]),
    (
        {"$and": [{"$or": [{"seen": True}, {"seen": False}]}, {"genre": {"$ne": "x"}}]},
        ["disc", "film"],
    ),
    ({"$or": [{"seen": {"$exists": False}}, {"$and": [{"seen": True}]}]}, ["bare", "book", "film"]),
    # missing keys
    ({"nothing": 1}, []),
    ({"nothing": {"$exists": False}}, EVERYTHING),
]

REFUSED = [
    {},
    {"a": 1, "b": 2},
    {"a": {}},
    {"a": None},
    {"a": [1]},
    {"a": {"$eq": None}},
    {"a": {"$eq": [1]}},
    {"a": {"$ne": {"b": 1}}},
    {"a": {"$gt": "1"}},
    {"a": {"$gt": True}},
    {"a": {"$in": []}},
    {"a": {"$in": "x"}},
    {"a": {"$nin": [None]}},
    {"a": {"$in": [["x"]]}},
    {"a": {"$exists": 1}},
    {"a": {"$startsWith": 1}},
    {"a": {"$regex": "x"}},
    {"a": {"b": 1}},
    {"a": {"$and": [{"$eq": 1}]}},
    {"$and": []},
    {"$or": {}},
    {"$and": [{}]},
    {"$and": [{"a": 1, "b": 2}]},
    {"$and": ["a"]},
    {"$not": {"a": 1}},
    {"$nor": [{"a": 1}]},
    {"$eq": 1},
    {"text": "unfilterable"},
    {"$or": [{"genre": "x"}, {"text": {"$exists": True}}]},
    [{"a": 1}],
    "a = 1",
    7,
    {"a": {"$in": list(range(101))}},
    {"$and": [{"a": {"$nin": list(range(99))}}, {"b": 1}, {"c": 2}]},
]


@pytest.fixture
def query_stored(client, bucket):
    """Store the four vectors above, and return a function that queries them."""
    names = {"vectorBucketName": bucket, "indexName": "idx"}
    client.create_index(
        **names,
        dataType="float32",
        dimension=1,
        distanceMetric="euclidean",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
    )
    client.put_vectors(
        **names,
        vectors=[{"key": k, "data": {"float32": [1]}, "metadata": m} for k, m in STORED.items()],
    )
    return lambda **request: client.query_vectors(
        **names, topK=10, queryVector={"float32": [1]}, **request
    )


@pytest.mark.parametrize("condition, expected", CASES, ids=str)
def test_a_filter_matches_exactly_the_expected_vectors(query_stored, condition, expected):
    results = query_stored(filter=condition)["vectors"]

    assert sorted(vector["key"] for vector in results) == expected


@pytest.mark.parametrize("condition", REFUSED, ids=lambda value: str(value)[:60])
def test_an_invalid_filter_is_refused_with_awss_text(query_stored, condition):
    """All have the same message, with the path."""
    with pytest.raises(ClientError) as refused:
        query_stored(filter=condition)

    response = refused.value.response
    assert response["Error"] == {"Code": "ValidationException", "Message": "Invalid filter"}
    assert response["fieldList"] == [{"path": "filter", "message": "Invalid filter"}]


def test_a_hundred_constraints_are_allowed(query_stored):
    """$in counts its values; $and and $or do not count."""
    condition = {"$and": [{"$or": [{"year": {"$in": list(range(1995, 2094))}}, {"year": 1994}]}]}

    assert len(query_stored(filter=condition)["vectors"]) == 2


def nest(depth):
    condition = {"year": 1994}
    for _ in range(depth):
        condition = {"$and": [condition]}
    return condition


@pytest.mark.ours
def test_nesting_is_limited(query_stored):
    """AWS documents no limit. Ours prevents a stack overflow."""
    assert len(query_stored(filter=nest(FILTER_DEPTH))["vectors"]) == 2
    with pytest.raises(ClientError, match="Invalid filter"):
        query_stored(filter=nest(FILTER_DEPTH + 1))


PRIMITIVES = st.one_of(st.sampled_from(["", "a", "ab", "b"]), st.integers(0, 3), st.booleans())
METADATA = st.dictionaries(
    st.sampled_from("xyz"),
    st.one_of(
        PRIMITIVES,
        st.floats(0, 3),
        st.lists(st.sampled_from(["", "a", "ab"]), min_size=1, max_size=3),
        st.lists(st.integers(0, 3), min_size=1, max_size=3),
    ),
)
NUMBERS = st.one_of(st.integers(0, 3), st.floats(0, 3))
OPERATORS = st.one_of(
    PRIMITIVES,
    st.builds(lambda o, v: {o: v}, st.sampled_from(["$eq", "$ne"]), PRIMITIVES),
    st.builds(lambda o, v: {o: v}, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), NUMBERS),
    st.builds(
        lambda o, v: {o: v},
        st.sampled_from(["$in", "$nin"]),
        st.lists(PRIMITIVES, min_size=1, max_size=3),
    ),
    st.builds(lambda v: {"$exists": v}, st.booleans()),
    st.builds(lambda v: {"$startsWith": v}, st.sampled_from(["", "a", "ab"])),
    st.builds(lambda low, high: {"$gte": low, "$lte": high}, NUMBERS, NUMBERS),
)
FILTERS = st.recursive(
    st.builds(lambda key, operand: {key: operand}, st.sampled_from("xyz"), OPERATORS),
    lambda parts: st.builds(
        lambda o, v: {o: v},
        st.sampled_from(["$and", "$or"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def to_typed(value):
    """Return a value that equals another only if the JSON is: true is not 1, but 1 is 1.0."""
    return (isinstance(value, bool), value)


CHOICES = [
    Choices(missing_key, array_negation)
    for missing_key in ("match", "no-match")
    for array_negation in ("no-element", "any-element")
]


def match_reference(condition, metadata, choices):
    """Match a filter with a second implementation of the language's specification."""
    [(key, operand)] = condition.items()
    if key in ("$and", "$or"):
        together = all if key == "$and" else any
        return together([match_reference(part, metadata, choices) for part in operand])
    tests = operand if isinstance(operand, dict) else {"$eq": operand}
    value = metadata.get(key)
    values = value if isinstance(value, list) else [] if value is None else [value]
    actual = set(map(to_typed, values))
    results = []
    for name, expected in tests.items():
        operands = set(map(to_typed, expected if isinstance(expected, list) else [expected]))
        if name in ORDER:
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            results.append(number and ORDER[name](value, expected))
        elif name == "$exists":
            results.append(bool(values) == expected)
        elif name == "$startsWith":
            results.append(any(str(v).startswith(expected) for v in values if isinstance(v, str)))
        elif name in ("$eq", "$in"):
            results.append(bool(actual & operands))
        elif not actual:
            results.append(choices.missing_key == "match")
        elif choices.array_negation == "any-element":
            results.append(bool(actual - operands))
        else:
            results.append(not actual & operands)
    return all(results)


@pytest.mark.parametrize("choices", CHOICES, ids=str)
@settings(max_examples=150)
@given(condition=FILTERS, documents=st.lists(METADATA, max_size=12), data=st.data())
def test_matching_agrees_with_an_independent_reference(choices, condition, documents, data):
    """Filter, vectors and choice are arbitrary. Some vectors are overwritten or deleted."""
    engine = Engine(choices=choices)
    names = {"vectorBucketName": "my-bucket", "indexName": "idx"}
    engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    engine.call(
        "CreateIndex",
        {**names, "dataType": "float32", "dimension": 1, "distanceMetric": "euclidean"},
    )
    expected = {}
    for number, metadata in enumerate(documents):
        key = f"k{data.draw(st.integers(0, number))}"  # often an existing one
        vector = {"key": key, "data": {"float32": [1]}, "metadata": metadata}
        engine.call("PutVectors", {**names, "vectors": [vector]})
        expected[key] = metadata
    for key in data.draw(st.lists(st.sampled_from([*expected, "none"]), max_size=3)):
        engine.call("DeleteVectors", {**names, "keys": [key]})
        expected.pop(key, None)

    query = {"topK": 20, "queryVector": {"float32": [1]}, "filter": condition}
    results = {v["key"] for v in engine.call("QueryVectors", {**names, **query})["vectors"]}

    passing = {key for key, entry in expected.items() if match_reference(condition, entry, choices)}
    assert results == passing
    engine.close()
