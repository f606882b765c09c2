"""What the operator's tool costs: copy, export and import, compared with the provider's insert.

From one server of ours to another on loopback, both durable, as fast as it goes. The copy is
interrupted twice with Ctrl-C and called again each time; then every vector of both is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import dataset
import processes
import sampling
from stache_ai_s3vectors import S3VectorsProvider, Settings

OPTIONS: Final[dict[str, Any]] = {
    "vectors": {"type": int, "default": 6_000},
    "rounds": {"type": int, "default": 5},
}
CALL: Final = 2_000
"""Vectors in one insert."""

ENVIRONMENT: Final = {
    "S3VECTORS_BUCKET_NAME": "bench",
    "S3VECTORS_DOCUMENTS_INDEX": "documents",
    "S3VECTORS_REGION": "us-east-1",
    "S3VECTORS_WRITE_RATE": "0",
    "EMBEDDING_DIMENSION": str(dataset.DIMENSION),
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "y",
}


def time_insert(url: str, count: int) -> float:
    """Seconds that the provider takes to insert so many chunks."""
    os.environ.update(ENVIRONMENT, S3VECTORS_ENDPOINT_URL=url)
    provider, corpus, seconds = S3VectorsProvider(Settings(), "documents"), dataset.Corpus(), 0.0
    for start in range(0, count, CALL):
        chunks = corpus.draw_chunks(start, min(CALL, count - start))
        began = time.perf_counter()
        provider.insert(**chunks)
        seconds += time.perf_counter() - began
    return seconds


def time_command(url: str, *arguments: str, until: float | None = None) -> float:
    """Seconds of a command; interrupted after so many, when that is given."""
    environment = {**os.environ, **ENVIRONMENT, "S3VECTORS_ENDPOINT_URL": url}
    command = [sys.executable, "-m", "stache_ai_s3vectors", *arguments]
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            process.wait(until)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    if process.returncode != (0 if until is None else 1):
        raise SystemExit(f"{arguments[0]} ended with {process.returncode}")
    return time.perf_counter() - began


def read_contents(url: str) -> dict[str, Any]:
    """Every vector, by a boto3 client of its own."""
    paginator = processes.connect(url).get_paginator("list_vectors")
    pages = paginator.paginate(**dataset.NAMES, returnData=True, returnMetadata=True)
    vectors = (vector for page in pages for vector in page["vectors"])
    return {vector["key"]: hash(json.dumps(vector, sort_keys=True)) for vector in vectors}


def measure_round(count: int, folder: str) -> tuple[dict[str, float], int]:
    """Seconds of the insert and of the commands, once, and the file's bytes."""
    file = Path(folder) / "file.jsonl.gz"
    with ExitStack() as stack:
        data = (f"{folder}/{number}" for number in range(4))
        urls = [stack.enter_context(processes.serve("--data", each)) for each in data]
        copy = ("copy", "documents", "documents", "--from-endpoint", urls[0], "--to-endpoint")
        times = {
            "insert": time_insert(urls[0], count),
            "copy": (whole := time_command(urls[0], *copy, urls[1])),
            "copy in three": sum(
                time_command(urls[0], *copy, urls[2], until=until)
                for until in (whole / 4, whole / 4, None)
            ),
            "export": time_command(urls[0], "export", str(file), "--index", "documents"),
            "import": time_command(urls[3], "import", str(file), "--index", "documents"),
        }
        first, *others = map(read_contents, urls)
    if len(first) != count or any(other != first for other in others):
        raise SystemExit("not all vectors are where they should be")
    return times, file.stat().st_size


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Vectors a second, and as a share of the insert's, round by round."""
    rounds, count, size = [], options.vectors, 0
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            times, size = measure_round(count, folder)
            rounds.append(times)
    rates, ratio = {}, {}
    for name in rounds[0]:
        rates[name] = sampling.summarize([count / times[name] for times in rounds], "vectors/s")
        ratio[name] = round(statistics.median(t["insert"] / t[name] for t in rounds), 2)
    return {"vectors": count, "rates": rates, "ratio": ratio, "file bytes a vector": size // count}
