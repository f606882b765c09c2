"""qdrant-client's local mode: exact, in Python and numpy, meant for tests."""

from __future__ import annotations

import uuid
from typing import Any, Final

from qdrant_client import QdrantClient, models

ROUNDS: Final = 5
OPENINGS: Final = 5
CANNOT: Final[Any] = {}


def _matches(**wanted: Any) -> models.Filter:
    return models.Filter(
        must=[
            models.FieldCondition(key=key, match=models.MatchValue(value=value))
            for key, value in {"status": "active", "_type": "chunk", **wanted}.items()
        ]
    )


FILTERS: Final = {"all": None, "1 %": _matches(namespace="books/7"), "50 %": _matches(half=1)}


class Peer:
    """A collection on disk."""

    def __init__(self, directory: str) -> None:
        self.client = QdrantClient(path=directory)
        if not self.client.collection_exists("documents"):
            vectors = models.VectorParams(size=1024, distance=models.Distance.COSINE)
            self.client.create_collection("documents", vectors)

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch; keys must be UUIDs there."""
        points = [
            models.PointStruct(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
                vector=vector.tolist(),
                payload={**entry, "key": key},
            )
            for key, vector, entry in zip(keys, vectors, metadata, strict=True)
        ]
        self.client.upsert("documents", points)

    def finish(self) -> None:
        """There is nothing more to do."""

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        found = self.client.query_points(
            "documents",
            vector.tolist(),
            query_filter=FILTERS[kind],
            limit=top,
            with_payload=["key"],
        )
        return [point.payload["key"] for point in found.points]

    def index_text(self) -> None:
        """Have the texts scored; local mode reads all of them at each query."""
        scored = models.TextIndexParams(type=models.TextIndexType.TEXT, scoring=True)
        self.client.create_payload_index("documents", "text", scored)

    def hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """The keys of the best by nearness and words, fused by reciprocal rank."""
        words = models.Prefetch(query=models.TextQuery(text=text), using="text", limit=top)
        nearest = models.Prefetch(query=vector.tolist(), limit=top)
        fused = models.FusionQuery(fusion=models.Fusion.RRF)
        found = self.client.query_points(
            "documents", fused, prefetch=[words, nearest], limit=top, with_payload=["key"]
        )
        return [point.payload["key"] for point in found.points]

    def close(self) -> None:
        """Give the directory free."""
        self.client.close()
