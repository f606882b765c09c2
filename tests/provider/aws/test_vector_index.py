"""A VectorIndex describes its index, and creates it only if that is allowed."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import NotFoundError
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from support import providers


def record_calls(client, operation):
    """Record each call of an operation in a list."""
    calls = []
    client.meta.events.register(f"before-call.s3vectors.{operation}", lambda **_: calls.append(1))
    return calls


def test_describe_never_creates_an_index():
    """Even if the options allow it: one GetIndex, and an error."""
    options = providers.create_provider(s3vectors_create_index=True)._options
    index = VectorIndex(options)
    calls = record_calls(index.client, "*")

    with pytest.raises(NotFoundError, match="GetIndex on index my-bucket/documents"):
        index.describe()

    assert len(calls) == 1
    assert index.client.list_vector_buckets()["vectorBuckets"] == []


def test_an_index_is_described_once_for_its_users():
    """`describe` and `describe_or_create` share the description of a process."""
    provider = providers.create_provider()
    created = provider._index.describe_or_create()
    calls = record_calls(provider.client, "GetIndex")

    assert VectorIndex(provider._options, create=False).describe() is created
    assert calls == []
    again = VectorIndex(provider._options, create=False).describe(fresh=True)
    assert again.arn == created.arn  # its text search may be ACTIVE now
    assert calls == [1]
