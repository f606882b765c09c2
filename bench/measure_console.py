"""Times of the console: its first page, a query, a map; and its cost to the API.

The server is a process of its own, with its data on disk. A query through the console is compared
with the same request to the API, alternately; so is a request to a server with and without a
console.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from operator import sub, truediv
from pathlib import Path
from typing import Any, Final

import urllib3

import clients
import dataset
import processes
import sampling
from measure_clients import fill

INDEX: Final = {"bucket": "bench", "index": "documents"}
TOP_K: Final = 10
REQUESTS: Final = 500
"""To the API, in one turn."""

HTTP: Final = urllib3.PoolManager()


def post(url: str, document: Any) -> None:
    """Send a request, which must succeed."""
    response = HTTP.request("POST", url, json=document)
    if response.status != 200 or b'{"error"' in response.data:  # noqa: PLR2004 - OK
        raise SystemExit(f"{url}: {response.data[:200]!r}")


def run_job(url: str, job: str, **members: Any) -> None:
    """Run a job of the console on the index."""
    post(f"{url}/console/api/stream/{job}", {**INDEX, **members})


def query_api(url: str, vector: list[float]) -> None:
    """Query the API for what the console shows of a query."""
    query = {"queryVector": {"float32": vector}, "topK": TOP_K}
    returned = {"returnMetadata": True, "returnDistance": True}
    post(f"{url}/QueryVectors", {**clients.NAMES, **query, **returned})


def open_page(url: str) -> None:
    """Fetch what a browser fetches until it shows the first vectors."""
    for path in ("/", "/console/static/main.js", "/console/static/console.css"):
        HTTP.request("GET", url + path, headers={"accept": "text/html"})
    post(f"{url}/console/api/about", {})
    run_job(url, "browse", limit=50)


def measure_steps(url: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of each step, on a server that has just been started."""
    queries = dataset.Corpus(seed=2).draw_vectors(4 * rounds).tolist()
    draw_map = partial(run_job, url, "map", limit=5_000, color="namespace")
    first = sampling.time_call(open_page, url)
    post(f"{url}/GetVectors", {**clients.NAMES, "keys": ["none"]})  # opens the index
    once = {"first page": first, "first map": sampling.time_call(draw_map)}
    for query in queries[:2]:  # the second search makes the shadow of the matrix
        query_api(url, query)
    tasks = {
        "browse": lambda _: run_job(url, "browse", limit=50),
        "api": lambda number: query_api(url, queries[number]),
        "console": lambda n: run_job(url, "query", vector=queries[n], top_k=TOP_K),
        "map": lambda _: draw_map(),
    }
    times = sampling.time_in_turns(tasks, rounds)
    times["more"] = [*map(sub, times["console"], times["api"])]
    return {
        **{name: {"median": float(f"{ms:.4g}"), "of": 1} for name, ms in once.items()},
        **{name: sampling.summarize(each, "ms") for name, each in times.items()},
    }


def read_processor_time(process: int) -> int:
    """Nanoseconds that all threads of a process have run."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks)


def measure_api(rounds: int) -> dict[str, Any]:
    """The processor time of a request to the API, with and without a console, alternately.

    Time by the clock would show what else the machine does.
    """

    def send_requests(url: str, process: int, _: int) -> float:
        before = read_processor_time(process)
        for _ in range(REQUESTS):
            post(f"{url}/ListVectorBuckets", {})
        return (read_processor_time(process) - before) / 1e6 / REQUESTS

    with ExitStack() as stack:
        kinds = {"with": [], "without": ["--no-console"]}
        servers = {n: stack.enter_context(processes.start_server(*o)) for n, o in kinds.items()}
        tasks = {name: partial(send_requests, *server) for name, server in servers.items()}
        times = sampling.run_in_turns(tasks, 1 + rounds)
    alone, both = times["without"][1:], times["with"][1:]  # one warms up
    return {
        "without a console": sampling.summarize(alone, "ms"),
        "times that, with one": sampling.summarize([*map(truediv, both, alone)], ""),
    }


def measure(vectors: int = 100_000, rounds: int = 21) -> dict[str, Any]:
    """Measure all of it; the vectors are a multiple of 500."""
    with tempfile.TemporaryDirectory() as directory:
        with processes.serve("--data", directory) as url:
            fill(url, vectors)
        with processes.start_server("--data", directory) as (url, _):
            steps = measure_steps(url, rounds)
    about = {"vectors": vectors, "dimension": dataset.DIMENSION}
    return {**about, "steps": steps, "request": measure_api(rounds)}
