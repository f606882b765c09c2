"""What the local engine costs, as ratios against bare numpy in the same run.

    python bench/engine.py [--vectors 20000] [--rounds 7]

Each figure is the median over the rounds; engine and numpy take turns, and numpy's BLAS is
held to one thread, because two thread pools fight over two cores.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy reads it

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from s3vectors_local import Engine

DIMENSION: Final = 1024
TOP: Final = 10
NAMES: Final = {"vectorBucketName": "bench", "indexName": "documents"}
ACTIVE: Final = {"$or": [{"status": {"$exists": False}}, {"status": "active"}]}


def record(number: int, vector: Any) -> dict[str, Any]:
    """A vector as Stache writes it: 1.5 KB of text and its usual metadata."""
    metadata = {
        "text": f"{number:06} " + "lorem ipsum dolor sit amet " * 55,
        "namespace": f"books/{number % 100}",
        "status": "active",
        "doc_id": f"document-{number // 20}",
        "filename": f"chapter-{number // 20}.txt",
        "chunk_index": number % 20,
        "tags": ["bench", f"tag-{number % 7}"],
        "created_at": "2026-11-22T09:54:00+00:00",
        "half": number % 2,
    }
    return {"key": str(number), "data": {"float32": vector.tolist()}, "metadata": metadata}


def fill(engine: Engine, vectors: Any) -> float:
    """Store the vectors; returns how many a second."""
    engine.call("CreateVectorBucket", {"vectorBucketName": "bench"})
    engine.call(
        "CreateIndex",
        {
            **NAMES,
            "dataType": "float32",
            "dimension": DIMENSION,
            "distanceMetric": "cosine",
            "metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]},
        },
    )
    took = 0.0
    for start in range(0, len(vectors), 500):
        batch = [record(start + n, v) for n, v in enumerate(vectors[start : start + 500])]
        began = time.perf_counter()
        engine.call("PutVectors", {**NAMES, "vectors": batch})
        took += time.perf_counter() - began
    return len(vectors) / took


def medians(rounds: int, tasks: dict[str, Callable[[Any], Any]], queries: Any) -> dict[str, float]:
    """The median milliseconds of each task; every round runs them all, in turning order."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    names = list(tasks)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = time.perf_counter()
            tasks[name](queries[turn])
            times[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Fill an index on disk, open it again, query it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(arguments.vectors, DIMENSION)).astype(np.float32)
    queries = generator.normal(size=(arguments.rounds, DIMENSION)).astype(np.float32)

    def query(vector: Any, condition: dict[str, Any] | None = None) -> Any:
        request = {**NAMES, "topK": TOP, "queryVector": {"float32": vector.tolist()}}
        extra = {"filter": condition} if condition else {}
        return engine.call("QueryVectors", {**request, **extra})

    def bare(vector: Any) -> Any:
        found = vectors @ vector
        return np.argpartition(-found, TOP)[:TOP]

    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(directory)
        print(f"{arguments.vectors:,} vectors of {DIMENSION} dimensions, on disk")
        print(f"put, durable           {fill(engine, vectors):8,.0f} vectors/s")
        engine.close()
        began = time.perf_counter()
        engine = Engine(directory)
        query(queries[0])
        print(f"open to first answer   {time.perf_counter() - began:8.2f} s")
        tasks: dict[str, Callable[[Any], Any]] = {
            "bare numpy": bare,
            "query": query,
            "query, filter 1 %": lambda v: query(v, {"$and": [ACTIVE, {"namespace": "books/7"}]}),
            "query, filter 50 %": lambda v: query(v, {"$and": [ACTIVE, {"half": 1}]}),
        }
        found = medians(arguments.rounds, tasks, queries)
        for name, took in found.items():
            print(f"{name:<22} {took:8.2f} ms   {took / found['bare numpy']:6.2f} x numpy")
        engine.close()


if __name__ == "__main__":
    main()
