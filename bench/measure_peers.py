"""Our engine compared with what a user would pick instead, on the same data, in one run.

Each peer lives in a virtual environment of its own. All are called in process. Times are ratios to
numpy's product and partial sort, measured in turns in the same process; recall is the share of the
exact ten nearest that was returned. What needs more memory than peer_task.py allows "cannot".
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

import dataset
import processes

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
    with (directory / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(corpus.draw_metadata(n)) + "\n" for n in range(count))
    queries = corpus.draw_vectors(QUERIES)
    truth = find_nearest(vectors, queries)
    np.savez(directory / "data.npz", vectors=vectors, queries=queries, **truth)


def find_nearest(vectors: dataset.Floats, queries: dataset.Floats) -> dict[str, Any]:
    """The numbers of the exact ten nearest of each query, by what a filter keeps."""
    units = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1)[:, None]
    numbers = np.arange(len(vectors))
    # As Corpus.draw_metadata
    kinds = {"all": numbers, "1 %": numbers[7::100], "50 %": numbers[1::2]}
    nearest: dict[str, Any] = {kind: [] for kind in kinds}
    for query in queries:
        scores = units @ query
        for kind, rows in kinds.items():
            nearest[kind].append(rows[np.argsort(-scores[rows], kind="stable")[:10]])
    return nearest


def measure_peer(name: str, data: str) -> dict[str, Any]:
    """One peer's figures; "cannot" with the reason where it has no memory or no call for it."""
    environment, package = PEERS[name]
    with tempfile.TemporaryDirectory() as directory:
        try:
            result = processes.run(environment, "peers/peer_task.py", name, data, directory)
        except processes.ScriptError as error:
            if "emory" not in str(error):  # Python's, numpy's and Rust's words for it
                raise
            result = {"cannot": "it needs too much memory"}
    return {"package": processes.read_release(environment, package), **result}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All peers at each size, one after the other."""
    sizes = {}
    for count in options.vectors:
        with tempfile.TemporaryDirectory() as data:
            write_data(Path(data), count)
            sizes[str(count)] = {name: measure_peer(name, data) for name in options.peers}
    return {"sizes": sizes}
