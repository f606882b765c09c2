"""Chunks become records and chunks again, by the fast conversion and by the general one."""

from __future__ import annotations

import json
from collections import OrderedDict
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stache_ai_s3vectors import InvalidInputError
from stache_ai_s3vectors.chunks.records import (
    _convert_general,
    _convert_simple,
    from_metadata,
    to_metadata,
)
from stache_ai_s3vectors.chunks.sizes import metadata_size
from stache_ai_s3vectors.service.metadata_keys import ACTIVE, DEFAULT_NAMESPACE, NAMESPACE, STATUS
from support import providers

HIDDEN = frozenset({"text", "_overflow"})
VECTOR = [1.0, 2.0, 3.0, 4.0]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.one_of(
    st.integers(-(10**25), 10**25), st.floats(allow_nan=False, allow_infinity=False, width=64)
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda parts: st.one_of(st.lists(parts, max_size=4), st.dictionaries(TEXTS, parts, max_size=3)),
    max_leaves=6,
)
KEYS = st.one_of(st.sampled_from(["namespace", "status", "_type", "text", "doc_id"]), TEXTS).filter(
    lambda key: key != "_overflow"
)
SIMPLE = st.dictionaries(
    KEYS,
    st.one_of(TEXTS, st.integers(-(2**25), 2**25), st.booleans(), st.lists(TEXTS, max_size=4)),
    max_size=8,
)
SIZED = st.fixed_dictionaries(
    {"a": st.integers(1900, 2100).map("x".__mul__)}, optional={"b": TEXTS, "c": st.just(["x"] * 9)}
)


def get_outcome(function, *arguments):
    """Return the function's result, or "refused"."""
    try:
        return function(*arguments)
    except InvalidInputError:
        return "refused"


@given(TEXTS, st.one_of(SIMPLE, SIZED), st.one_of(st.none(), TEXTS), st.booleans())
def test_the_fast_conversion_returns_what_the_general_one_returns_or_nothing(
    text, metadata, namespace, older
):
    """Almost every chunk takes the fast one."""
    hidden = frozenset({"text"}) if older else HIDDEN

    short = _convert_simple(text, metadata, namespace, hidden)

    if short is not None:
        assert short == get_outcome(_convert_general, text, metadata, namespace, hidden)


def test_ordinary_chunks_take_the_fast_conversion():
    """It would otherwise save no time."""
    metadata = {"filename": "a.pdf", "chunk_index": 3, "tags": ["x"], "ok": True, "title": "Grüße"}

    assert _convert_simple("text" * 500, metadata, "ns", HIDDEN) is not None


@given(TEXTS, st.dictionaries(KEYS, VALUES, max_size=12), st.one_of(st.none(), TEXTS))
def test_records_become_the_same_chunks_again(text, metadata, namespace):
    """Types stay the same as well, however they are packed; JSON has no tuples."""
    stored = get_outcome(to_metadata, text, metadata, namespace, HIDDEN)
    if stored == "refused":
        return
    assert stored.metadata == json.loads(json.dumps(stored.metadata))
    filterable = {key: value for key, value in stored.metadata.items() if key not in HIDDEN}
    assert metadata_size(filterable) <= 2048

    chunk = from_metadata("id", stored.metadata)

    expected = {key: value for key, value in metadata.items() if key != "text"}
    expected[NAMESPACE] = namespace or expected.get(NAMESPACE) or DEFAULT_NAMESPACE
    if expected.get(STATUS) is None:
        expected[STATUS] = ACTIVE
    assert chunk.text == text
    assert chunk.metadata == expected
    assert repr(sorted(chunk.metadata.items())) == repr(sorted(expected.items()))


class Level(IntEnum):
    """A number with a name."""

    HIGH = 3


class Name(str):
    """A string of another class."""

    __slots__ = ()


class Word(str, Enum):
    """A string with a name."""

    ONE = "one"


class Real(float):
    """A float of another class."""

    __slots__ = ()


class Big(int):
    """An integer of another class."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value, expected",
    [
        (2**63, 2**63),
        (-(10**30), -(10**30)),
        ([2**70, 1], [2**70, 1]),
        (2**100, 2**100),
        (1e308, 1e308),
        (0.1, 0.1),
        ([0.1, 2], [0.1, 2]),
        (-0.0, -0.0),
        (("a", "b"), ["a", "b"]),
        (Level.HIGH, 3),
        (Name("x"), "x"),
        (Word.ONE, "one"),
        ([Word.ONE, "two"], ["one", "two"]),
        (Real(0.5), 0.5),
        ([Real(0.1)], [0.1]),
        (Big(2**70), 2**70),
        (Big(7), 7),
        (OrderedDict(a=1), {"a": 1}),
        ([True, False], [True, False]),
        ([], []),
        ({}, {}),
        (None, None),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_unusual_values_are_returned_unchanged(value, expected):
    """They go through the service and return as JSON has them."""
    provider = providers.create_provider()

    provider.insert([VECTOR], ["t"], [{"value": value}], ["a"])

    [row] = provider.get_by_ids(["a"])
    assert (row["value"], type(row["value"])) == (expected, type(expected))


@pytest.mark.parametrize("key", [Name("key"), Word.ONE])
def test_keys_of_subclasses_of_str_are_stored_as_strings(key):
    """Filters accept such keys as well."""
    provider = providers.create_provider()

    provider.insert([VECTOR], ["t"], [{key: Real(0.5)}], ["a"])

    [row] = provider.get_by_ids(["a"])
    assert row[str.__str__(key)] == 0.5
    assert len(provider.search(VECTOR, filter={key: Real(0.5)})) == 1
    assert len(provider.search(VECTOR, filter={key: {"$in": [Word.ONE, Real(0.5)]}})) == 1


def test_an_older_index_stores_integers_that_would_come_back_as_floats():
    """Its filterable `_overflow` holds them."""
    provider = providers.create_provider()
    providers.create_older_index(provider)

    provider.insert([VECTOR], ["t"], [{"n": 2**63}], ["a"])

    assert provider.get_by_ids(["a"])[0]["n"] == 2**63


@pytest.mark.parametrize(
    "call, problem",
    [
        (lambda p: p.search(VECTOR, filter={"n": 2**64}), r"compares with 18446744073709551616"),
        (lambda p: p.search(VECTOR, filter={"\ud800": 1}), "filter operator"),
        (lambda p: p.search(VECTOR, namespace="\ud800"), "the namespace is"),
        (lambda p: p.delete(["a"], namespace=""), "the namespace is ''"),
        (lambda p: p.delete(namespace="ns", filter={}), "it would delete everything"),
        (lambda p: p.update_status(["a"], "", "deleting"), "the namespace is ''"),
        (lambda p: p.update_status(["a"], None, "\ud800"), "the status is"),
        (lambda p: p.update_status(["a"], None, 5), "the status is 5"),
        (lambda p: p.insert([VECTOR], ["t"], [{"namespace": np.ones(2)}]), "the namespace is"),
        (lambda p: p.insert([np.ma.masked_array([1, 2, 3, 4], [0, 1, 0, 0])], ["t"]), "Masked"),
        (lambda p: p.insert([np.ones((2, 4))], ["t"]), "with 2 dimensions, not a list"),
        (lambda p: p.insert(np.array([[True] * 4]), ["t"]), "of bool with 1 dimensions"),
        (lambda p: p.count_by_filter(nest_filter(5000)), "nested too deeply"),
    ],
)
def test_impossible_input_is_refused_with_a_clear_error(call, problem):
    """The error is not that of a library below."""
    provider = providers.create_provider()
    provider.insert([VECTOR], ["t"], ids=["a"])

    with pytest.raises(InvalidInputError, match=problem):
        call(provider)

    assert provider.count_by_filter({}) == 1


@pytest.mark.parametrize("odd", [True, Decimal(1), "1", None])
def test_a_value_that_is_not_a_number_is_refused_before_the_first_batch_is_sent(odd):
    """The first batch would otherwise be stored."""
    provider = providers.create_provider()
    vectors = [VECTOR] * 1200
    vectors[1100] = [1.0, odd, 3.0, 4.0]

    with pytest.raises(InvalidInputError, match=r"item 1100 .*which is not a number"):
        provider.insert(vectors, ["t"] * 1200)

    assert provider.count_by_filter({}) == 0


def test_numbers_that_json_writers_do_not_know_are_stored_as_floats():
    """Fractions and integers of more than 64 bits are among arrays, in several batches."""
    provider = providers.create_provider()
    odd = [[Fraction(1, 2), 2**70, 3, 4.0], np.ones(4), (1, 2, 3, 4)]

    ids = provider.insert(odd * 200, ["t"] * 600)

    rows = provider.get_vectors_with_embeddings(ids[597:])
    vectors = [row["vector"] for row in rows]
    assert vectors == [pytest.approx([0.5, 2.0**70, 3, 4]), [1] * 4, [1, 2, 3, 4]]


def test_a_string_is_not_a_list_of_ids():
    """It would be an id for each letter."""
    with pytest.raises(InvalidInputError, match="ids is 'ab'; it must be a list of ids"):
        providers.create_provider().delete("ab")


def nest_filter(levels):
    """Nest a filter in a number of filters."""
    document = {"a": 1}
    for _ in range(levels):
        document = {"$and": [document]}
    return document


def test_ids_can_be_an_array():
    """Any collection of strings works."""
    provider = providers.create_provider()

    assert provider.insert([VECTOR], ["t"], ids=np.array(["a"])) == ["a"]


def test_a_damaged_overflow_stops_no_call():
    """Scans that do not need it ignore it; a read of the vector returns it as it is."""
    provider = providers.create_provider()
    provider.insert([VECTOR], ["t"], [{"doc_id": "d"}], ["a"])
    metadata = {"text": "t", "doc_id": "d", "status": "active", "_overflow": '[["a",1]]'}
    provider.client.put_vectors(
        vectorBucketName="my-bucket",
        indexName="documents",
        vectors=[{"key": "x", "data": {"float32": VECTOR}, "metadata": metadata}],
    )

    assert provider.get_by_ids(["x"])[0]["_overflow"] == '[["a",1]]'
    assert provider.count_by_filter({"doc_id": "d"}) == 2
    assert provider.delete_by_metadata("doc_id", "d")["deleted"] == 2


@pytest.mark.parametrize(
    "vector, problem",
    [
        ([1.0, 2.0, True, 4.0], "the vector contains True, which is not a number"),
        ([1.0, "2", 3.0, 4.0], "the vector contains '2', which is not a number"),
        ([1.0, None, 3.0, 4.0], "the vector contains None"),
        ([1.0, [2.0], 3.0, 4.0], r"the vector contains \[2.0\]"),
        ([1.0, float("nan"), 3.0, 4.0], "NaN or infinity"),
        ([1.0, float("-inf"), 3.0, 4.0], "NaN or infinity"),
        ([float("inf"), float("nan"), 3.0, 4.0], "NaN or infinity"),
        ([1e39, 0, 0, 0], r"1e\+39, which is out of the range of float32"),
        ([10**400, 0, 0, 0], "out of the range of float32"),
        ([1e308, 1e308, 1e308, 1e308], "out of the range of float32"),
        ([1e-46, 0, 0, 0], "all zeros"),
        ([0, 0, 0, 0], "all zeros"),
        ({1, 2, 3, 4}, "the vector is a set"),
    ],
)
def test_the_error_names_a_vector_that_cannot_be_stored(vector, problem):
    """It shows the wrong value among the numbers."""
    with pytest.raises(InvalidInputError, match=f"item 1 .*{problem}"):
        providers.create_provider().insert([VECTOR, vector], ["t", "t"])


@pytest.mark.parametrize(
    "vector",
    [
        [3e38, 3e38, 3e38, 3e38],
        [2e-45, 0.0, 0.0, 0.0],
        [1, 2, 3, 4],
        [3.4028234663852886e38, 0, 0, 0],
    ],
)
def test_a_vector_at_the_limit_of_float32_is_stored(vector):
    """Its length is beyond float32, but its elements are not."""
    provider = providers.create_provider()
    providers.create_older_index(provider, "euclidean")

    provider.insert([vector], ["t"], ids=["a"])

    assert provider.get_by_ids(["a"])
