"""How long the console takes: its first page, a query, a map; and what it costs the API.

The server is a process of its own, with its data on disk. A query through the console is compared
with the same request to the API, in turns; so is a request to a server with and without a console.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import dataset
import processes
import sampling
from s3vectors_local import Engine

OPTIONS: Final[dict[str, Any]] = {
    "vectors": {"type": int, "default": 100_000},
    "rounds": {"type": int, "default": 21},
}
BATCH: Final = 500
PLACE: Final = {
    "bucket": dataset.NAMES["vectorBucketName"],
    "index": dataset.NAMES["indexName"],
}
SHOWN: Final = {"returnMetadata": True, "returnDistance": True}
PAGE: Final = 50
"""Vectors on the browser's first page."""
TOP_K: Final = 10
REQUESTS: Final = 500
"""To the API, in one turn."""

JSON: Final = {"content-type": "application/json"}

FIRST: Final = "the first page in a browser"
NEXT: Final = "browse 50 vectors"
API: Final = "a query by the API"
CONSOLE: Final = "the same by the console"
MORE: Final = "what the console adds to it"
FIRST_MAP: Final = "a map of 5,000 vectors, the first time"
MAP: Final = "the same map again"


def fill(directory: str, count: int) -> None:
    """Store so many vectors in a data directory."""
    corpus = dataset.Corpus()
    metadata = [corpus.draw_metadata(number) for number in range(BATCH)]  # texts take long to draw
    with Engine(directory) as engine:
        engine.call("CreateVectorBucket", {"vectorBucketName": PLACE["bucket"]})
        engine.call("CreateIndex", dataset.describe_index(nonFilterableMetadataKeys=["text"]))
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            vectors = [
                {
                    "key": f"chunk-{number:07d}",
                    "data": {"float32": vector},
                    "metadata": {**metadata[number % BATCH], "number": number},
                }
                for number, vector in zip(numbers, corpus.draw_vectors(len(numbers)), strict=True)
            ]
            engine.call("PutVectors", {**dataset.NAMES, "vectors": vectors})


def post(connection: http.client.HTTPConnection, path: str, request: Any) -> bytes:
    """The response to a request."""
    connection.request("POST", path, json.dumps(request), JSON)
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK or b'{"error"' in body:
        raise RuntimeError(f"{path}: {body[:200]!r}")
    return body


def open_browser(connection: http.client.HTTPConnection) -> None:
    """What a browser fetches until the first vectors are there."""
    for path in ("/", "/console/static/main.js", "/console/static/console.css"):
        connection.request("GET", path, headers={"accept": "text/html"})
        connection.getresponse().read()
    post(connection, "/console/api/about", {})
    post(connection, "/console/api/stream/browse", {**PLACE, "limit": PAGE})


def measure_steps(url: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of each step, on a server that has just been started."""
    queries = dataset.Corpus(seed=2).draw_vectors(4 * rounds).tolist()
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        first = measure_once(lambda: open_browser(connection))
        post(connection, "/GetVectors", {**dataset.NAMES, "keys": ["none"]})  # opens the index
        draw = {**PLACE, "limit": 5000, "color": "namespace"}
        first_map = measure_once(lambda: post(connection, "/console/api/stream/map", draw))

        def ask_api(number: int) -> None:
            query = {"queryVector": {"float32": queries[number]}, "topK": TOP_K, **SHOWN}
            post(connection, "/QueryVectors", {**dataset.NAMES, **query})

        def ask_console(number: int) -> None:
            query = {"vector": queries[number], "top_k": TOP_K}
            post(connection, "/console/api/stream/query", {**PLACE, **query})

        for number in range(2):  # the second search makes the shadow of the matrix
            ask_api(number)
        times = sampling.time_in_turns(
            {
                NEXT: lambda _: post(
                    connection, "/console/api/stream/browse", {**PLACE, "limit": PAGE}
                ),
                API: ask_api,
                CONSOLE: ask_console,
                MAP: lambda _: post(connection, "/console/api/stream/map", draw),
            },
            rounds,
        )
    more = [one - other for one, other in zip(times[CONSOLE], times[API], strict=True)]
    once = {FIRST: first, FIRST_MAP: first_map}
    figures = {
        **{
            name: {"median": float(f"{value:.4g}"), "of": 1, "unit": "ms"}
            for name, value in once.items()
        },
        **{name: sampling.summarize(values, "ms") for name, values in times.items()},
        MORE: sampling.summarize(more, "ms"),
    }
    return {name: figures[name] for name in (FIRST, NEXT, API, CONSOLE, MORE, FIRST_MAP, MAP)}


def measure_once(step: Callable[[], Any]) -> float:
    """Milliseconds of a step that has only one first time."""
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1000


@contextmanager
def start_server(*options: str) -> Iterator[tuple[int, http.client.HTTPConnection]]:
    """A server without data: its process, and a connection to it."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None  # noqa: S101 - for mypy
        url = process.stdout.readline().split()[1].rstrip(",")
        with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
            yield process.pid, connection
        process.terminate()


def read_processor_time(pid: int) -> int:
    """Nanoseconds that all threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks)


def measure_api(rounds: int) -> dict[str, Any]:
    """The processor time of a request to the API, with and without a console, in turns.

    Time by the clock would show what else the machine does.
    """
    times: dict[str, list[float]] = {"with": [], "without": []}
    with start_server() as with_console, start_server("--no-console") as without:
        servers = {"with": with_console, "without": without}
        for turn in range(-1, rounds):  # the first is not counted
            for name in sampling.rotate([*servers], turn):
                pid, connection = servers[name]
                before = read_processor_time(pid)
                for _ in range(REQUESTS):
                    post(connection, "/ListVectorBuckets", {})
                if turn >= 0:
                    times[name].append((read_processor_time(pid) - before) / 1e6 / REQUESTS)
    ratios = sampling.divide_rounds(times["with"], times["without"])
    return {
        "without a console": sampling.summarize(times["without"], "ms"),
        "times that, with one": sampling.summarize(ratios, ""),
    }


def measure(options: Any) -> dict[str, Any]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as directory:
        fill(directory, options.vectors)
        with processes.serve("--data", directory, create=False) as url:
            steps = measure_steps(url, options.rounds)
    return {
        "vectors": options.vectors,
        "dimension": dataset.DIMENSION,
        "steps": steps,
        "request": measure_api(options.rounds),
    }
