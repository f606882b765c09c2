"""s3vectors-local, in process, with the filter that our provider sends."""

from __future__ import annotations

import time
from typing import Any, Final

import records
from s3vectors_local import Engine

ROUNDS: Final = 20
OPENINGS: Final = 5
NAMES: Final = {"vectorBucketName": "bench", "indexName": "documents"}
CANNOT: Final[Any] = {}
FILTERS: Final = {
    "all": {},
    "1 %": {"filter": records.ONE_PERCENT},
    "50 %": {"filter": records.HALF},
}


class Peer:
    """An index on disk."""

    def __init__(self, directory: str) -> None:
        self.engine = Engine(directory)
        if not self.engine.call("ListVectorBuckets", {})["vectorBuckets"]:
            self.engine.call("CreateVectorBucket", {"vectorBucketName": "bench"})
            index = {"dataType": "float32", "dimension": records.DIMENSION}
            hidden = {"metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]}}
            self.engine.call(
                "CreateIndex", {**NAMES, **index, **hidden, "distanceMetric": "cosine"}
            )

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch; durable when it returns."""
        batch = [
            {"key": key, "data": {"float32": vector.tolist()}, "metadata": entry}
            for key, vector, entry in zip(keys, vectors, metadata, strict=True)
        ]
        self.engine.call("PutVectors", {**NAMES, "vectors": batch})

    def finish(self) -> None:
        """There is nothing more to do."""

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        asked = {"topK": top, "queryVector": {"float32": vector.tolist()}, **FILTERS[kind]}
        return [v["key"] for v in self.engine.call("QueryVectors", {**NAMES, **asked})["vectors"]]

    def index_text(self) -> None:
        """Add text search to what is stored, and wait until it is there."""
        added = {"textSearchConfigurations": [{"metadataKey": "text", "language": "en"}]}
        self.engine.call("UpdateMetadataConfiguration", {**NAMES, "add": added})
        while "BUILDING" in str(self.engine.call("GetIndex", NAMES)):
            time.sleep(0.01)

    def hybrid(self, vector: Any, text: str, top: int) -> list[str]:
        """The keys of the best by nearness and words."""
        words = {"queryTexts": [{"metadataKey": "text", "text": text}]}
        asked = {"topK": top, "queryVector": {"float32": vector.tolist()}, **words}
        return [v["key"] for v in self.engine.call("QueryVectors", {**NAMES, **asked})["vectors"]]

    def close(self) -> None:
        """Give the directory free."""
        self.engine.close()
