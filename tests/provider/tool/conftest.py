"""An index for commands that read."""

from __future__ import annotations

import pytest

from support import providers


@pytest.fixture
def pets():
    """Four chunks, of all statuses, and a summary."""
    provider = providers.create_provider(
        s3vectors_endpoint_url="local:data", s3vectors_create_index=True
    )
    provider.insert(
        [[1.0, float(n), 0.0, 0.0] for n in range(4)],
        ["The cat sleeps.", "The dog barks.", "The fish swims.", "About pets."],
        [{"doc_id": "d1"}, {"doc_id": "d2"}, {"doc_id": "d2", "status": "deleting"}, SUMMARY],
        ["cat", "dog", "fish", "pets"],
        namespace="home/pets",
    )
    provider.insert([[0.0, 0.0, 1.0, 0.0]], ["A bird sings."], [{}], ["bird"], namespace="home2")
    return provider


SUMMARY = {"doc_id": "d1", "_type": "document_summary"}
