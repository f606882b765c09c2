"""s3vectors-local, in process, with the filter that our provider sends."""

from __future__ import annotations

from typing import Any, Final

import records
from s3vectors_local import Engine

ROUNDS: Final = 9
OPENINGS: Final = 5
NAMES: Final = {"vectorBucketName": "bench", "indexName": "documents"}
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

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """The keys of the nearest."""
        asked = {"topK": top, "queryVector": {"float32": vector.tolist()}, **FILTERS[kind]}
        return [v["key"] for v in self.engine.call("QueryVectors", {**NAMES, **asked})["vectors"]]

    def close(self) -> None:
        """Give the directory free."""
        self.engine.close()
