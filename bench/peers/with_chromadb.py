"""chromadb, in process: an approximate index (HNSW). Arrays in metadata are not stored."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import chromadb
from chromadb import Knn, Rrf, Search, SparseVector

import peer

_PRESENT: Final = [{"status": "active"}, {"_type": "chunk"}]
FILTERS: Final = {
    "all": None,
    "1 %": {"$and": [*_PRESENT, {"namespace": "books/7"}]},
    "50 %": {"$and": [*_PRESENT, {"half": 1}]},
}


class Peer(peer.Peer):
    """A collection on disk."""

    cannot: ClassVar = {
        "query_hybrid": (
            "Search is not implemented for Local Chroma",
            "it ranks by words only in its cloud",
        )
    }

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
        """The keys of those that it finds."""
        answer = self.collection.query([vector], n_results=top, where=FILTERS[kind], include=[])
        return list(answer["ids"][0])

    def query_hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """What only its cloud can."""
        nearest = Knn(query=list(vector), return_rank=True)
        counts = SparseVector(indices=[*range(len(text.split()))], values=[1.0] * len(text.split()))
        words = Knn(query=counts, key="words", return_rank=True)
        search = Search().rank(Rrf(ranks=[nearest, words])).limit(top)
        return list(self.collection.search(search)["ids"][0])

    def close(self) -> None:
        """Release the directory."""
        self.client.close()
