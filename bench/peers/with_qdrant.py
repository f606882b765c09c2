"""qdrant-client's local mode: exact, in Python and numpy, meant for tests."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Final

from qdrant_client import QdrantClient, models

import peer


def build_filter(**values: Any) -> models.Filter:
    """One user condition, with soft delete and type."""
    return models.Filter(
        must=[
            models.FieldCondition(key=key, match=models.MatchValue(value=value))
            for key, value in {"status": "active", "_type": "chunk", **values}.items()
        ]
    )


FILTERS: Final = {
    "all": None,
    "1 %": build_filter(namespace="books/7"),
    "50 %": build_filter(half=1),
}


class Peer(peer.Peer):
    """A collection on disk."""

    rounds: ClassVar = 5

    def __init__(self, directory: str) -> None:
        self.client = QdrantClient(path=directory)
        if not self.client.collection_exists("documents"):
            vectors = models.VectorParams(size=1024, distance=models.Distance.COSINE)
            self.client.create_collection("documents", vectors)

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch; its keys must be UUIDs."""
        points = [
            models.PointStruct(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
                vector=vector.tolist(),
                payload={**entry, "key": key},
            )
            for key, vector, entry in zip(keys, vectors, metadata, strict=True)
        ]
        self.client.upsert("documents", points)

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        answer = self.client.query_points(
            "documents",
            vector.tolist(),
            query_filter=FILTERS[kind],
            limit=top,
            with_payload=["key"],
        )
        return [point.payload["key"] for point in answer.points]

    def index_text(self) -> None:
        """Have the texts scored; local mode reads all of them at each query."""
        scored = models.TextIndexParams(type=models.TextIndexType.TEXT, scoring=True)
        self.client.create_payload_index("documents", "text", scored)

    def query_hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """The keys of the best by nearness and words, fused by reciprocal rank."""
        words = models.Prefetch(query=models.TextQuery(text=text), using="text", limit=top)
        nearest = models.Prefetch(query=vector.tolist(), limit=top)
        fused = models.FusionQuery(fusion=models.Fusion.RRF)
        answer = self.client.query_points(
            "documents", fused, prefetch=[words, nearest], limit=top, with_payload=["key"]
        )
        return [point.payload["key"] for point in answer.points]

    def close(self) -> None:
        """Release the directory."""
        self.client.close()
