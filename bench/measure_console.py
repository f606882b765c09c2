"""How long the console takes: its first page, a query, a map; and what it costs the API.

The server is a process of its own, with its data on disk. A query through the console is compared
with the same request to the API, in turns; so is a request to a server with and without a console.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import dataset
import processes
import sampling
from measure_clients import run_task

OPTIONS: Final[dict[str, Any]] = {
    "vectors": {"type": int, "default": 100_000, "help": "a multiple of 500"},
    "rounds": {"type": int, "default": 21},
}
CONSOLE: Final = "/console/api"
INDEX: Final = {"bucket": "bench", "index": "documents"}
BROWSE: Final = {**INDEX, "limit": 50}
MAP: Final = {**INDEX, "limit": 5_000, "color": "namespace"}
TOP_K: Final = 10
REQUESTS: Final = 500
"""To the API, in one turn."""


class Connection(http.client.HTTPConnection):
    """A connection to a server, which is kept."""

    def __init__(self, url: str) -> None:
        super().__init__(urlsplit(url).netloc)

    def post(self, path: str, document: Any) -> None:
        """Send a request, which must succeed."""
        self.request("POST", path, json.dumps(document), {"content-type": "application/json"})
        response = self.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK or b'{"error"' in body:
            raise RuntimeError(f"{path}: {body[:200]!r}")

    def open_browser(self) -> None:
        """Fetch what a browser does until the first vectors are there."""
        for path in ("/", "/console/static/main.js", "/console/static/console.css"):
            self.request("GET", path, headers={"accept": "text/html"})
            self.getresponse().read()
        self.post(f"{CONSOLE}/about", {})
        self.browse()

    def browse(self, _: int = 0) -> None:
        """Show a page of vectors."""
        self.post(f"{CONSOLE}/stream/browse", BROWSE)

    def draw_map(self, _: int = 0) -> None:
        """Draw a map of the vectors."""
        self.post(f"{CONSOLE}/stream/map", MAP)

    def query_console(self, vector: list[float]) -> None:
        """Query through the console."""
        self.post(f"{CONSOLE}/stream/query", {**INDEX, "vector": vector, "top_k": TOP_K})

    def query_api(self, vector: list[float]) -> None:
        """Query the API for the same."""
        query = {"queryVector": {"float32": vector}, "topK": TOP_K}
        returned = {"returnMetadata": True, "returnDistance": True}
        self.post("/QueryVectors", {**dataset.NAMES, **query, **returned})


def measure_steps(url: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of each step, on a server that has just been started."""
    queries = dataset.Corpus(seed=2).draw_vectors(4 * rounds).tolist()
    with closing(Connection(url)) as connection:
        first = sampling.time_call(connection.open_browser)
        connection.post("/GetVectors", {**dataset.NAMES, "keys": ["none"]})  # opens the index
        first_map = sampling.time_call(connection.draw_map)
        for query in queries[:2]:  # the second search makes the shadow of the matrix
            connection.query_api(query)
        tasks = {
            "browse": connection.browse,
            "api": lambda number: connection.query_api(queries[number]),
            "console": lambda number: connection.query_console(queries[number]),
            "map": connection.draw_map,
        }
        times = sampling.time_in_turns(tasks, rounds)
    more = [one - other for one, other in zip(times["console"], times["api"], strict=True)]
    once = {"first page": first, "first map": first_map}
    return {
        **{name: {"median": float(f"{ms:.4g}"), "of": 1} for name, ms in once.items()},
        **{name: sampling.summarize(each, "ms") for name, each in {**times, "more": more}.items()},
    }


def read_processor_time(process: int) -> int:
    """Nanoseconds that all threads of a process have run."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks)


def measure_api(rounds: int) -> dict[str, Any]:
    """The processor time of a request to the API, with and without a console, in turns.

    Time by the clock would show what else the machine does.
    """

    def send_requests(connection: Connection, process: int, _: int) -> float:
        before = read_processor_time(process)
        for _ in range(REQUESTS):
            connection.post("/ListVectorBuckets", {})
        return (read_processor_time(process) - before) / 1e6 / REQUESTS

    with ExitStack() as stack:
        tasks = {}
        for name, options in {"with": [], "without": ["--no-console"]}.items():
            url, process = stack.enter_context(processes.start_server(*options))
            connection = stack.enter_context(closing(Connection(url)))
            tasks[name] = partial(send_requests, connection, process)
        times = sampling.run_in_turns(tasks, 1 + rounds)
    ratios = sampling.divide_rounds(times["with"][1:], times["without"][1:])  # one warms up
    return {
        "without a console": sampling.summarize(times["without"][1:], "ms"),
        "times that, with one": sampling.summarize(ratios, ""),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as directory:
        with processes.serve("--data", directory) as url:
            run_task("fill", "floor", url, options.vectors)
        with processes.start_server("--data", directory) as (url, _):
            steps = measure_steps(url, options.rounds)
    about = {"vectors": options.vectors, "dimension": dataset.DIMENSION}
    return {**about, "steps": steps, "request": measure_api(options.rounds)}
