"""What the operator's tool costs: copy, export and import, compared with the provider's insert.

From one server of ours to another on loopback, both durable, as fast as it goes. The copy is
interrupted twice with Ctrl-C and called again each time. At the end, every vector is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import dataset
import processes
import sampling
from measure_clients import run_task

OPTIONS: Final[dict[str, Any]] = {
    "vectors": {"type": int, "default": 6_000},
    "rounds": {"type": int, "default": 5},
}
ENVIRONMENT: Final = {
    "S3VECTORS_BUCKET_NAME": "bench",
    "S3VECTORS_REGION": "us-east-1",
    "S3VECTORS_WRITE_RATE": "0",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "y",
}


def run_command(url: str, *arguments: str, until: float | None = None) -> None:
    """Run a command, which is interrupted after `until` seconds."""
    environment = {**os.environ, "S3VECTORS_ENDPOINT_URL": url}
    command = [sys.executable, "-m", "stache_ai_s3vectors", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            process.wait(until)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    # Python ends by the signal itself when Ctrl-C meets an import
    if process.returncode not in ([0] if until is None else [130, -signal.SIGINT]):
        raise SystemExit(f"{arguments[0]} ended with {process.returncode}")


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
        urls = [
            stack.enter_context(processes.serve("--data", f"{folder}/{number}"))
            for number in range(4)
        ]

        def time_command(url: str, *arguments: str, until: float | None = None) -> float:
            return sampling.time_call(partial(run_command, url, *arguments, until=until)) / 1000

        index = (str(file), "--index", "documents")
        copy = ("copy", "documents", "documents", "--from-endpoint", urls[0], "--to-endpoint")
        times = {
            "insert": run_task("ingest", "ours", urls[0], count)["seconds"],
            "copy": (whole := time_command(urls[0], *copy, urls[1])),
            "copy in three": sum(
                time_command(urls[0], *copy, urls[2], until=until)
                for until in (whole / 4, whole / 4, None)
            ),
            "export": time_command(urls[0], "export", *index),
            "import": time_command(urls[3], "import", *index),
        }
        first, *others = map(read_contents, urls)
    if len(first) != count or any(other != first for other in others):
        raise SystemExit("not all vectors are where they should be")
    return times, file.stat().st_size


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Vectors a second, and as a share of the insert's, round by round."""
    os.environ.update(ENVIRONMENT)
    rounds, count, size = [], options.vectors, 0
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            times, size = measure_round(count, folder)
            rounds.append(times)
    seconds = {name: [each[name] for each in rounds] for name in rounds[0]}
    rates = {name: [count / each for each in values] for name, values in seconds.items()}
    return {
        "vectors": count,
        "rates": {name: sampling.summarize(each, "vectors/s") for name, each in rates.items()},
        "ratio": {
            name: sampling.compute_ratio(seconds["insert"], values)
            for name, values in seconds.items()
        },
        "file bytes a vector": size // count,
    }
