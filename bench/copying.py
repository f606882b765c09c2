"""What the operator's tool costs: copy, export and import, against the provider's own insert.

    python bench/copying.py [--vectors 6000] [--save]

From one server of ours to another on loopback, both durable, as fast as it goes. The copy is
interrupted twice with Ctrl-C and called again each time; then every vector of both is compared.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

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

import boto3
from stache_ai.config import Settings

import provider
import records
from stache_ai_s3vectors import S3VectorsProvider

sys.path.append(str(Path(__file__).parent / "clients"))

import task

INDEX: Final[dict[str, Any]] = {"vectorBucketName": "bench", "indexName": "documents"}
ROUNDS: Final = 5
CALL: Final = 2_000
"""Vectors in one insert."""


def environment(url: str) -> dict[str, str]:
    """The settings for a server, as fast as it goes."""
    return {
        **os.environ,
        "S3VECTORS_ENDPOINT_URL": url,
        "S3VECTORS_BUCKET_NAME": "bench",
        "S3VECTORS_DOCUMENTS_INDEX": "documents",
        "S3VECTORS_REGION": "us-east-1",
        "S3VECTORS_WRITE_RATE": "0",
        "EMBEDDING_DIMENSION": str(records.DIMENSION),
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }


def inserted(url: str, count: int) -> float:
    """Seconds that the provider takes to insert so many chunks."""
    os.environ.update(environment(url))
    client, corpus, took = S3VectorsProvider(Settings(), "documents"), records.Corpus(), 0.0
    for start in range(0, count, CALL):
        chunks = task.chunks(corpus, start, min(CALL, count - start))
        began = time.perf_counter()
        client.insert(**chunks)
        took += time.perf_counter() - began
    return took


def run(url: str, *arguments: str, until: float | None = None) -> float:
    """Seconds of a command; interrupted after so many, when that is given."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "stache_ai_s3vectors.cli", *arguments]
    with subprocess.Popen(command, env=environment(url), stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            process.wait(until)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        status = process.wait()
    wanted = 0 if until is None else 1
    if status != wanted:
        raise SystemExit(f"{arguments[0]} ended with {status}, not {wanted}")
    return time.perf_counter() - began


def contents(url: str) -> dict[str, Any]:
    """Every vector, by a boto3 client of its own."""
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y")  # noqa: S106 - dummies
    client = session.client("s3vectors", "us-east-1", endpoint_url=url)
    pages = client.get_paginator("list_vectors").paginate(
        **INDEX, returnData=True, returnMetadata=True
    )
    found = (vector for page in pages for vector in page["vectors"])
    return {vector["key"]: hash(json.dumps(vector, sort_keys=True)) for vector in found}


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vectors", type=int, default=6_000)
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    rounds, size = [], 0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
            places = [str(Path(directory) / name) for name in ("a", "b", "c", "d")]
            urls = [stack.enter_context(provider.server("--data", place)) for place in places]
            file = Path(directory) / "file.jsonl.gz"
            rounds.append(measured(arguments.vectors, urls, str(file)))
            size = file.stat().st_size
    result = told(arguments.vectors, rounds)
    result["file bytes a vector"] = size // arguments.vectors
    for name, entry in result.items():
        print(name, entry)
    if arguments.save:
        measure.save("copying", {"machine": measure.machine(), **result})


def measured(count: int, urls: list[str], file: str) -> dict[str, float]:
    """Seconds of the insert, and of the commands, once."""
    took = inserted(urls[0], count)
    copy = ("copy", "documents", "documents", "--from-endpoint", urls[0], "--to-endpoint")
    whole = run(urls[0], *copy, urls[1])
    parts = [
        run(urls[0], *copy, urls[2], until=whole / 4),
        run(urls[0], *copy, urls[2], until=whole / 4),
        run(urls[0], *copy, urls[2]),
    ]
    export = run(urls[0], "export", file, "--index", "documents")
    back = run(urls[3], "import", file, "--index", "documents")
    first, *others = map(contents, urls)
    if len(first) != count or any(other != first for other in others):
        raise SystemExit("not all vectors are where they should be")
    tool = {"copy": whole, "copy in three": sum(parts), "export": export, "import": back}
    return {"insert": took, **tool}


def told(count: int, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Vectors a second, and how often the insert goes into them: round by round."""
    rates, ratio = {}, {}
    for name in rounds[0]:
        rates[name] = measure.figure([count / took[name] for took in rounds], "vectors/s")
        ratios = [took["insert"] / took[name] for took in rounds]
        ratio[name] = round(statistics.median(ratios), 2)
    return {"vectors": count, "rates": rates, "ratio": ratio}


if __name__ == "__main__":
    main()
