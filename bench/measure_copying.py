"""Rates of the operator's tool: copy, export and import, compared with the provider's insert.

From one server of ours to another on loopback, both durable, as fast as it goes. The copy is
interrupted twice with Ctrl-C and called again each time. At the end, every vector is compared.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import processes
import sampling
from measure_clients import Task


def time_command(url: str, *arguments: str, until: float | None = None) -> float:
    """Seconds of a command, which is interrupted after `until` seconds."""
    return processes.run_command(url, *arguments, until=until)["seconds"]


def measure_round(count: int, folder: Path) -> dict[str, float]:
    """Seconds of the insert and of the commands, once."""
    with ExitStack() as stack:
        data = [str(folder / str(number)) for number in range(4)]
        urls = [stack.enter_context(processes.serve("--data", each)) for each in data]
        index = (str(folder / "file.jsonl.gz"), "--index", "documents")
        copy = ("copy", "documents", "documents", "--from-endpoint", urls[0], "--to-endpoint")
        inserted = Task("ingest", count).run("ours", urls[0])["seconds"]
        copied = time_command(urls[0], *copy, urls[1])
        parts = (copied / 4, copied / 4, None)
        times = {
            "insert": inserted,
            "copy": copied,
            "copy in three": sum(time_command(urls[0], *copy, urls[2], until=u) for u in parts),
            "export": time_command(urls[0], "export", *index),
            "import": time_command(urls[3], "import", *index),
        }
        read = partial(processes.list_vectors, returnData=True, returnMetadata=True)
        first, *others = map(read, urls)
    if len(first) != count or any(other != first for other in others):
        raise SystemExit("not all vectors are where they should be")
    return times


def measure(vectors: int = 6_000, rounds: int = 5) -> dict[str, Any]:
    """Vectors a second, and as a share of the insert's, round by round."""
    os.environ["S3VECTORS_WRITE_RATE"] = "0"
    seconds, size = defaultdict[str, list[float]](list), 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, taken in measure_round(vectors, Path(folder)).items():
                seconds[name].append(taken)
            size = (Path(folder) / "file.jsonl.gz").stat().st_size
    rates = {name: [vectors / taken for taken in each] for name, each in seconds.items()}
    return {
        "vectors": vectors,
        "rates": {name: sampling.summarize(each, "vectors/s") for name, each in rates.items()},
        "ratio": {
            name: sampling.compute_ratio(each, rates["insert"]) for name, each in rates.items()
        },
        "file bytes a vector": size // vectors,
    }
