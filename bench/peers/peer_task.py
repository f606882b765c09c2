"""One engine with the shared data, in a process and an environment of its own.

    python bench/peers/peer_task.py NAME DATA DIRECTORY

with_NAME is a module of this folder, DATA has what measure_peers.py wrote, DIRECTORY is for the
engine. Prints a JSON document. numpy takes turns with the engine in the same process, so that the
ratios of different processes can be compared.
"""

from __future__ import annotations

import gc
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))

import sampling

TOP: Final = 10
BATCH: Final = 500
ENOUGH: Final = 10_000
"""Vectors for the ingest of one that cannot query."""

OPENINGS: Final = 5
KINDS: Final = ("all", "1 %", "50 %")


def fill(peer: Any, data: Path, vectors: Any) -> int:
    """Store everything; returns vectors a second, without reading the data."""
    took = 0.0
    with (data / "metadata.jsonl").open(encoding="utf-8") as lines:
        for start in range(0, len(vectors), BATCH):
            metadata = [json.loads(line) for _, line in zip(range(BATCH), lines, strict=False)]
            keys = [f"chunk-{start + n}" for n in range(len(metadata))]
            began = time.perf_counter()
            peer.put(keys, vectors[start : start + BATCH], metadata)
            took += time.perf_counter() - began
    began = time.perf_counter()
    peer.finish()
    return round(len(vectors) / (took + time.perf_counter() - began))


def time_queries(peer: Any, data: Path, vectors: Any) -> dict[str, Any]:
    """Times of each kind of query and of numpy's product, and recall compared with exact."""
    queries = np.load(data / "queries.npy")
    truth = json.loads((data / "truth.json").read_text("utf-8"))
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    order = [*KINDS, "numpy"]
    times: dict[str, list[float]] = {kind: [] for kind in order}
    recall: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(peer.rounds + 1):
        query = queries[turn]
        for kind in sampling.rotate(order, turn):
            began = time.perf_counter()
            if kind == "numpy":
                np.argpartition(-(units @ query), TOP)[:TOP]
            else:
                keys = peer.query(query, kind, TOP)
            if turn:  # the first warms up
                times[kind].append((time.perf_counter() - began) * 1000)
            if kind != "numpy":
                recall[kind].append(len({*keys} & {*truth[kind][turn]}) / TOP)
    means = {kind: round(statistics.mean(values), 3) for kind, values in recall.items()}
    return {
        "milliseconds": {kind: sampling.summarize(values, "ms") for kind, values in times.items()},
        "ratio": {kind: compare(values, times["numpy"]) for kind, values in times.items()},
        "recall": means,
    }


def compare(values: list[float], numpy: list[float]) -> dict[str, Any]:
    """Ratios to numpy, round by round."""
    return sampling.summarize(sampling.divide_rounds(values, numpy), "x")


def check_that_it_cannot(call: Callable[[], object], words: str) -> None:
    """A later release may; and what is wrong with the call is no answer."""
    try:
        call()
    except Exception as error:
        if words in repr(error):
            return
        raise
    raise SystemExit("it can do what is said that it cannot: measure it")


def time_hybrid(kind: Any, data: Path, directory: str, vectors: Any) -> dict[str, Any]:
    """Texts indexed a second, of what is stored, and times of hybrid queries and of numpy."""
    peer = kind(directory)
    queries = np.load(data / "queries.npy")
    texts = json.loads((data / "texts.json").read_text("utf-8"))
    if "hybrid" in peer.cannot:
        words, reason = peer.cannot["hybrid"]
        check_that_it_cannot(lambda: peer.query_hybrid(queries[0], texts[0], TOP), words)
        peer.close()
        return {"cannot": reason}
    began = time.perf_counter()
    peer.index_text()
    took = time.perf_counter() - began
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    tasks: dict[str, Callable[[int], Any]] = {
        "hybrid": lambda number: peer.query_hybrid(queries[number], texts[number], TOP),
        "numpy": lambda number: np.argpartition(-(units @ queries[number]), TOP)[:TOP],
    }
    assert len(tasks["hybrid"](-1)) == TOP  # noqa: S101 - else it found nothing; warms up
    times = sampling.time_in_turns(tasks, peer.rounds)
    peer.close()
    return {
        # In no time nothing was indexed: qdrant-client reads the texts at each query
        **({"indexed": round(len(vectors) / took)} if took > len(vectors) / 1e6 else {}),
        "milliseconds": sampling.summarize(times["hybrid"], "ms"),
        "ratio": compare(times["hybrid"], times["numpy"]),
    }


def time_opening(name: str, directory: str, queries: Any) -> None:
    """In a fresh process: seconds to the first answer, and memory grown until the third."""
    kind = import_peer(name)
    before = sampling.read_resident_bytes()
    began = time.perf_counter()
    peer = kind(directory)
    peer.query(queries[0], "all", TOP)
    seconds = time.perf_counter() - began
    for query in queries[1:3]:
        peer.query(query, "all", TOP)
    print(json.dumps([seconds, sampling.read_resident_bytes() - before]))


def fill_and_query(kind: Any, data: Path, directory: str, vectors: Any) -> dict[str, Any]:
    """What storing and querying takes, or why it cannot query; nothing of it stays in memory."""
    peer = kind(directory)
    if "query" in peer.cannot:
        ingest = fill(peer, data, vectors[:ENOUGH])
        words, reason = peer.cannot["query"]
        question = np.load(data / "queries.npy")[0]
        check_that_it_cannot(lambda: peer.query(question, "all", TOP), words)
        return {"ingest": ingest, "cannot": reason}
    ingest = fill(peer, data, vectors)
    gc.collect()
    result = time_queries(peer, data, vectors)
    peer.close()
    return {"ingest": ingest, **result}


def import_peer(name: str) -> Any:
    """The class of a peer; "_indexed" is another one in the same module."""
    module, _, variant = name.partition("_")
    return getattr(importlib.import_module(f"with_{module}"), variant.capitalize() or "Peer")


def main() -> None:
    """Fill, query, open again five times, then index the texts and query by both."""
    name, data, directory = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if len(sys.argv) > 4:  # noqa: PLR2004 - a fourth argument: only open
        time_opening(name, directory, np.load(data / "queries.npy"))
        return
    vectors, kind = np.load(data / "vectors.npy"), import_peer(name)
    result = fill_and_query(kind, data, directory, vectors)
    gc.collect()
    if "cannot" not in result:
        raw = vectors.nbytes
        command = [sys.executable, __file__, name, str(data), directory, "open"]
        opened = [
            json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603 - ourselves
            for _ in range(OPENINGS)
        ]
        result["open"] = sampling.summarize([seconds for seconds, _ in opened], "s")
        result["memory"] = sampling.summarize([grown / raw for _, grown in opened], "x")
        files = [file for file in Path(directory).rglob("*") if file.is_file()]
        result["disk"] = round(sum(file.stat().st_size for file in files) / raw, 2)
        result["hybrid"] = time_hybrid(kind, data, directory, vectors)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
