"""What the provider costs, compared with other clients and with what cannot be left out.

All use a server of ours on loopback, with 1.5 KB of text a vector and Python lists of floats
as Stache hands them over. Each client runs in a process and, where it is not ours, in an
environment of its own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any, Final

import dataset
import processes
import relay
import sampling
from clients import CLIENTS
from processes import serve

SCANNERS: Final = ("ours", "floor", "boto3", "older")
"""Those that can go through an index; the others have no public call for it."""
ROUNDS: Final = 5
RATE: Final = 2_500
"""Vectors a second that the service takes."""

INSERTS: Final = 1_500
SEARCHES: Final = 100
SCANNED: Final = 10_000
COUNTED: Final = 50_000
INGESTS: Final = (("ours", 20_000), ("ours", 5_000), ("boto3", 20_000))
REMEMBERED: Final = 100_000
PROFILED: Final = 300
WRITTEN: Final = 20_000

Runs = Mapping[str, Sequence[Any]]


def run_task(
    task: str, name: str, url: str, count: int = 0, dimension: int = dataset.DIMENSION
) -> Any:
    """One client's answer to one task."""
    arguments = ("client_task.py", name, task, url, count, dimension)
    return processes.run(CLIENTS[name].environment, *arguments)


def run_clients(
    task: str,
    urls: Mapping[str, str],
    count: int = 0,
    dimension: int = dataset.DIMENSION,
    rounds: int = ROUNDS,
) -> Runs:
    """The figures of each client, at its server, in each of several runs, in turns."""
    tasks = {
        name: lambda _, name=name, url=url: run_task(task, name, url, count, dimension)
        for name, url in urls.items()
    }
    return sampling.run_in_turns(tasks, rounds)


def compare(runs: Runs, unit: str) -> dict[str, Any]:
    """Medians, and how often ours goes into them, round by round."""
    lists = {
        name: [run if isinstance(run, list) else [run] for run in rounds]
        for name, rounds in runs.items()
    }
    medians = {name: [*map(statistics.median, rounds)] for name, rounds in lists.items()}
    return {
        name: {
            **sampling.summarize([*chain.from_iterable(rounds)], unit),
            "times ours": sampling.compute_ratio(medians[name], medians["ours"]),
        }
        for name, rounds in lists.items()
    }


def measure_costs(options: argparse.Namespace, dimension: int) -> dict[str, Any]:
    """Processor time, and bytes on the wire, of inserts, searches and scans."""
    run = partial(run_clients, dimension=dimension)
    with ExitStack() as stack:
        # One each: llama-index can only read what it wrote
        urls = {name: stack.enter_context(serve(dimension=dimension)) for name in options.clients}
        inserts = run("insert", urls, INSERTS, rounds=options.rounds)
        searches = run("search", urls, SEARCHES, rounds=options.rounds + 2)
        # With what warms up
        call = dataset.choose_call_size(dimension)
        sent = {
            "insert": count_bytes("insert", urls, INSERTS, dimension, call),
            "search": count_bytes("search", urls, SEARCHES, dimension, 5),
        }
    with serve(dimension=dimension) as url:
        run_task("fill", "floor", url, SCANNED, dimension)
        urls = {name: url for name in SCANNERS if name in options.clients}
        scans = run("scan", urls, SCANNED, rounds=options.rounds)
        sent["scan"] = count_bytes("count_half", urls, SCANNED, dimension)
    return {
        "insert": compare(inserts, "ms a vector"),
        "search": compare(searches, "ms a search"),
        "scan": compare(scans, "ms a vector"),
        "bytes": sent,
    }


def count_bytes(
    task: str, urls: Mapping[str, str], count: int, dimension: int, more: int = 0
) -> dict[str, int]:
    """Bytes that each client sends and gets, for each thing that it does; not timed."""
    sizes = {}
    for name, url in urls.items():
        with relay.count_traffic(url) as traffic:
            run_task(task, name, traffic.url, count, dimension)
        sizes[name] = round((traffic.sent + traffic.received) / (count + more))
    return sizes


def measure_start(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds to import and make a client."""
    with serve() as url:
        urls = {name: url for name in options.clients if name != "floor"}
        return compare(run_clients("start", urls, rounds=options.rounds), "s")


def measure_ingest(name: str, count: int) -> dict[str, Any]:
    """Time to store in one call against what the rate limit allows, with 150 ms a call."""
    runs = []
    for _ in range(ROUNDS):
        with serve("--limits", "aws", "--latency", "0.15") as url:
            runs.append(run_task("ingest", name, url, count))
            run_task("count_all", "boto3", url, count)  # fails if one is lost
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


def measure_count(clients: Iterable[str], count: int, latency: str = "0.05") -> dict[str, Any]:
    """Wall time of counting by filter, with 50 ms a page."""
    with serve("--latency", latency) as url:
        run_task("fill", "floor", url, count)
        runs = run_clients("count_half", dict.fromkeys(clients, url), count)
    return {"vectors": count, **compare(runs, "s")}


def measure_memory() -> dict[str, Any]:
    """Of ours, peaks after the first and the last of ten calls. Not timed: all at once."""
    with ExitStack() as stack, ThreadPoolExecutor(ROUNDS) as pool:
        urls = [stack.enter_context(serve()) for _ in range(ROUNDS)]
        watch = partial(run_task, "watch_memory", "ours", count=REMEMBERED)
        peaks = [*zip(*pool.map(lambda url: watch(url=url), urls), strict=True)]
    first, last = (sampling.summarize(peaks[n], "MB") for n in (0, -1))
    ratio = round(last["median"] / first["median"], 2)
    return {"vectors": REMEMBERED, "first": first, "last": last, "ratio": ratio}


def profile_searches() -> dict[str, float]:
    """Whose code the processor time of our searches is spent in."""
    with serve() as url:
        run_task("fill", "floor", url, 1_000)
        runs = run_task("profile", "ours", url, PROFILED)
    return {name: round(statistics.median(r.get(name, 0.0) for r in runs), 3) for name in runs[0]}


def measure_http() -> dict[str, Any]:
    """What the engine costs behind boto3, durable: of inserts its share, and the caller's time."""
    result: dict[str, Any] = {}
    kinds: dict[str, Any] = {"put": {}, "put, text": dataset.TEXT_SEARCH}
    for name, configuration in kinds.items():
        with tempfile.TemporaryDirectory() as data, serve("--data", data, **configuration) as url:
            rates = run_task("rate", "boto3", url, WRITTEN)
        share, caller = (sampling.summarize(each, "vectors/s") for each in zip(*rates, strict=True))
        result[name] = {"share": share, "caller": caller}
    with serve() as full, serve() as empty:
        run_task("fill", "floor", full, SCANNED)
        times = {
            n: run_task("query", "boto3", u, 30) for n, u in (("full", full), ("empty", empty))
        }
    query = {name: {"caller": sampling.summarize(each, "ms")} for name, each in times.items()}
    added = query["full"]["caller"]["median"] - query["empty"]["caller"]["median"]
    return {**result, "query": {**query, "added": round(added, 2)}}


PARTS: Final[dict[str, Callable[[argparse.Namespace], Any]]] = {
    "costs": lambda options: {str(d): measure_costs(options, d) for d in options.dimensions},
    "start": measure_start,
    "searches": lambda _: profile_searches(),
    "ingest": lambda _: {f"{name} {count}": measure_ingest(name, count) for name, count in INGESTS},
    "count": lambda _: measure_count(["ours", "boto3", "older"], COUNTED),
    "small count": lambda _: measure_count(["ours"], 10_000),
    "walk": lambda _: measure_count(["ours"], COUNTED, latency="0"),
    "memory": lambda _: measure_memory(),
    "http": lambda _: measure_http(),
}
OPTIONS: Final[dict[str, Any]] = {
    "only": {"nargs": "+", "choices": PARTS},
    "rounds": {"type": int, "default": ROUNDS, "help": "of what takes processor time"},
    "clients": {"nargs": "+", "choices": CLIENTS, "default": list(CLIENTS)},
    "dimensions": {"type": int, "nargs": "+", "default": (384, 1024, 3072)},
}


def read_releases(names: Iterable[str]) -> dict[str, str]:
    """Which release each client is."""
    packages = {name: CLIENTS[name][1:] for name in names}
    return {name: processes.read_release(*each) for name, each in packages.items() if each[1]}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All parts, or some."""
    parts = {name: PARTS[name](options) for name in options.only or PARTS}
    return {"packages": read_releases(options.clients), **parts}
