"""chromadb, in process: an approximate index (HNSW). Arrays in metadata are not stored."""

from __future__ import annotations

from typing import Any, Final

import chromadb

ROUNDS: Final = 9
OPENINGS: Final = 5
_PRESENT: Final = [{"status": "active"}, {"_type": "chunk"}]
FILTERS: Final = {
    "all": None,
    "1 %": {"$and": [*_PRESENT, {"namespace": "books/7"}]},
    "50 %": {"$and": [*_PRESENT, {"half": 1}]},
}


class Peer:
    """A collection on disk."""

    def __init__(self, directory: str) -> None:
        self.client = chromadb.PersistentClient(
            directory, chromadb.Settings(anonymized_telemetry=False)
        )
        self.collection = self.client.get_or_create_collection(
            "documents", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch; the text as the document."""
        documents = [entry.pop("text") for entry in metadata]
        for entry in metadata:
            del entry["tags"]
        self.collection.add(keys, vectors, metadata, documents)

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of those it finds."""
        found = self.collection.query([vector], n_results=top, where=FILTERS[kind], include=[])
        return list(found["ids"][0])

    def close(self) -> None:
        """It has nothing to close."""
