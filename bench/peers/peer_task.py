"""One engine with the shared data, in a process and an environment of its own.

    python bench/peers/peer_task.py NAME DATA DIRECTORY

DATA has what measure_peers.py wrote, DIRECTORY is for the engine. Writes a JSON document. numpy
takes turns with the engine in the same process: ratios of different processes can be compared.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

import dataset
import processes
import sampling
from dataset import CONDITIONS
from engines import ENGINES

MOST_MEMORY: Final = 14 * 2**30
"""Bytes; without a limit, the operating system might end something else."""

TOP: Final = 10
OPENINGS: Final = 5

Tasks = dict[str, Callable[[int], object]]


class Trial:
    """One engine that is tried on the shared data."""

    def __init__(self, name: str, data: str, directory: str) -> None:
        self.kind = ENGINES[name]
        self.arguments, self.directory, self.data = (name, data, directory), directory, Path(data)
        self.shared = np.load(self.data / "data.npz")
        self.queries = self.shared["queries"]

    def measure(self) -> dict[str, Any]:
        """Fill and query, open again, then index the texts and query by both."""
        vectors = self.shared["vectors"][: self.kind.most]
        result = self.fill_and_query(vectors)
        gc.collect()
        if "cannot" not in result:
            result |= self.measure_openings(vectors.nbytes)
            disk = sampling.measure_folder(Path(self.directory))
            result["disk"] = round(disk / vectors.nbytes, 2)
            result["hybrid"] = self.measure_hybrid(vectors)
        return result

    def fill_and_query(self, vectors: Any) -> dict[str, Any]:
        """What storing and querying takes, or why it cannot query; nothing stays in memory."""
        engine = self.kind(self.directory)
        result = {"ingest": self.fill(engine, vectors)}
        gc.collect()
        try:
            return result | self.measure_queries(engine, vectors)
        except NotImplementedError as error:
            return result | {"cannot": str(error)}
        finally:
            engine.close()

    def fill(self, engine: Any, vectors: Any) -> int:
        """Store everything; returns vectors a second, without reading the data."""
        milliseconds = 0.0
        with (self.data / "metadata.jsonl").open(encoding="utf-8") as lines:
            for start in range(0, len(vectors), dataset.BATCH):
                batch = vectors[start : start + dataset.BATCH]
                metadata = [json.loads(line) for line in islice(lines, len(batch))]
                keys = [f"chunk-{start + n}" for n in range(len(batch))]
                milliseconds += sampling.time_call(engine.put, keys, batch, metadata)
        return round(1000 * len(vectors) / (milliseconds + sampling.time_call(engine.finish)))

    def measure_queries(self, engine: Any, vectors: Any) -> dict[str, Any]:
        """Times of each kind of query and of numpy's product, and recall compared with exact."""
        recall: dict[str, list[float]] = {kind: [] for kind in CONDITIONS}

        def query(kind: str, number: int) -> None:
            keys = engine.query(self.queries[number], CONDITIONS[kind], TOP)
            right = {f"chunk-{row}" for row in nearest[kind][number]}
            recall[kind].append(len(right.intersection(keys)) / TOP)

        nearest = {kind: self.shared[kind] for kind in CONDITIONS}
        tasks: Tasks = {kind: partial(query, kind) for kind in CONDITIONS}
        tasks |= engine.list_more_tasks(vectors, self.queries)
        times = self.time_with_numpy(tasks, vectors, engine.rounds)
        means = {kind: round(statistics.mean(shares), 3) for kind, shares in recall.items()}
        return {**times, "recall": means}

    def time_with_numpy(self, tasks: Tasks, vectors: Any, rounds: int) -> dict[str, Any]:
        """Times of tasks and of numpy's product and partial sort, and ratios round by round."""
        units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
        tasks["numpy"] = lambda n: np.argpartition(-(units @ self.queries[n]), TOP)[:TOP]
        for task in tasks.values():
            task(-1)  # once, to warm up
        times = sampling.time_in_turns(tasks, rounds)
        ratio = {name: sampling.divide_rounds(took, times["numpy"]) for name, took in times.items()}
        return {
            "milliseconds": {name: sampling.summarize(took, "ms") for name, took in times.items()},
            "ratio": {name: sampling.summarize(values, "x") for name, values in ratio.items()},
        }

    def measure_hybrid(self, vectors: Any) -> dict[str, Any]:
        """Texts indexed a second, of what is stored, and times of hybrid queries."""

        def query(number: int) -> None:
            text = dataset.choose_words(300 + 3 * (number % len(self.queries)))
            keys = engine.query_hybrid(self.queries[number], text, TOP)
            assert len(keys) == TOP  # noqa: S101 - else it is no search

        engine = self.kind(self.directory)
        try:
            milliseconds = sampling.time_call(engine.index_text)
            times = self.time_with_numpy({"hybrid": query}, vectors, engine.rounds)
        except NotImplementedError as error:
            return {"cannot": str(error)}
        finally:
            engine.close()
        indexed = {"indexed": round(1000 * len(vectors) / milliseconds)}
        return indexed | times if engine.indexes_text else times

    def measure_openings(self, raw: int) -> dict[str, Any]:
        """Seconds to the first answer and of the second; memory, in the bytes of the vectors."""
        names = ("open", "second", "resident", "resident, second", "memory")
        figures = dict(zip(names, self.open_in_turns(), strict=True))
        if self.kind.cold:
            figures["cold"] = self.open_in_turns(cold=True)[0]
        seconds = ("open", "second", "cold")
        return {
            name: sampling.summarize(values, "s")
            if name in seconds
            else sampling.summarize([value / raw for value in values], "x")
            for name, values in figures.items()
        }

    def open_in_turns(self, *, cold: bool = False) -> list[Any]:
        """What `open` measures in fresh processes: lists of each figure."""
        runs = []
        for _ in range(OPENINGS):
            if cold:
                drop_from_cache(Path(self.directory))
            runs.append(processes.run(None, __file__, *self.arguments, "open"))
        return [*zip(*runs, strict=True)]

    def open(self) -> list[float]:
        """Seconds to the first answer, of the second; resident bytes; bytes until the third."""
        began, before, figures = time.perf_counter(), read_resident_bytes(), []
        engine = self.kind(self.directory)
        for query in self.queries[:3]:
            engine.query(query, {}, TOP)
            figures.append((time.perf_counter() - began, read_resident_bytes()))
        (first, resident), (second, shadow), (_, last) = figures
        return [first, second - first, resident, shadow, last - before]


def read_resident_bytes() -> int:
    """Resident memory of this process, as Linux counts it."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def drop_from_cache(directory: Path) -> None:
    """Take the files out of this machine's cache; whatever it runs on may have one of its own."""
    for file in directory.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    trial = Trial(*sys.argv[1:4])
    json.dump(trial.measure() if len(sys.argv) == 4 else trial.open(), sys.stdout)  # noqa: PLR2004
