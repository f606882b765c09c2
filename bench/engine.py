"""What the local engine costs, in process, as ratios against bare numpy in the same run.

    python bench/engine.py [--vectors 100000] [--rounds 9]

"bare numpy" is the matrix-vector product and partial sort on the same data; "data, read once" is
the fastest pass that numpy makes over it on one core, which memory limits where no cache holds it.
All take turns, and numpy's BLAS is held to one thread.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import gc
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

import records
from s3vectors_local import Engine

TOP: Final = 10
OPENED: Final = (
    "open to first answer",
    "open, cold file cache",
    "second answer",
    "resident, in raw float32 data",
    "the same, with the shadow",
)
_STEADY: Final = 100_000
"""Vectors that a task goes through at least, in all its rounds."""

_TASKS: Final = 9
"""That `tasks` has; each of their calls has a query of its own."""

NAMES: Final = {"vectorBucketName": "bench", "indexName": "documents"}
TEXT: Final = {"metadataKey": "text", "language": "en"}
OPENINGS: Final = 5


def create(engine: Engine) -> None:
    """The bucket and the index, with text search."""
    engine.call("CreateVectorBucket", {"vectorBucketName": "bench"})
    metadata = {"nonFilterableMetadataKeys": ["text"], "textSearchConfigurations": [TEXT]}
    index = {"dataType": "float32", "dimension": records.DIMENSION, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **index, "metadataConfiguration": metadata})
    while "BUILDING" in str(engine.call("GetIndex", NAMES)):
        pass


def fill(engine: Engine, corpus: records.Corpus, vectors: records.Floats) -> None:
    """Store the vectors, 500 a call."""
    for start in range(0, len(vectors), 500):
        batch = [
            {
                "key": f"chunk-{start + n}",
                "data": {"float32": vector.tolist()},
                "metadata": corpus.metadata(start + n),
            }
            for n, vector in enumerate(vectors[start : start + 500])
        ]
        engine.call("PutVectors", {**NAMES, "vectors": batch})


def tasks(
    engine: Engine, vectors: records.Floats, queries: records.Floats
) -> dict[str, Callable[[int], Any]]:
    """What is measured."""
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    data = vectors.view(np.uint64)
    ordered = records.words()

    def query(number: int, **more: Any) -> Any:
        data = {"float32": queries[number].tolist()}
        return engine.call("QueryVectors", {**NAMES, "topK": TOP, "queryVector": data, **more})

    def text(number: int, first: int) -> Any:
        asked = words(first + 3 * (number % 100))
        return engine.call("QueryVectors", {**NAMES, "topK": TOP, "queryTexts": asked})

    def hybrid(number: int) -> Any:
        return query(number, queryTexts=words(300 + number % 300), filter=records.HALF)

    def words(first: int) -> list[dict[str, str]]:
        return [{"metadataKey": "text", "text": " ".join(ordered[first : first + 3])}]

    return {
        "data, read once": lambda _: np.bitwise_or.reduce(data, axis=None),
        "bare numpy": lambda number: np.argpartition(-(units @ queries[number]), TOP)[:TOP],
        "query": query,
        "query, filter 1 %": lambda number: query(number, filter=records.ONE_PERCENT),
        "query, filter 50 %": lambda number: query(number, filter=records.HALF),
        "query, metadata": lambda number: query(number, returnMetadata=True, returnDistance=True),
        "text, three ordinary words": lambda number: text(number, 300),
        "text, three very common words": lambda number: text(number % 4, 0),
        "hybrid, filter 50 %": hybrid,
    }


def openings(directory: str, *, cold: bool) -> list[dict[str, float]]:
    """Of fresh processes: seconds to the first answer and of the second, and resident bytes.

    A cold file cache is that of this machine; whatever it runs on may have one of its own.
    """
    code = (
        "import measure; measure.one_blas_thread()\n"
        "import sys, time, numpy; from s3vectors_local import Engine; import engine\n"
        "q = numpy.random.default_rng(0).normal(size=1024).tolist()\n"
        "asked = {**engine.NAMES, 'topK': 10, 'queryVector': {'float32': q}}\n"
        "began = time.perf_counter(); e = Engine(sys.argv[1])\n"
        "e.call('QueryVectors', asked)\n"
        "first = time.perf_counter(); resident = measure.resident_bytes()\n"
        "e.call('QueryVectors', asked); second = time.perf_counter()\n"
        "print(first - began, second - first, resident, measure.resident_bytes())\n"
    )
    names = ("first", "second", "resident", "resident with shadow")
    found = []
    for _ in range(OPENINGS):
        if cold:
            forget(Path(directory))
        command = [sys.executable, "-c", code, directory]
        printed = subprocess.run(  # noqa: S603 - our own interpreter
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        ).stdout.split()
        found.append(dict(zip(names, map(float, printed), strict=True)))
    return found


def forget(directory: Path) -> None:
    """Take the files out of the operating system's cache."""
    for file in directory.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(count: int, rounds: int) -> dict[str, Any]:
    """Measure with so many vectors."""
    corpus = records.Corpus()
    vectors = corpus.vectors(count)
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(directory)
        create(engine)
        began = time.perf_counter()
        fill(engine, corpus, vectors)
        filled = time.perf_counter() - began
        queries = corpus.vectors(rounds * _TASKS + 1)
        measured = tasks(engine, vectors, queries)
        gc.collect()
        for task in measured.values():
            task(rounds * _TASKS)  # once, to warm up
        times = measure.in_turns(measured, rounds)
        engine.close()
        disk = sum(file.stat().st_size for file in Path(directory).iterdir())
        opened = openings(directory, cold=False)
        colder = openings(directory, cold=True)
    raw = count * records.DIMENSION * 4
    return {
        "vectors": count,
        "milliseconds": {name: measure.figure(values, "ms") for name, values in times.items()},
        "filled": {"seconds": round(filled, 1), "with": "making the records and text search"},
        "GB/s": round(raw / 1e6 / statistics.median(times["data, read once"]), 1),
        "disk bytes a vector": round(disk / count),
        "open to first answer": measure.figure([o["first"] for o in opened], "s"),
        "open, cold file cache": measure.figure([o["first"] for o in colder], "s"),
        # The first search does without the pre-pass's shadow, which the second makes
        "second answer": measure.figure([o["second"] for o in opened], "s"),
        "resident, in raw float32 data": measure.figure([o["resident"] / raw for o in opened], "x"),
        "the same, with the shadow": measure.figure(
            [o["resident with shadow"] / raw for o in opened], "x"
        ),
    }


def show(result: dict[str, Any]) -> None:
    """Print it."""
    times = {name: entry["median"] for name, entry in result["milliseconds"].items()}
    print(f"{result['vectors']:,} vectors of {records.DIMENSION} dimensions")
    for name, took in times.items():
        numpy, query = took / times["bare numpy"], took / times["query"]
        print(f"  {name:<31} {took:9.2f} ms  {numpy:7.3f} x numpy  {query:7.3f} x query")
    for name in OPENED:
        print(f"  {name:<31} {result[name]['median']:9.2f} {result[name]['unit']}")
    print(f"  {'disk a vector':<31} {result['disk bytes a vector']:9,} bytes")


def main() -> None:
    """Fill an index on disk, query it, open it again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vectors", type=int, nargs="+", default=[100_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    results = []
    for count in arguments.vectors:
        # What takes microseconds is repeated until its median stands still
        results.append(run(count, max(arguments.rounds, _STEADY // count)))
        show(results[-1])
    if arguments.save:
        measure.save("engine", {"machine": measure.machine(), "sizes": results})


if __name__ == "__main__":
    main()
