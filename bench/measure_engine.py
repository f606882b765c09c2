"""What the local engine costs, in process, as ratios to bare numpy in the same run.

"bare numpy" is the matrix-vector product and partial sort on the same data; "data, read once" is
the fastest pass that numpy makes over it on one core, which memory limits where no cache holds it.
All take turns, and numpy's BLAS is held to one thread.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

import dataset
import sampling
from s3vectors_local import Engine

OPTIONS: Final[dict[str, Any]] = {
    "vectors": {"type": int, "nargs": "+", "default": [100_000]},
    "rounds": {"type": int, "default": 9},
}
TOP: Final = 10
OPENINGS: Final = 5
_STEADY: Final = 100_000
"""Vectors that a task goes through at least, in all its rounds."""

_TASKS: Final = 9
"""That `list_tasks` has; each of their calls has a query of its own."""


def fill(engine: Engine, corpus: dataset.Corpus, vectors: dataset.Floats) -> None:
    """Create the index with text search, and store the vectors, 500 a call."""
    engine.call("CreateVectorBucket", {"vectorBucketName": "bench"})
    engine.call("CreateIndex", dataset.describe_index(dataset.DIMENSION, **dataset.TEXT_SEARCH))
    while "BUILDING" in str(engine.call("GetIndex", dataset.NAMES)):
        pass
    for start in range(0, len(vectors), dataset.BATCH):
        records = corpus.draw_records(start, vectors[start : start + dataset.BATCH])
        engine.call("PutVectors", {**dataset.NAMES, "vectors": records})


def list_tasks(
    engine: Engine, vectors: dataset.Floats, queries: dataset.Floats
) -> dict[str, Callable[[int], Any]]:
    """What is measured."""
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    data = vectors.view(np.uint64)
    ordered = dataset.make_words()

    def ask(**question: Any) -> Any:
        return engine.call("QueryVectors", {**dataset.NAMES, "topK": TOP, **question})

    def query(number: int, **more: Any) -> Any:
        return ask(queryVector={"float32": queries[number].tolist()}, **more)

    def choose_words(first: int) -> list[dict[str, str]]:
        return [{"metadataKey": "text", "text": " ".join(ordered[first : first + 3])}]

    def query_hybrid(number: int) -> Any:
        return query(number, queryTexts=choose_words(300 + number % 300), filter=dataset.HALF)

    return {
        "data, read once": lambda _: np.bitwise_or.reduce(data, axis=None),
        "bare numpy": lambda number: np.argpartition(-(units @ queries[number]), TOP)[:TOP],
        "query": query,
        "query, filter 1 %": lambda number: query(number, filter=dataset.ONE_PERCENT),
        "query, filter 50 %": lambda number: query(number, filter=dataset.HALF),
        "query, metadata": lambda number: query(number, returnMetadata=True, returnDistance=True),
        "text, three ordinary words": lambda number: ask(
            queryTexts=choose_words(300 + 3 * (number % 100))
        ),
        "text, three very common words": lambda number: ask(
            queryTexts=choose_words(3 * (number % 4))
        ),
        "hybrid, filter 50 %": query_hybrid,
    }


def open_index() -> None:
    """In a fresh process: seconds to the first answer and of the second, and resident bytes."""
    query = np.random.default_rng(0).normal(size=dataset.DIMENSION).tolist()
    question = {**dataset.NAMES, "topK": TOP, "queryVector": {"float32": query}}
    times, resident = [time.perf_counter()], []
    engine = Engine(sys.argv[1])
    for _ in range(2):
        engine.call("QueryVectors", question)
        times.append(time.perf_counter())
        resident.append(sampling.read_resident_bytes())
    print(json.dumps([times[1] - times[0], times[2] - times[1], *resident]))


def open_repeatedly(directory: str, *, cold: bool) -> list[list[float]]:
    """What `open_index` prints, several times: lists of each figure.

    A cold file cache is that of this machine; whatever it runs on may have one of its own.
    """
    code = "import measure_engine; measure_engine.open_index()"
    runs = []
    for _ in range(OPENINGS):
        if cold:
            drop_from_cache(Path(directory))
        process = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code, directory],
            stdout=subprocess.PIPE,
            check=True,
            cwd=Path(__file__).parent,
        )
        runs.append(json.loads(process.stdout))
    return [list(values) for values in zip(*runs, strict=True)]


def drop_from_cache(directory: Path) -> None:
    """Take the files out of the operating system's cache."""
    for file in directory.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_size(count: int, rounds: int) -> dict[str, Any]:
    """All figures with so many vectors."""
    corpus = dataset.Corpus()
    vectors = corpus.draw_vectors(count)
    with tempfile.TemporaryDirectory() as directory:
        with Engine(directory) as engine:
            began = time.perf_counter()
            fill(engine, corpus, vectors)
            filled = time.perf_counter() - began
            tasks = list_tasks(engine, vectors, corpus.draw_vectors(rounds * _TASKS + 1))
            gc.collect()
            for task in tasks.values():
                task(rounds * _TASKS)  # once, to warm up
            times = sampling.time_in_turns(tasks, rounds)
        disk = sum(file.stat().st_size for file in Path(directory).iterdir())
        first, second, *resident = open_repeatedly(directory, cold=False)
        cold, *_ = open_repeatedly(directory, cold=True)
    raw = vectors.nbytes
    without, with_shadow = ([bytes_ / raw for bytes_ in one] for one in resident)
    return {
        "vectors": count,
        "milliseconds": {name: sampling.summarize(values, "ms") for name, values in times.items()},
        "filled": {"seconds": round(filled, 1), "with": "making the records and text search"},
        "GB/s": round(raw / 1e6 / statistics.median(times["data, read once"]), 1),
        "disk bytes a vector": round(disk / count),
        "open to first answer": sampling.summarize(first, "s"),
        "open, cold file cache": sampling.summarize(cold, "s"),
        # The first search does without the pre-pass's shadow, which the second makes
        "second answer": sampling.summarize(second, "s"),
        "resident, in raw float32 data": sampling.summarize(without, "x"),
        "the same, with the shadow": sampling.summarize(with_shadow, "x"),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Fill an index on disk, query it, open it again; at each size."""
    # What takes microseconds is repeated until its median stands still
    return {
        "sizes": [
            measure_size(count, max(options.rounds, _STEADY // count)) for count in options.vectors
        ]
    }
