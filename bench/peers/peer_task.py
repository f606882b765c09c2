"""One engine with the shared data, in a process and an environment of its own.

    python bench/peers/peer_task.py NAME DATA DIRECTORY

with_NAME is a module of this folder, DATA has what measure_peers.py wrote, DIRECTORY is for the
engine. Writes a JSON document. numpy takes turns with the engine in the same process, so that the
ratios of different processes can be compared.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

import processes
import sampling

TOP: Final = 10
BATCH: Final = 500
ENOUGH: Final = 10_000
"""Vectors for the ingest of one that cannot query."""

OPENINGS: Final = 5
KINDS: Final = ("all", "1 %", "50 %")

Tasks = dict[str, Callable[[int], object]]


class Trial:
    """One engine that is tried on the shared data.

    Args:
        name: of a peer; what follows "_" is another class in the same module.
        data: the folder with the data.
        directory: for the engine.
    """

    def __init__(self, name: str, data: str, directory: str) -> None:
        module, _, variant = name.partition("_")
        self.kind = getattr(importlib.import_module(f"with_{module}"), variant.title() or "Peer")
        self.arguments, self.directory, self.data = (name, data, directory), directory, Path(data)
        self.queries = np.load(self.data / "queries.npy")
        self.texts: list[str] = self.load("texts")

    def load(self, name: str) -> Any:
        """A part of the shared data."""
        return json.loads((self.data / f"{name}.json").read_text("utf-8"))

    def measure(self) -> dict[str, Any]:
        """Fill and query, open again, then index the texts and query by both."""
        vectors = np.load(self.data / "vectors.npy")
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
        peer = self.kind(self.directory)
        if reason := check_cannot(peer, "query", self.queries[0], "all", TOP):
            return {"ingest": self.fill(peer, vectors[:ENOUGH]), "cannot": reason}
        result = {"ingest": self.fill(peer, vectors)}
        gc.collect()
        result |= self.measure_queries(peer, vectors)
        peer.close()
        return result

    def fill(self, peer: Any, vectors: Any) -> int:
        """Store everything; returns vectors a second, without reading the data."""
        seconds = 0.0
        with (self.data / "metadata.jsonl").open(encoding="utf-8") as lines:
            for start in range(0, len(vectors), BATCH):
                metadata = [json.loads(line) for _, line in zip(range(BATCH), lines, strict=False)]
                keys = [f"chunk-{start + n}" for n in range(len(metadata))]
                began = time.perf_counter()
                peer.put(keys, vectors[start : start + BATCH], metadata)
                seconds += time.perf_counter() - began
        began = time.perf_counter()
        peer.finish()
        return round(len(vectors) / (seconds + time.perf_counter() - began))

    def measure_queries(self, peer: Any, vectors: Any) -> dict[str, Any]:
        """Times of each kind of query and of numpy's product, and recall compared with exact."""
        answers: dict[str, list[tuple[int, list[str]]]] = {kind: [] for kind in KINDS}

        def query(kind: str, number: int) -> None:
            answers[kind].append((number, peer.query(self.queries[number], kind, TOP)))

        tasks: Tasks = {kind: partial(query, kind) for kind in KINDS}
        tasks |= peer.list_more_tasks(vectors, self.queries)
        times = self.time_with_numpy(tasks, vectors, peer.rounds)
        truth = self.load("truth")
        recall = {
            kind: statistics.mean(len({*keys} & {*truth[kind][n]}) / TOP for n, keys in pairs)
            for kind, pairs in answers.items()
        }
        return {**times, "recall": {kind: round(mean, 3) for kind, mean in recall.items()}}

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
        peer = self.kind(self.directory)
        if reason := check_cannot(peer, "query_hybrid", self.queries[0], self.texts[0], TOP):
            peer.close()
            return {"cannot": reason}
        began = time.perf_counter()
        peer.index_text()
        seconds = time.perf_counter() - began

        def query(number: int) -> None:
            keys = peer.query_hybrid(self.queries[number], self.texts[number], TOP)
            assert len(keys) == TOP  # noqa: S101 - else it is no search

        times = self.time_with_numpy({"hybrid": query}, vectors, peer.rounds)
        peer.close()
        # In no time nothing was indexed: qdrant-client reads the texts at each query
        indexed = len(vectors) / seconds
        return {**({"indexed": round(indexed)} if indexed < 1e6 else {}), **times}  # noqa: PLR2004

    def measure_openings(self, raw: int) -> dict[str, Any]:
        """Seconds to the first answer and of the second; memory, in the bytes of the vectors."""
        first, second, resident, shadow, grown = self.open_in_turns(cold=False)
        result = {
            "open": sampling.summarize(first, "s"),
            "second": sampling.summarize(second, "s"),
            "resident": sampling.summarize([value / raw for value in resident], "x"),
            "resident, second": sampling.summarize([value / raw for value in shadow], "x"),
            "memory": sampling.summarize([value / raw for value in grown], "x"),
        }
        if self.kind.cold:
            result["cold"] = sampling.summarize(self.open_in_turns(cold=True)[0], "s")
        return result

    def open_in_turns(self, *, cold: bool) -> list[Any]:
        """What `open` measures in fresh processes: lists of each figure."""
        runs = []
        for _ in range(OPENINGS):
            if cold:
                drop_from_cache(Path(self.directory))
            runs.append(processes.run(None, __file__, *self.arguments, "open"))
        return [*zip(*runs, strict=True)]

    def open(self) -> list[float]:
        """Seconds to the first answer, of the second; resident bytes; bytes until the third."""
        began, before, figures = time.perf_counter(), sampling.read_resident_bytes(), []
        peer = self.kind(self.directory)
        for query in self.queries[:3]:
            peer.query(query, "all", TOP)
            figures.append((time.perf_counter() - began, sampling.read_resident_bytes()))
        (first, resident), (second, shadow), (_, last) = figures
        return [first, second - first, resident, shadow, last - before]


def check_cannot(peer: Any, method: str, *arguments: Any) -> str | None:
    """Why a peer cannot do something; a later release may, and what fails otherwise is raised."""
    if method not in peer.cannot:
        return None
    words, reason = peer.cannot[method]
    try:
        getattr(peer, method)(*arguments)
    except Exception as error:
        if words in repr(error):
            return str(reason)
        raise
    raise SystemExit(f"{method} works, although `cannot` names it: measure it")


def drop_from_cache(directory: Path) -> None:
    """Take the files out of this machine's cache; whatever it runs on may have one of its own."""
    for file in directory.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    trial = Trial(*sys.argv[1:4])
    json.dump(trial.measure() if len(sys.argv) == 4 else trial.open(), sys.stdout)  # noqa: PLR2004
