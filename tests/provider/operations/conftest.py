"""A provider with chunks."""

from __future__ import annotations

import pytest

from support import providers

IDS = ["a", "b", "c"]


@pytest.fixture
def provider():
    """A provider with three chunks: two in namespace ns, one in other."""
    provider = providers.create_provider()
    for id_, vector, namespace in zip(
        IDS, providers.create_vectors(3), ["ns", "ns", "other"], strict=True
    ):
        metadata = {"doc_id": f"doc-{id_}", "page": ord(id_), "tags": ["t", id_]}
        provider.insert([vector], [f"text {id_}"], [metadata], ids=[id_], namespace=namespace)
    return provider
