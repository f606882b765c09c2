"""The types, sizes and limits of metadata."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from s3vectors_local.validation import metadata_size
from stache_ai_s3vectors.chunks import records

pytestmark = pytest.mark.aws


def put(client, names, metadata):
    entry = {"key": "a", "data": {"float32": [1, 2]}, "metadata": metadata}
    client.put_vectors(**names, vectors=[entry])


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"": ""},
        {"k" * 1024: 1, "$eq": 1, "a.b": 1},
        {"s": "", "n": -1.5, "i": 2**53, "b": False},
        {"strings": ["a", "a", ""], "numbers": [1, 2.5]},
        {"text": ["a"]},
    ],
)
def test_valid_metadata_is_accepted(client, names, metadata):
    """Strings, numbers, booleans, and lists of only strings or only numbers, with any key."""
    put(client, names, metadata)

    results = client.get_vectors(**names, keys=["a"], returnMetadata=True)["vectors"]

    assert results[0]["metadata"] == metadata


@pytest.mark.parametrize("key", ["filterable", "text"])
@pytest.mark.parametrize(
    "value, problem",
    [
        (None, "Metadata values must be strings, numbers, booleans, or arrays"),
        ({"a": 1}, "Metadata values must be strings, numbers, booleans, or arrays"),
        ([], "Empty arrays are not allowed in metadata"),
        ([True], "Metadata array values must be strings or numbers"),
        (["a", 1], "Metadata array values must be strings or numbers"),
        ([1, True], "Metadata array values must be strings or numbers"),
        ([None], "Metadata array values must be strings or numbers"),
        ([["a"]], "Metadata array values must be strings or numbers"),
    ],
)
def test_invalid_metadata_is_refused(client, names, key, value, problem):
    """Non-filterable keys have other sizes, but the same types."""
    with pytest.raises(ClientError) as refused:
        put(client, names, {key: value})

    message = f"Invalid record for key 'a': {problem}"
    assert refused.value.response["message"] == message
    assert refused.value.response["fieldList"] == [
        {"path": "vectors[0].metadata", "message": message}
    ]


@pytest.mark.parametrize(
    "metadata, size",
    [
        ({}, 4),
        ({"a": ""}, 4 + 8 + 1),
        ({"a": "é"}, 4 + 8 + 1 + 2),
        ({"é": '"\n'}, 4 + 8 + 2 + 2),
        ({"a": 1, "b": 1.23456789}, 4 + 2 * (8 + 1 + 4)),
        ({"a": True}, 4 + 8 + 1),
        ({"a": ["x", "yy"]}, 4 + 8 + 1 + (4 + 1) + (4 + 2)),
        ({"a": [1, 2, 3]}, 4 + 8 + 1 + 3 * (4 + 4)),
    ],
)
def test_the_size_follows_awss_formula(metadata, size):
    """It is 4 + Σ(8 + key + value), as measured on AWS, not the length of the JSON."""
    assert metadata_size(metadata) == size


VALUES = st.one_of(
    st.text(),
    st.integers(-(2**31), 2**31),
    st.booleans(),
    st.floats(allow_nan=False),
    st.lists(st.text(), min_size=1),
    st.lists(st.integers(0, 9), min_size=1),
)


@given(metadata=st.dictionaries(st.text(), VALUES))
def test_the_provider_counts_like_the_engine(metadata):
    """The two wheels cannot share the code, so this test compares them."""
    assert records.metadata_size(metadata) == metadata_size(metadata)


@pytest.mark.parametrize(
    "metadata, problem",
    [
        ({"a": "x" * (2048 - 13)}, None),
        ({"a": "x" * (2048 - 12)}, "Filterable metadata must have at most 2048 bytes"),
        ({"text": "x" * (40_960 - 16)}, None),
        ({"text": "x" * (40_960 - 15)}, "Metadata object must have at most 40960 bytes"),
        ({f"k{n:02}": True for n in range(50)}, None),
        ({f"k{n:02}": True for n in range(51)}, "Metadata object must have at most 50 keys"),
    ],
)
def test_the_limits_are_inclusive(client, names, metadata, problem):
    """They are 2,048 filterable and 40,960 total bytes, and 50 keys."""
    if problem is None:
        put(client, names, metadata)
    else:
        with pytest.raises(client.exceptions.ValidationException, match=problem):
            put(client, names, metadata)
