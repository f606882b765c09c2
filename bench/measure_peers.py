"""Our engine compared with what a user would pick instead, on the same data, in one run.

Each peer lives in a virtual environment of its own. All are called in process. Times are ratios to
numpy's product and partial sort, measured alternately in the same process; recall is the share of
the exact ten nearest that was returned. What needs more memory than MOST_MEMORY "cannot".
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib import import_module
from operator import truediv
from pathlib import Path
from typing import Any, Final

import numpy as np

import clients
import dataset
import processes
import sampling
from clients import TOP
from dataset import CONDITIONS
from peers import PEERS

MOST_MEMORY: Final = 14 * 2**30
"""Bytes; without a limit, the operating system might end something else."""

ROUNDS: Final = 20
OPENINGS: Final = 5
QUERIES: Final = ROUNDS * 9 + 1
"""One for each call of the peer with most tasks."""


def measure(
    vectors: tuple[int, ...] = (1_000, 10_000, 100_000, 300_000),
    peers: tuple[str, ...] = tuple(PEERS),
) -> dict[str, Any]:
    """All peers at each size, one after the other."""
    sizes = {str(count): {name: measure_peer(name, count) for name in peers} for count in vectors}
    return {"sizes": sizes}


def measure_peer(name: str, count: int) -> dict[str, Any]:
    """One peer's figures; "cannot" with the reason where it has no memory or no call for it."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            result = processes.call(name, "measure_peers:try_peer", name, count, directory)
        except ChildProcessError as error:
            if "emory" not in str(error):  # Python's, numpy's and Rust's words for it
                raise
            result = {"cannot": "it needs too much memory"}
    return {"package": processes.read_release(name, "s3vectors-local"), **result}


def try_peer(name: str, count: int, directory: str) -> dict[str, Any]:
    """Fill and query, open again, then index the texts and query by both."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    trial = Trial(name, count, directory)
    with closing(trial.kind(directory)) as peer:
        result = {"ingest": trial.fill(peer), **attempt(trial.measure_queries, peer)}
    if "cannot" in result:
        return result
    del peer
    gc.collect()
    result |= trial.measure_openings()
    result["disk"] = round(sampling.measure_folder(Path(directory)) / trial.vectors.nbytes, 2)
    with closing(trial.kind(directory)) as peer:
        return {**result, "hybrid": attempt(trial.measure_hybrid, peer)}


def attempt(measure_part: Callable[[Any], dict[str, Any]], peer: Any) -> dict[str, Any]:
    """A part's figures, or why the peer cannot do it."""
    try:
        return measure_part(peer)
    except NotImplementedError as error:
        return {"cannot": str(error)}


def draw_queries() -> dataset.Floats:
    """The queries, the same for all peers and sizes."""
    return dataset.Corpus(seed=2).draw_vectors(QUERIES)


def find_nearest(vectors: dataset.Floats, queries: dataset.Floats) -> dict[str, Any]:
    """The numbers of the exact ten nearest of each query, by what a filter keeps."""
    numbers = np.arange(len(vectors))
    # As Corpus.draw_metadata
    kinds = {"all": numbers, "1 %": numbers[7::100], "50 %": numbers[1::2]}
    lengths = np.linalg.norm(vectors, axis=1)[:, None]
    scores = -(vectors @ queries.T.astype(np.float64)) / lengths  # sorted upwards
    return {
        kind: rows[np.argpartition(scores[rows], TOP - 1, axis=0)[:TOP]].T
        for kind, rows in kinds.items()
    }


class Trial:
    """One engine that is tried on the shared data, in its environment."""

    def __init__(self, name: str, count: int, directory: str) -> None:
        self.kind = PEERS[name]
        self.name, self.directory, self.queries = name, directory, draw_queries()
        self.corpus = dataset.Corpus()
        self.vectors = self.corpus.draw_vectors(min(count, self.kind.most or count))

    def fill(self, peer: Any) -> int:
        """Store everything; returns vectors a second, without drawing the data."""
        milliseconds = 0.0
        for start in range(0, len(self.vectors), clients.BATCH):
            batch = self.vectors[start : start + clients.BATCH]
            numbers = range(start, start + len(batch))
            metadata = [*map(self.corpus.draw_metadata, numbers)]
            keys = [f"chunk-{number}" for number in numbers]
            milliseconds += sampling.time_call(peer.put, keys, batch, metadata)
        return round(1000 * len(self.vectors) / (milliseconds + sampling.time_call(peer.finish)))

    def measure_queries(self, peer: Any) -> dict[str, Any]:
        """Times of each kind of query and of numpy's product, and recall compared with exact."""
        recall: dict[str, list[float]] = {kind: [] for kind in CONDITIONS}
        nearest = find_nearest(self.vectors, self.queries)

        def query(kind: str, number: int) -> None:
            keys = peer.query(self.queries[number], CONDITIONS[kind])
            right = {f"chunk-{row}" for row in nearest[kind][number]}
            recall[kind].append(len(right.intersection(keys)) / TOP)

        tasks: dict[str, Any] = {kind: partial(query, kind) for kind in CONDITIONS}
        times = self.time_with_numpy(tasks | peer.list_more_tasks(self.vectors, self.queries))
        means = {kind: round(statistics.mean(shares), 3) for kind, shares in recall.items()}
        return {**times, "recall": means}

    def time_with_numpy(self, tasks: dict[str, Any]) -> dict[str, Any]:
        """Times of tasks and of numpy's product and partial sort, and ratios round by round."""
        units = self.vectors / np.linalg.norm(self.vectors, axis=1)[:, None]
        tasks["numpy"] = lambda n: np.argpartition(-(units @ self.queries[n]), TOP)[:TOP]
        for task in tasks.values():
            task(-1)  # once, to warm up
        times = sampling.time_in_turns(tasks, ROUNDS)
        ratio = {name: [*map(truediv, took, times["numpy"])] for name, took in times.items()}
        return {
            "milliseconds": {name: sampling.summarize(took, "ms") for name, took in times.items()},
            "ratio": {name: sampling.summarize(values, "x") for name, values in ratio.items()},
        }

    def measure_hybrid(self, peer: Any) -> dict[str, Any]:
        """Texts indexed a second, of what is stored, and times of hybrid queries."""

        def query(number: int) -> None:
            text = dataset.choose_words(300 + 3 * (number % len(self.queries)))
            keys = peer.query(self.queries[number], {}, text)
            assert len(keys) == TOP  # noqa: S101 - else it is no search

        began = time.perf_counter()
        indexed = peer.index_text()
        seconds = time.perf_counter() - began
        times = self.time_with_numpy({"hybrid": query})
        return {"indexed": round(len(self.vectors) / seconds), **times} if indexed else times

    def measure_openings(self) -> dict[str, Any]:
        """The figures of `open_peer` in fresh processes, and with a cold file cache."""
        arguments = (self.name, self.directory, self.vectors.nbytes)
        open_again = partial(processes.call, "this", "measure_peers:open_peer", *arguments)
        runs = [open_again() for _ in range(OPENINGS)]
        for run in runs:
            drop_from_cache(Path(self.directory))
            run["cold"] = open_again()["open"]
        units = {name: "s" if name in {"open", "second", "cold"} else "x" for name in runs[0]}
        return {
            name: sampling.summarize([run[name] for run in runs], unit)
            for name, unit in units.items()
        }


def open_peer(name: str, directory: str, raw: int) -> dict[str, float]:
    """Seconds to the first answer, and of the second; memory, in the bytes of the vectors."""
    import_module(PEERS[name].module)  # not measured
    queries, figures = draw_queries(), []
    began, before = time.perf_counter(), read_resident_bytes()
    peer = PEERS[name](directory)
    for query in queries[:3]:
        peer.query(query, {})
        figures.append((time.perf_counter() - began, read_resident_bytes()))
    (first, resident), (second, shadow), (_, last) = figures
    memory = {"resident": resident, "resident, second": shadow, "memory": last - before}
    ratios = {kind: size / raw for kind, size in memory.items()}
    return {"open": first, "second": second - first, **ratios}


def read_resident_bytes() -> int:
    """Resident memory of this process, as Linux counts it."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def drop_from_cache(directory: Path) -> None:
    """Take the files out of this machine's cache; whatever it runs on may have one of its own."""
    for file in filter(Path.is_file, directory.rglob("*")):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
