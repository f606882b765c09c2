"""The provider's cost, compared with other clients and with the least work.

All use a server of ours on loopback, with 1.5 KB of text a vector and Python lists of floats
as Stache hands them over. Each client runs in a process and, where it is not ours, in an
environment of its own.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

import dataset
import processes
import sampling
from clients import CLIENTS
from processes import serve

SCANNERS: Final = ("ours", "floor", "boto3", "older")
"""Those that can go through an index; the others have no public call for it."""
ROUNDS: Final = 5
RATE: Final = 2_500
"""Vectors a second that the service takes."""

INSERTS: Final = 1_500
SEARCHES: Final = 105
SCANNED: Final = 10_000
COUNTED: Final = 50_000
INGESTS: Final = (("ours", 20_000), ("ours", 5_000), ("boto3", 20_000))
REMEMBERED: Final = 100_000
PROFILED: Final = 300
WRITTEN: Final = 20_000


@dataclass(frozen=True)
class Task:
    """A method of `client_tasks.Tasks`, and how many vectors, searches or calls it gets."""

    method: str
    count: int
    dimension: int = dataset.DIMENSION

    def run(self, name: str, url: str, function: str = "run") -> Any:
        """Run it in a client's process."""
        arguments = (self.method, name, url, self.count, self.dimension)
        return processes.call(name, f"client_tasks:{function}", *arguments)

    def count_bytes(self, name: str, url: str) -> int:
        """Bytes that a client sends and receives for a vector or search; not timed."""
        traffic: dict[str, int] = self.run(name, url, "run_counted")[1]
        return round((traffic["sent"] + traffic["received"]) / self.count)


def fill(url: str, count: int, dimension: int = dataset.DIMENSION) -> None:
    """Store vectors, by the fastest client."""
    Task("time_inserts", count, dimension).run("floor", url)


def compare(
    run: Callable[[str, str], Any], urls: Mapping[str, str], unit: str, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Medians of clients, each at its server, alternately, and their ratios to ours."""
    tasks = {name: lambda _, name=name, url=url: run(name, url) for name, url in urls.items()}
    runs = sampling.run_in_turns(tasks, rounds)
    medians = {name: [*map(statistics.median, figures)] for name, figures in runs.items()}
    return {
        name: {
            **sampling.summarize([*chain.from_iterable(figures)], unit),
            "times ours": sampling.compute_ratio(medians[name], medians["ours"]),
        }
        for name, figures in runs.items()
    }


def measure_costs(names: Sequence[str], rounds: int, dimension: int) -> dict[str, Any]:
    """Processor time, and bytes on the wire, of inserts, searches and scans."""
    result: dict[str, Any] = {"bytes": {}}

    def measure_task(method: str, count: int, urls: Mapping[str, str], unit: str) -> None:
        task = Task(method, count, dimension)
        result[method] = compare(task.run, urls, unit, rounds)
        result["bytes"][method] = {name: task.count_bytes(name, url) for name, url in urls.items()}

    with ExitStack() as stack:
        # One each: llama-index can only read what it wrote
        urls = {name: stack.enter_context(serve(dimension=dimension)) for name in names}
        inserts = INSERTS + dataset.choose_call_size(dimension)
        measure_task("insert", inserts, urls, "ms a vector")
        measure_task("search", SEARCHES, urls, "ms a search")
    with serve(dimension=dimension) as url:
        fill(url, SCANNED, dimension)
        urls = {name: url for name in SCANNERS if name in names}
        measure_task("scan", 4 * SCANNED, urls, "ms a vector")
    return result


def measure_start(names: Sequence[str], rounds: int) -> dict[str, Any]:
    """Seconds to import and make a client."""

    def start(name: str, url: str) -> list[float]:
        return [processes.call(name, "clients:time_start", name, url)]

    with serve() as url:
        urls = {name: url for name in names if name != "floor"}
        return compare(start, urls, "s", rounds)


def measure_ingest(name: str, count: int) -> dict[str, Any]:
    """Time to store in one call against what the rate limit allows, with 150 ms a call."""
    runs, task = [], Task("ingest", count)
    for _ in range(ROUNDS):
        with serve("--limits", "aws", "--latency", "0.15") as url:
            runs.append(task.run(name, url))
            if len(processes.list_vectors(url)) != count:
                raise SystemExit(f"{name} lost vectors")
    keys = ("seconds", "before", "requests", "retries")
    seconds, before, requests, retries = ([run[key] for run in runs] for key in keys)
    return {
        "client": name,
        "vectors": count,
        "seconds": sampling.summarize(seconds, "s"),
        "before": sampling.summarize(before, "s"),
        "ratio": round(statistics.median(seconds) * RATE / count, 3),
        "lost": 0,
        "requests": sum(requests),
        "retries": sum(retries),
    }


def measure_count(names: Iterable[str], count: int, latency: str = "0.05") -> dict[str, Any]:
    """Wall time of counting by filter, with 50 ms a page."""
    with serve("--latency", latency) as url:
        fill(url, count)
        task, urls = Task("count_half", count), dict.fromkeys(names, url)
        return {"vectors": count, **compare(lambda *server: [task.run(*server)], urls, "s")}


def measure_memory() -> dict[str, Any]:
    """Of ours, peaks after the first and the last of ten calls. Not timed: all at once."""
    with ExitStack() as stack, ThreadPoolExecutor(ROUNDS) as pool:
        urls = [stack.enter_context(serve()) for _ in range(ROUNDS)]
        watch = partial(Task("watch_memory", REMEMBERED).run, "ours")
        peaks = [*zip(*pool.map(watch, urls), strict=True)]
    first, last = (sampling.summarize(peaks[n], "MB") for n in (0, -1))
    ratio = round(last["median"] / first["median"], 2)
    return {"vectors": REMEMBERED, "first": first, "last": last, "ratio": ratio}


def profile_searches() -> dict[str, float]:
    """Shares of the processor time of our searches, by owner of the code."""
    with serve() as url:
        fill(url, 1_000)
        runs = Task("profile", PROFILED).run("ours", url)
    return {name: round(statistics.median(r.get(name, 0.0) for r in runs), 3) for name in runs[0]}


def measure_http() -> dict[str, Any]:
    """The cost of the durable engine behind boto3: its share of inserts, and the caller's time."""
    result: dict[str, Any] = {}
    kinds: dict[str, Any] = {"put": {}, "put, text": dataset.TEXT_SEARCH}
    for name, configuration in kinds.items():
        with tempfile.TemporaryDirectory() as data, serve("--data", data, **configuration) as url:
            times = Task("time_inserts", WRITTEN).run("boto3", url)
        share = [1000 / (taken - computing) for computing, taken in times]
        caller = [1000 / taken for _, taken in times]
        rates = {"share": share, "caller": caller}
        result[name] = {key: sampling.summarize(each, "vectors/s") for key, each in rates.items()}
    with serve() as full, serve() as empty:
        fill(full, SCANNED)
        urls = {"full": full, "empty": empty}
        queries = {name: Task("query", 31).run("boto3", url) for name, url in urls.items()}
    query = {name: {"caller": sampling.summarize(each, "ms")} for name, each in queries.items()}
    added = query["full"]["caller"]["median"] - query["empty"]["caller"]["median"]
    return {**result, "query": {**query, "added": round(added, 2)}}


def read_releases(names: Iterable[str]) -> dict[str, str]:
    """The release of each client; the floor is none."""
    ours = {"ours": "stache-ai-s3vectors"}
    clients = [name for name in names if name != "floor"]
    return {name: processes.read_release(name, ours.get(name, "boto3")) for name in clients}


PARTS: Final[dict[str, Callable[..., Any]]] = {
    "costs": lambda names, rounds, sizes: {str(d): measure_costs(names, rounds, d) for d in sizes},
    "start": lambda names, rounds, _: measure_start(names, rounds),
    "searches": lambda *_: profile_searches(),
    "ingest": lambda *_: {f"{name} {n}": measure_ingest(name, n) for name, n in INGESTS},
    "count": lambda *_: measure_count(["ours", "boto3", "older"], COUNTED),
    "small count": lambda *_: measure_count(["ours"], 10_000),
    "walk": lambda *_: measure_count(["ours"], COUNTED, latency="0"),
    "memory": lambda *_: measure_memory(),
    "http": lambda *_: measure_http(),
}


def measure(
    only: tuple[str, ...] = tuple(PARTS),
    rounds: int = ROUNDS,
    clients: tuple[str, ...] = tuple(CLIENTS),
    dimensions: tuple[int, ...] = (384, 1024, 3072),
) -> dict[str, Any]:
    """All parts, or some; the rounds are of what takes processor time."""
    parts = {name: PARTS[name](clients, rounds, dimensions) for name in only}
    return {"packages": read_releases(clients), **parts}
