"""The engines that are compared, each as its documentation has it, in a directory of its own.

Each imports its package when it is made: no environment has all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, Final

import numpy as np

import dataset
import processes
from clients import NAMES, TOP, to_records


class Peer:
    """An engine: `put` stores a batch, `query` returns the keys of the nearest.

    The condition is what their metadata must have; it is empty for all vectors. A method
    that raises NotImplementedError is what it cannot.
    """

    module: ClassVar = "s3vectors_local.engine"
    """The module that it imports."""
    most: ClassVar[int | None] = None
    """Vectors that are stored at most; None is all of them."""

    client: Any

    def finish(self) -> None:
        """After everything is stored."""

    def query(self, vector: Any, condition: dict[str, Any], text: str = "") -> list[str]:
        raise NotImplementedError("it has no queries")

    def index_text(self) -> bool:
        """Make what is stored ready for hybrid queries; whether that needs an index."""
        return False

    def list_more_tasks(self, _vectors: Any, _queries: Any) -> dict[str, Callable[[int], object]]:
        """The tasks of this one only, each by the number of a query."""
        return {}

    def close(self) -> None:
        """Release the directory."""
        self.client.close()


class Ours(Peer):
    """s3vectors-local, in process, with the filter that our provider sends."""

    configuration: ClassVar[dict[str, Any]] = {}

    def __init__(self, directory: str) -> None:
        import s3vectors_local

        self.client = s3vectors_local.Engine(directory)
        if not self.client.call("ListVectorBuckets", {})["vectorBuckets"]:
            self.client.call("CreateVectorBucket", {"vectorBucketName": "bench"})
            self.client.call("CreateIndex", dataset.describe_index(**self.configuration))
            self.wait()

    def wait(self) -> None:
        """Wait until text search is ready."""
        while "BUILDING" in str(self.client.call("GetIndex", NAMES)):
            time.sleep(0.01)

    def put(self, keys: list[str], vectors: Any, metadata: list[Any]) -> None:
        records = to_records(keys, vectors.tolist(), metadata)
        self.client.call("PutVectors", {**NAMES, "vectors": records})

    def index_text(self) -> bool:
        self.client.call("UpdateMetadataConfiguration", {**NAMES, "add": dataset.TEXT_SEARCH})
        self.wait()
        return True

    def query(
        self, vector: Any, condition: dict[str, Any], text: str = "", **query: Any
    ) -> list[str]:
        if vector is not None:
            query["queryVector"] = {"float32": vector.tolist()}
        if text:
            query["queryTexts"] = [{"metadataKey": "text", "text": text}]
        if condition:
            from stache_ai_s3vectors.chunks import filters

            more = {k: v for k, v in condition.items() if k not in dataset.PRESENT}
            parts = [filters.NOT_DELETED, filters.NO_SUMMARY, more]
            query["filter"] = filters.join_conditions(parts)
        answer = self.client.call("QueryVectors", {**NAMES, "topK": TOP, **query})
        return [vector["key"] for vector in answer["vectors"]]


class OursWithText(Ours):
    """The same with text search from the start; measured at more."""

    configuration: ClassVar = dataset.TEXT_SEARCH

    def index_text(self) -> bool:
        return False

    def list_more_tasks(self, vectors: Any, queries: Any) -> dict[str, Callable[[int], object]]:
        """Searches by text, with metadata, and the fastest pass of numpy over the data."""
        data, choose = vectors.view(np.uint64), dataset.choose_words
        half = dataset.CONDITIONS["50 %"]
        returned: dict[str, Any] = {"returnMetadata": True, "returnDistance": True}
        return {
            "data, read once": lambda _: np.bitwise_or.reduce(data, axis=None),
            "metadata": lambda n: self.query(queries[n], {}, **returned),
            "text, ordinary": lambda n: self.query(None, {}, choose(300 + 3 * (n % 100))),
            "text, common": lambda n: self.query(None, {}, choose(3 * (n % 4))),
            "hybrid, 50 %": lambda n: self.query(queries[n], half, choose(300 + n % 300)),
        }


class ChromaDB(Peer):
    """A collection on disk: an approximate index (HNSW).

    It stores no arrays in metadata, and ranks by words only in its cloud.
    """

    module: ClassVar = "chromadb"

    def __init__(self, directory: str) -> None:
        import chromadb

        self.client = chromadb.PersistentClient(
            directory, chromadb.Settings(anonymized_telemetry=False)
        )
        self.collection = self.client.get_or_create_collection(
            "documents", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def put(self, keys: list[str], vectors: Any, metadata: list[Any]) -> None:
        documents = [entry.pop("text") for entry in metadata]
        for entry in metadata:
            del entry["tags"]
        self.collection.add(keys, vectors, metadata, documents)

    def query(self, vector: Any, condition: dict[str, Any], text: str = "") -> list[str]:
        if text:
            raise NotImplementedError("it has no hybrid queries")
        where = {"$and": [{key: value} for key, value in condition.items()]} if condition else None
        answer = self.collection.query([vector], n_results=TOP, where=where, include=[])
        return list(answer["ids"][0])


class Qdrant(Peer):
    """qdrant-client's local mode: exact, in Python and numpy, meant for tests."""

    module: ClassVar = "qdrant_client"

    def __init__(self, directory: str) -> None:
        from qdrant_client import QdrantClient, models

        self.models: Any = models
        self.client = QdrantClient(path=directory)
        if not self.client.collection_exists("documents"):
            size, distance = dataset.DIMENSION, models.Distance.COSINE
            vectors = models.VectorParams(size=size, distance=distance)
            self.client.create_collection("documents", vectors)

    def put(self, keys: list[str], vectors: Any, metadata: list[Any]) -> None:
        numbers = [int(key.removeprefix("chunk-")) for key in keys]
        self.client.upload_collection("documents", vectors, metadata, numbers, batch_size=len(keys))

    def index_text(self) -> bool:
        # Only a setting: local mode reads all texts at each query
        scored = self.models.TextIndexParams(type=self.models.TextIndexType.TEXT, scoring=True)
        self.client.create_payload_index("documents", "text", scored)
        return False

    def query(self, vector: Any, condition: dict[str, Any], text: str = "") -> list[str]:
        models, query, both = self.models, vector.tolist(), None
        if text:
            words = models.Prefetch(query=models.TextQuery(text=text), using="text", limit=TOP)
            both = [words, models.Prefetch(query=query, limit=TOP)]
            query = models.FusionQuery(fusion=models.Fusion.RRF)
        matches = {key: models.MatchValue(value=value) for key, value in condition.items()}
        must = [models.FieldCondition(key=key, match=match) for key, match in matches.items()]
        more = {"prefetch": both, "query_filter": models.Filter(must=must), "with_payload": False}
        points = self.client.query_points("documents", query, limit=TOP, **more).points
        return [f"chunk-{point.id}" for point in points]


class LanceDB(Peer):
    """A table on disk without an index over vectors: exact, read from disk by each query."""

    module: ClassVar = "lancedb"

    def __init__(self, directory: str) -> None:
        import lancedb

        self.database = lancedb.connect(directory)
        self.table: Any = None
        if "documents" in self.database.table_names():
            self.table = self.database.open_table("documents")

    def put(self, keys: list[str], vectors: Any, metadata: list[Any]) -> None:
        import pyarrow as pa

        flat = pa.array(vectors.reshape(-1), pa.float32())
        column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        rows = pa.Table.from_pylist(metadata)
        rows = rows.append_column("key", pa.array(keys)).append_column("vector", column)
        if self.table is None:
            self.table = self.database.create_table("documents", rows)
        else:
            self.table.add(rows)

    def close(self) -> None:
        """It keeps nothing open."""

    def finish(self) -> None:
        """Compact what many small writes left, as its documentation asks for."""
        self.table.optimize(cleanup_older_than=timedelta(0))

    def query(self, vector: Any, condition: dict[str, Any], text: str = "") -> list[str]:
        if text:
            from lancedb.rerankers import RRFReranker

            search = self.table.search(query_type="hybrid").vector(vector).text(text)
            search = search.rerank(RRFReranker())
        else:
            search = self.table.search(vector)
        if condition:
            where = " AND ".join(f"{key} = {value!r}" for key, value in condition.items())
            search = search.where(where, prefilter=True)
        rows = search.distance_type("cosine").select(["key"]).limit(TOP).to_list()
        return [row["key"] for row in rows]

    def index_text(self) -> bool:
        from lancedb.index import FTS

        self.table.create_index("text", config=FTS())  # returns when that is done
        return True


class LanceDBIndexed(LanceDB):
    """With the indexes that it has: approximate over vectors, exact over what is filtered."""

    def finish(self) -> None:
        """Index, and compact."""
        from lancedb.index import Bitmap, HnswSq

        self.table.create_index("vector", config=HnswSq(distance_type="cosine"))
        for column in ("status", "_type", "namespace", "half"):
            self.table.create_index(column, config=Bitmap())
        super().finish()


class Moto(Peer):
    """A mock for unit tests. It keeps nothing on disk, and would send a query to AWS."""

    module: ClassVar = "moto"
    most: ClassVar = 10_000

    def __init__(self, directory: str) -> None:
        import moto

        del directory
        moto.mock_aws().start()
        self.client = processes.connect()
        self.client.create_vector_bucket(vectorBucketName="bench")
        self.client.create_index(**dataset.describe_index())

    def put(self, keys: list[str], vectors: Any, metadata: list[Any]) -> None:
        records = to_records(keys, vectors.tolist(), metadata)
        self.client.put_vectors(**NAMES, vectors=records)


PEERS: Final[dict[str, Any]] = {
    "ours": Ours,
    "ours_text": OursWithText,
    "chromadb": ChromaDB,
    "qdrant": Qdrant,
    "lancedb": LanceDB,
    "lancedb_indexed": LanceDBIndexed,
    "moto": Moto,
}
