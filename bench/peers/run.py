"""One engine with the shared data, in a process and an environment of its own.

    python bench/peers/run.py NAME DATA DIRECTORY

with_NAME is a module beside this one, DATA has what compare.py wrote, DIRECTORY is for the engine.
Prints a JSON document. numpy takes turns with the engine in the same process, so that the
ratios of different processes can be compared.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
import measure

measure.one_blas_thread()

import gc
import importlib
import json
import statistics
import subprocess
import time
from typing import Any, Final

import numpy as np

TOP: Final = 10
BATCH: Final = 500
KINDS: Final = ("all", "1 %", "50 %")


def fill(peer: Any, data: Path, vectors: Any) -> float:
    """Store everything; returns vectors a second, without reading the data."""
    took = 0.0
    with (data / "metadata.jsonl").open(encoding="utf-8") as lines:
        for start in range(0, len(vectors), BATCH):
            metadata = [json.loads(line) for _, line in zip(range(BATCH), lines, strict=False)]
            keys = [f"chunk-{start + n}" for n in range(len(metadata))]
            began = time.perf_counter()
            peer.put(keys, vectors[start : start + BATCH], metadata)
            took += time.perf_counter() - began
    return len(vectors) / took


def timed(peer: Any, data: Path, vectors: Any, rounds: int) -> dict[str, Any]:
    """Times of each kind of query beside numpy's, and recall against exact."""
    queries = np.load(data / "queries.npy")
    truth = json.loads((data / "truth.json").read_text("utf-8"))
    units = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    times: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "numpy")}
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    order = [*KINDS, "numpy"]
    number = 0
    for turn in range(rounds + 1):
        for kind in order[turn % 4 :] + order[: turn % 4]:
            query = queries[number]
            began = time.perf_counter()
            if kind == "numpy":
                np.argpartition(-(units @ query), TOP)[:TOP]
            else:
                keys = peer.query(query, kind, TOP)
                found[kind].append(len({*keys} & {*truth[kind][number]}) / TOP)
            if turn:  # the first warms up
                times[kind].append((time.perf_counter() - began) * 1000)
            number += 1
    return {
        "milliseconds": {kind: times[kind] for kind in times},
        "recall": {kind: statistics.mean(values) for kind, values in found.items()},
    }


def opened(name: str, directory: str, query: Any) -> None:
    """In a fresh process: seconds to the first answer, and memory grown meanwhile."""
    module = importlib.import_module(f"with_{name}")
    before = measure.resident_bytes()
    began = time.perf_counter()
    peer = module.Peer(directory)
    peer.query(query, "all", TOP)
    print(
        json.dumps(
            {"seconds": time.perf_counter() - began, "grown": measure.resident_bytes() - before}
        )
    )


def main() -> None:
    """Fill, query, and open again five times."""
    name, data, directory = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if len(sys.argv) > 4:  # noqa: PLR2004 - a fourth argument: only open
        opened(name, directory, np.load(data / "queries.npy")[0])
        return
    vectors = np.load(data / "vectors.npy")
    module = importlib.import_module(f"with_{name}")
    peer = module.Peer(directory)
    ingest = fill(peer, data, vectors)
    gc.collect()
    result = timed(peer, data, vectors, module.ROUNDS)
    peer.close()
    command = [sys.executable, __file__, name, str(data), directory, "open"]
    again = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - ourselves
        for _ in range(module.OPENINGS)
    ]
    files = [file for file in Path(directory).rglob("*") if file.is_file()]
    disk = sum(file.stat().st_size for file in files)
    print(json.dumps({"ingest": ingest, **result, "opened": again, "disk": disk}))


if __name__ == "__main__":
    main()
