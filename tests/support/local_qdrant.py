"""Stache's own provider for Qdrant, with Qdrant's local mode instead of a server.

It runs in the environment `.venv-qdrant`. As a program, it fills a collection with different kinds
of chunks, or prints the collection:

    python -m local_qdrant fill 20000 Cosine
    python -m local_qdrant print
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from typing import Any, Final

from qdrant_client import QdrantClient
from qdrant_client.models import Distance, VectorParams
from stache_ai.config import Settings
from stache_ai_qdrant import QdrantVectorDBProvider

_METADATA: Final[tuple[dict[str, Any], ...]] = (
    {"doc_id": "d1", "page": 1, "tags": ["a", "b"], "ratio": 1 / 3, "status": "active"},
    {"doc_id": "d2", "big": 2**53 + 1, "nested": {"a": [1, None]}, "nothing": None, "empty": []},
    {"doc_id": "d3", "flag": True, "title": "ß" * 600, "whole": 2.0, "status": "deleting"},
    {"doc_id": "d1", "_type": "document_summary", "headings": ["h1", {"h": 2}], "id": "x"},
    {"_type": "insight", "tags": ["t"], "key": "y", "created_at": "2026-01-01"},
)
"""The metadata of consecutive chunks, in turn: chunks, a deleted one, a summary and an insight."""

_SIGNALS: Final = {"KILL": signal.SIGKILL, "INT": signal.SIGINT}


class LocalQdrant(QdrantVectorDBProvider):  # type: ignore[misc]  # untyped
    """Stache's provider on a local directory, which QDRANT_URL names.

    With INTERRUPTION=KILL:5000 in the environment, the process sends itself SIGKILL when 5,000
    chunks have been read.
    """

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.client = QdrantClient(path=settings.qdrant_url)
        self.collection_name = settings.qdrant_collection
        self.dimensions = settings.embedding_dimension
        self._ensure_collection()
        name, _, count = os.environ.get("INTERRUPTION", "").partition(":")
        self._signal, self._remaining = _SIGNALS.get(name), int(count or 0)

    def get_vectors_with_embeddings(
        self, ids: list[Any], namespace: str | None = None, context: Any = None
    ) -> list[dict[str, Any]]:
        """Return the rows of Stache's provider, or send the signal."""
        self._remaining -= len(ids)
        if self._signal is not None and self._remaining <= 0:
            os.kill(os.getpid(), self._signal)
            signal.pause()
        rows: list[dict[str, Any]] = super().get_vectors_with_embeddings(ids, namespace, context)
        return rows


def _fill(provider: LocalQdrant, count: int, metric: str) -> None:
    vectors = VectorParams(size=provider.dimensions, distance=Distance(metric))
    provider.client.delete_collection(provider.collection_name)
    provider.client.create_collection(provider.collection_name, vectors)
    storage = provider.client._client.collections[provider.collection_name].storage
    storage.storage.execute("PRAGMA synchronous = OFF")  # faster: each point is a commit
    for start in range(0, count, 1_000):
        numbers = range(start, min(count, start + 1_000))
        provider.insert(
            [[1.0, float(n), n / 7, *([0.25] * (provider.dimensions - 3))] for n in numbers],
            [f"Text {n},\n“quoted” 世界 🎉" for n in numbers],
            [{**_METADATA[n % len(_METADATA)], "n": n} for n in numbers],
            [str(uuid.UUID(int=n * 7919)) for n in numbers],
            namespace="books",
        )


def _print(provider: LocalQdrant) -> None:
    points, _ = provider.client.scroll(
        provider.collection_name, limit=10**9, with_payload=True, with_vectors=True
    )
    json.dump({str(p.id): {"vector": p.vector, "payload": p.payload} for p in points}, sys.stdout)


def main() -> None:
    """Fill or print the collection, as the arguments say."""
    provider = LocalQdrant(Settings())
    if sys.argv[1] == "fill":
        _fill(provider, int(sys.argv[2]), sys.argv[3])
    else:
        _print(provider)
    provider.client.close()


if __name__ == "__main__":
    main()
