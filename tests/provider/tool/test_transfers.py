"""Two vectors are the same if S3 Vectors stores the same for both."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.chunks.vectors import UnreadVector
from stache_ai_s3vectors.tool.transfers import is_same


@pytest.mark.parametrize(
    "vector, other, result",
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        (UnreadVector(b"[0.1]"), UnreadVector(b"[0.1]"), True),
        (UnreadVector(b"[0.1]"), UnreadVector(b"[0.10000000149011612]"), True),
        (UnreadVector(b"[0.1]"), [0.1], True),
        (UnreadVector(b"[0.1]"), UnreadVector(b"[0.10000002]"), False),
        ([1.0, 2.0], [1.0], False),
    ],
)
def test_vectors_are_compared_as_float32(vector, other, result):
    """Another endpoint may print more digits of the same number."""
    assert is_same(Record("a", vector, {}), Record("a", other, {})) is result


@pytest.mark.parametrize(
    "metadata, other, result",
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1 / 3}, {"a": 0.3333333432674408}, True),
        ({"when": 1700000001}, {"when": 1700000040}, False),
        ({"a": 1e300}, {"a": 2e300}, False),
        ({"a": 0.3333333432674408}, {"a": 1 / 3}, False),
        ({"a": [1, 2]}, {"a": [1.0, 2.0]}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": 1}, {"a": 1.1}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": 1}, {}, False),
        ({"a": "x"}, {"a": "y"}, False),
    ],
)
def test_metadata_is_compared_value_by_value(metadata, other, result):
    """Numbers at least as float32; 1 is not true."""
    assert is_same(Record("a", [], metadata), Record("a", [], other)) is result
