"""s3vectors-local, in process, with the filter that our provider sends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

import numpy as np

import dataset
import peer
from dataset import NAMES
from s3vectors_local import Engine

FILTERS: Final[dict[str, Any]] = {
    "all": {},
    "1 %": {"filter": dataset.ONE_PERCENT},
    "50 %": {"filter": dataset.HALF},
}


class Peer(peer.Peer):
    """An index on disk."""

    metadata: ClassVar[dict[str, Any]] = {}

    def __init__(self, directory: str) -> None:
        self.engine = Engine(directory)
        if not self.engine.call("ListVectorBuckets", {})["vectorBuckets"]:
            self.engine.call("CreateVectorBucket", {"vectorBucketName": "bench"})
            index = dataset.describe_index(dataset.DIMENSION, **self.metadata)
            self.engine.call("CreateIndex", index)
            self.wait()

    def wait(self) -> None:
        """Wait until text search is ready."""
        while "BUILDING" in str(self.engine.call("GetIndex", NAMES)):
            time.sleep(0.01)

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch; durable when it returns."""
        records = dataset.to_records(keys, vectors, metadata)
        self.engine.call("PutVectors", {**NAMES, "vectors": records})

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        return self.search(top, vector, **FILTERS[kind])

    def index_text(self) -> None:
        """Add text search to what is stored, and wait until it is ready."""
        self.engine.call("UpdateMetadataConfiguration", {**NAMES, "add": dataset.TEXT_SEARCH})
        self.wait()

    def query_hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """The keys of the best by nearness and words."""
        return self.search(top, vector, text)

    def search(
        self, top: int, vector: Any = None, text: str | None = None, **question: Any
    ) -> list[str]:
        """The keys of the best by a vector, a text or both."""
        if vector is not None:
            question["queryVector"] = {"float32": vector.tolist()}
        if text is not None:
            question["queryTexts"] = [{"metadataKey": "text", "text": text}]
        answer = self.engine.call("QueryVectors", {**NAMES, "topK": top, **question})
        return [vector["key"] for vector in answer["vectors"]]

    def close(self) -> None:
        """Release the directory."""
        self.engine.close()


class Text(Peer):
    """The same with text search from the start; measured at more."""

    rounds: ClassVar = 30
    cold: ClassVar = True
    metadata: ClassVar = dataset.TEXT_SEARCH

    def index_text(self) -> None:
        """Nothing: it is there."""

    def list_more_tasks(self, vectors: Any, queries: Any) -> dict[str, Callable[[int], object]]:
        """Searches by text, with metadata, and the fastest pass of numpy over the data."""
        data, words, top = vectors.view(np.uint64), dataset.make_words(), 10
        returned: dict[str, Any] = {"returnMetadata": True, "returnDistance": True}

        def choose(first: int) -> str:
            return " ".join(words[first : first + 3])

        return {
            "data, read once": lambda _: np.bitwise_or.reduce(data, axis=None),
            "metadata": lambda n: self.search(top, queries[n], **returned),
            "text, ordinary": lambda n: self.search(top, text=choose(300 + 3 * (n % 100))),
            "text, common": lambda n: self.search(top, text=choose(3 * (n % 4))),
            "hybrid, 50 %": lambda n: self.search(
                top, queries[n], choose(300 + n % 300), filter=dataset.HALF
            ),
        }
