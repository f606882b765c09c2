"""What the engine costs over HTTP, from boto3's own client, durable.

    python bench/over_http.py [--save]

The engine's share of PutVectors is the time the caller waits minus the processor time of the
client itself, which is boto3's to spend. A query is compared with one that has nothing to do.
The checks of a request's headers (Host, Origin, Sec-Fetch-Site, Content-Type), and of the room
for its body, are timed apart.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import boto3

import records
from s3vectors_local import Engine, wire
from s3vectors_local.server import Application, _body_bytes
from s3vectors_local.signatures import HttpRequest

NAMES: Final = {"vectorBucketName": "bench", "indexName": "documents"}
EMPTY: Final = {"vectorBucketName": "bench", "indexName": "empty"}
BATCHES: Final = 40
QUERIES: Final = 30
CHECKS: Final = 20_000


@contextmanager
def client() -> Iterator[Any]:
    """A boto3 client of a server of its own, with its data on disk."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0"]
        with subprocess.Popen(  # noqa: S603 - our own interpreter
            [*command, "--data", directory], stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None  # noqa: S101 - for mypy
            url = server.stdout.readline().split()[1].rstrip(",")
            session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y")  # noqa: S106 - dummies
            with closing(session.client("s3vectors", "us-east-1", endpoint_url=url)) as made:
                yield made
            server.terminate()


def prepare(s3vectors: Any, *, text: bool) -> None:
    """The bucket and two indexes, one of which stays empty."""
    s3vectors.create_vector_bucket(vectorBucketName="bench")
    metadata: dict[str, Any] = {"nonFilterableMetadataKeys": ["text"]}
    if text:
        metadata["textSearchConfigurations"] = [{"metadataKey": "text", "language": "en"}]
    index = {
        "dataType": "float32",
        "dimension": records.DIMENSION,
        "distanceMetric": "cosine",
        "metadataConfiguration": metadata,
    }
    for names in (NAMES, EMPTY):
        s3vectors.create_index(**names, **index)
    while text and "BUILDING" in str(s3vectors.get_index(**NAMES)["index"]):
        pass


def put(*, text: bool) -> dict[str, Any]:
    """Vectors a second of the engine's share, and of the caller's time."""
    corpus = records.Corpus()
    shares, waits = [], []
    with client() as s3vectors:
        prepare(s3vectors, text=text)
        for batch in range(BATCHES):
            vectors = [
                {
                    "key": f"chunk-{batch}-{n}",
                    "data": {"float32": vector.tolist()},
                    "metadata": corpus.metadata(500 * batch + n),
                }
                for n, vector in enumerate(corpus.vectors(500))
            ]
            began, computed = time.perf_counter(), time.process_time()
            s3vectors.put_vectors(**NAMES, vectors=vectors)
            waited = time.perf_counter() - began
            waits.append(500 / waited)
            shares.append(waited - (time.process_time() - computed))
    return {
        "share": measure.figure([500 / share for share in shares], "vectors/s"),
        "sustained by the engine": round(500 * BATCHES / sum(shares)),
        "as the caller sees it": measure.figure(waits, "vectors/s"),
    }


def query() -> dict[str, Any]:
    """Milliseconds of a query over 10,000 vectors and of one over none, in turns."""
    corpus = records.Corpus()
    with client() as s3vectors:
        prepare(s3vectors, text=False)
        for batch in range(20):
            vectors = [
                {"key": f"{batch}-{n}", "data": {"float32": vector.tolist()}}
                for n, vector in enumerate(corpus.vectors(500))
            ]
            s3vectors.put_vectors(**NAMES, vectors=vectors)
        queries = corpus.vectors(2 * QUERIES)

        def ask(names: dict[str, str], number: int) -> Any:
            data = {"float32": queries[number].tolist()}
            return s3vectors.query_vectors(**names, topK=10, queryVector=data)

        ask(NAMES, 0)
        tasks = {
            "10,000 vectors": lambda number: ask(NAMES, number),
            "no vectors": lambda number: ask(EMPTY, number),
        }
        times = measure.in_turns(tasks, QUERIES)
    return {name: measure.figure(values, "ms") for name, values in times.items()}


def checks() -> float:
    """Microseconds that the server spends on refusing what a web page may have sent."""
    request = HttpRequest("POST", "/QueryVectors", "", {"content-type": "application/json"}, b"{}")
    raw = {
        "host": "127.0.0.1:9100",
        "content-type": "application/json",
        "content-length": "25000",
        "user-agent": "Boto3/1.44",
        "x-amz-date": "20261128T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=x/20261128/us-east-1/s3vectors/aws4_request",
    }
    scope = {
        "method": "POST",
        "path": "/QueryVectors",
        "server": ("127.0.0.1", 9100),
        "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
    }

    async def check() -> None:
        async with application._room.of(_body_bytes(raw)):  # noqa: SLF001 - timed apart
            wire._check_body(request)  # noqa: SLF001

    async def all_checks() -> float:
        began = time.perf_counter()
        for _ in range(CHECKS):
            application._check(scope, raw)  # noqa: SLF001
            await check()
        return (time.perf_counter() - began) / CHECKS * 1e6

    with Engine() as engine:
        application = Application(engine)
        return statistics.median(asyncio.run(all_checks()) for _ in range(9))


def main() -> None:
    """Measure puts with and without text search, and queries."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    result = {
        "put": put(text=False),
        "put, with text search": put(text=True),
        "query": query(),
        "checks": {"median": round(checks(), 2), "unit": "µs"},
    }
    for name in ("put", "put, with text search"):
        share = result[name]["share"]["median"]
        print(f"{name:<22} {share:8,.0f} vectors/s by the engine's share,", end=" ")
        print(f"{result[name]['as the caller sees it']['median']:,.0f}/s as the caller sees it")
    for name, entry in result["query"].items():
        print(f"query, {name:<15} {entry['median']:8.2f} ms")
    spent = result["checks"]["median"]
    shares = {
        "a query over no vectors": spent / 10 / result["query"]["no vectors"]["median"],
        "a put of 500": spent * result["put"]["share"]["median"] / 500 / 1e4,
    }
    told = ", ".join(f"{share:.2f} % of {name}" for name, share in shares.items())
    print(f"checks of a request    {spent:8.2f} µs, {told}")
    if arguments.save:
        measure.save("http", {"machine": measure.machine(), **result})


if __name__ == "__main__":
    main()
