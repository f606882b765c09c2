"""Our engine compared with what a user would pick instead, on the same data, in one run.

Each peer lives in a virtual environment of its own. All are called in process. Times are ratios to
numpy's product and partial sort, measured in turns in the same process; recall is the share of the
exact ten nearest that was returned. What takes more memory than `MOST_MEMORY` "cannot".
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

import dataset
import processes

MOST_MEMORY: Final = 14 * 2**30
"""Bytes; without a limit, the operating system might end something else."""

PEERS: Final = {
    "ours": (None, "s3vectors-local"),
    "ours_text": (None, "s3vectors-local"),
    "chromadb": ("chromadb", "chromadb"),
    "qdrant": ("qdrant", "qdrant-client"),
    "lancedb": ("lancedb", "lancedb"),
    "lancedb_indexed": ("lancedb", "lancedb"),
    "moto": ("moto", "moto"),
}
"""Peer → its environment, and its package."""

OPTIONS: Final[dict[str, Any]] = {
    "vectors": {"type": int, "nargs": "+", "default": [100_000]},
    "peers": {"nargs": "+", "choices": PEERS, "default": list(PEERS)},
}
QUERIES: Final = 30 * 9 + 1
"""One for each call of the peer with most rounds and tasks."""


def write_data(directory: Path, count: int) -> None:
    """Write the vectors, metadata, queries and exact answers that all get."""
    corpus = dataset.Corpus()
    vectors = corpus.draw_vectors(count)
    np.save(directory / "vectors.npy", vectors)
    with (directory / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(count):
            lines.write(json.dumps(corpus.draw_metadata(number)) + "\n")
    queries = corpus.draw_vectors(QUERIES)
    np.save(directory / "queries.npy", queries)
    words = dataset.make_words()[300:]
    texts = [" ".join(words[3 * number : 3 * number + 3]) for number in range(QUERIES)]
    for name, value in {"truth": find_truth(vectors, queries), "texts": texts}.items():
        (directory / f"{name}.json").write_text(json.dumps(value), "utf-8")


def find_truth(vectors: dataset.Floats, queries: dataset.Floats) -> dict[str, list[list[str]]]:
    """The exact ten nearest of each query, by what a filter keeps."""
    units = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1)[:, None]
    numbers = np.arange(len(vectors))
    kinds = {"all": numbers >= 0, "1 %": numbers % 100 == 7, "50 %": numbers % 2 == 1}  # noqa: PLR2004 - as Corpus.draw_metadata
    truth: dict[str, list[list[str]]] = {kind: [] for kind in kinds}
    for query in queries:
        scores = units @ query
        for kind, mask in kinds.items():
            rows = numbers[mask][np.argsort(-scores[mask], kind="stable")[:10]]
            truth[kind].append([f"chunk-{row}" for row in rows])
    return truth


def measure_peer(name: str, data: str) -> dict[str, Any]:
    """One peer's figures; "cannot" with the reason where it has no memory or no call for it."""
    environment, package = PEERS[name]
    about = {"package": f"{package} {processes.list_installed(environment)[package]}"}
    arguments = ("peers/peer_task.py", name, data)
    with tempfile.TemporaryDirectory() as directory:
        try:
            result = processes.run(environment, *arguments, directory, preexec_fn=limit_memory)
        except processes.ScriptError as error:
            if "emory" not in str(error):  # Python's, numpy's and Rust's words for it
                raise
            result = {"cannot": f"it needs more than {MOST_MEMORY / 2**30:.0f} GiB of memory"}
    return {**about, **result}


def limit_memory() -> None:
    """Of a process that is about to start."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All peers at each size, one after the other."""
    sizes = {}
    for count in options.vectors:
        with tempfile.TemporaryDirectory() as data:
            write_data(Path(data), count)
            sizes[str(count)] = {name: measure_peer(name, data) for name in options.peers}
    used = {PEERS[name][0] for name in options.peers}
    installed = {name or "ours": processes.list_installed(name) for name in used}
    return {"installed": installed, "sizes": sizes}
