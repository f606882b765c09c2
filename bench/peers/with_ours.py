"""s3vectors-local, in process, with the filter that our provider sends."""

from __future__ import annotations

import time
from typing import Any, Final

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

    def __init__(self, directory: str) -> None:
        self.engine = Engine(directory)
        if not self.engine.call("ListVectorBuckets", {})["vectorBuckets"]:
            self.engine.call("CreateVectorBucket", {"vectorBucketName": "bench"})
            self.engine.call("CreateIndex", dataset.describe_index())

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch; durable when it returns."""
        records = dataset.to_records(keys, vectors, metadata)
        self.engine.call("PutVectors", {**NAMES, "vectors": records})

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        return self._ask(vector, top, FILTERS[kind])

    def index_text(self) -> None:
        """Add text search to what is stored, and wait until it is ready."""
        self.engine.call("UpdateMetadataConfiguration", {**NAMES, "add": dataset.TEXT_SEARCH})
        while "BUILDING" in str(self.engine.call("GetIndex", NAMES)):
            time.sleep(0.01)

    def query_hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """The keys of the best by nearness and words."""
        return self._ask(vector, top, {"queryTexts": [{"metadataKey": "text", "text": text}]})

    def _ask(self, vector: Any, top: int, more: dict[str, Any]) -> list[str]:
        question = {**NAMES, "topK": top, "queryVector": {"float32": vector.tolist()}, **more}
        return [v["key"] for v in self.engine.call("QueryVectors", question)["vectors"]]

    def close(self) -> None:
        """Release the directory."""
        self.engine.close()
