"""What the provider costs, compared with other clients and with what cannot be left out.

All use a server of ours on loopback, with 1.5 KB of text a vector and Python lists of floats
as Stache hands them over. Each client runs in a process and, where it is not ours, in an
environment of its own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final

import dataset
import processes
import relay
import sampling
from processes import serve

CLIENTS: Final = {
    "ours": (None, "stache-ai-s3vectors"),
    "floor": (None, ""),
    "boto3": (None, "boto3"),
    "older": ("older", "stache-ai-s3vectors"),
    "langchain": ("langchain", "langchain-aws"),
    "llamaindex": ("llamaindex", "llama-index-vector-stores-s3"),
}
"""Client → its environment, where None is the one that runs this, and its package."""

SCANNERS: Final = ("ours", "floor", "boto3", "older")
"""Those that can go through an index; the others have no public call for it."""
DIMENSIONS: Final = (384, 1024, 3072)
ROUNDS: Final = 5
RATE: Final = 2_500
"""Vectors a second that the service takes."""

INSERTS: Final = 1_500
SEARCHES: Final = 100
SCANNED: Final = 10_000
INGESTS: Final = (("ours", 20_000), ("ours", 5_000), ("boto3", 20_000))
REMEMBERED: Final = 100_000
PROFILED: Final = 300

Runs = dict[str, list[list[float]]]


def run_task(name: str, task: str, url: str, count: int, dimension: int = dataset.DIMENSION) -> Any:
    """One client's answer to one task."""
    return processes.run(CLIENTS[name][0], "client_task.py", name, task, url, count, dimension)


def run_in_turns(
    task: str, urls: Mapping[str, str], count: int, rounds: int, dimension: int = dataset.DIMENSION
) -> Runs:
    """The figures of each client, at its server, in each of several runs, in turns."""
    runs: Runs = {name: [] for name in urls}
    for turn in range(rounds):
        for name in sampling.rotate([*urls], turn):
            answer = run_task(name, task, urls[name], count, dimension)
            runs[name].append(answer if isinstance(answer, list) else [answer])
    return runs


def compare(runs: Runs, unit: str) -> dict[str, Any]:
    """Medians, and how often ours goes into them, round by round."""
    ours, result = list(map(statistics.median, runs["ours"])), {}
    for name, rounds in runs.items():
        ratios = sampling.divide_rounds([*map(statistics.median, rounds)], ours)
        figure = sampling.summarize([value for values in rounds for value in values], unit)
        result[name] = {**figure, "times ours": round(statistics.median(ratios), 2)}
    return result


def measure_costs(names: Sequence[str], dimension: int, rounds: int) -> dict[str, Any]:
    """Processor time, and bytes on the wire, of inserts, searches and scans."""
    call = dataset.choose_call_size(dimension)
    with ExitStack() as stack:
        # One each: llama-index can only read what it wrote
        urls = {name: stack.enter_context(serve(dimension=dimension)) for name in names}
        inserts = run_in_turns("insert", urls, INSERTS, rounds, dimension)
        searches = run_in_turns("search", urls, SEARCHES, rounds + 2, dimension)
        sent = {
            # With what warms up
            "insert": count_bytes("insert", urls, INSERTS, dimension, call),
            "search": count_bytes("search", urls, SEARCHES, dimension, 5),
        }
    with serve(dimension=dimension) as url:
        run_task("floor", "fill", url, SCANNED, dimension)
        urls = {name: url for name in SCANNERS if name in names}
        scans = run_in_turns("scan", urls, SCANNED, rounds, dimension)
        sent["scan"] = count_bytes("count_half", urls, SCANNED, dimension, 0)
    return {
        "insert": compare(inserts, "ms a vector"),
        "search": compare(searches, "ms a search"),
        "scan": compare(scans, "ms a vector"),
        "bytes": sent,
    }


def count_bytes(
    task: str, urls: Mapping[str, str], count: int, dimension: int, more: int
) -> dict[str, int]:
    """Bytes that each client sends and gets, for each thing that it does; not timed."""
    sizes = {}
    for name, url in urls.items():
        with relay.count_traffic(url) as traffic:
            run_task(name, task, traffic.url, count, dimension)
        sizes[name] = round((traffic.sent + traffic.received) / (count + more))
    return sizes


def measure_start(names: Sequence[str], rounds: int) -> dict[str, Any]:
    """Seconds to import and make a client."""
    with serve() as url:
        urls = {name: url for name in names if name != "floor"}
        return compare(run_in_turns("start", urls, 0, rounds), "s")


def measure_ingest(name: str, count: int) -> dict[str, Any]:
    """Time to store in one call against what the rate limit allows, with 150 ms a call."""
    runs = []
    for _ in range(ROUNDS):
        with serve("--limits", "aws", "--latency", "0.15") as url:
            runs.append(run_task(name, "ingest", url, count))
            run_task("boto3", "count_all", url, count)  # fails if one is lost
    seconds = [run["seconds"] for run in runs]
    return {
        "client": name,
        "vectors": count,
        "seconds": sampling.summarize(seconds, "s"),
        "before": sampling.summarize([run["before"] for run in runs], "s"),
        "ratio": round(statistics.median(seconds) * RATE / count, 3),
        "lost": 0,
        "requests": sum(run["requests"] for run in runs),
        "retries": sum(run["retries"] for run in runs),
    }


def measure_count(clients: Sequence[str], count: int, latency: str = "0.05") -> dict[str, Any]:
    """Wall time of counting by filter, with 50 ms a page."""
    with serve("--latency", latency) as url:
        run_task("floor", "fill", url, count)
        runs = run_in_turns("count_half", dict.fromkeys(clients, url), count, ROUNDS)
    return {"vectors": count, **compare(runs, "s")}


def measure_memory() -> dict[str, Any]:
    """Of ours, peaks after the first and the last of ten calls. Not timed: all at once."""
    with ExitStack() as stack, ThreadPoolExecutor(ROUNDS) as pool:
        urls = [stack.enter_context(serve()) for _ in range(ROUNDS)]
        runs = list(pool.map(lambda url: run_task("ours", "watch_memory", url, REMEMBERED), urls))
    first, last = (sampling.summarize([peaks[n] for peaks in runs], "MB") for n in (0, -1))
    ratio = round(last["median"] / first["median"], 2)
    return {"vectors": REMEMBERED, "first": first, "last": last, "ratio": ratio}


def profile_searches() -> dict[str, float]:
    """Whose code the processor time of our searches is spent in."""
    with serve() as url:
        run_task("floor", "fill", url, 1_000)
        runs = run_task("ours", "profile", url, PROFILED)
    return {name: round(statistics.median(r.get(name, 0.0) for r in runs), 3) for name in runs[0]}


def measure_http(batches: int) -> dict[str, Any]:
    """What the engine costs behind boto3, durable: of inserts its share, and the caller's time."""
    result: dict[str, Any] = {}
    kinds: dict[str, Any] = {"put": {}, "put, text": dataset.TEXT_SEARCH}
    for name, metadata in kinds.items():
        with tempfile.TemporaryDirectory() as data, serve("--data", data, **metadata) as url:
            rates = run_task("boto3", "rate", url, batches * dataset.BATCH)
        share, caller = (sampling.summarize(each, "vectors/s") for each in zip(*rates, strict=True))
        result[name] = {"share": share, "caller": caller}
    with serve() as full, serve() as empty:
        run_task("floor", "fill", full, SCANNED)
        urls = {"full": full, "empty": empty}
        times = {name: run_task("boto3", "query", url, 30) for name, url in urls.items()}
    query = {name: {"caller": sampling.summarize(each, "ms")} for name, each in times.items()}
    added = query["full"]["caller"]["median"] - query["empty"]["caller"]["median"]
    return {**result, "query": {**query, "added": round(added, 2)}}


PARTS: Final[dict[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    "costs": lambda options: {
        "costs": {
            str(d): measure_costs(options.clients, d, options.rounds) for d in options.dimensions
        }
    },
    "start": lambda options: {"start": measure_start(options.clients, options.rounds)},
    "searches": lambda _: {"searches": profile_searches()},
    "ingest": lambda _: {
        "ingest": {f"{n} {count}": measure_ingest(n, count) for n, count in INGESTS}
    },
    "count": lambda _: {
        "count": measure_count(["ours", "boto3", "older"], 50_000),
        "small count": measure_count(["ours"], 10_000),
        "walk": measure_count(["ours"], 50_000, latency="0"),
    },
    "memory": lambda _: {"memory": measure_memory()},
    "http": lambda _: {"http": measure_http(40)},
}
OPTIONS: Final[dict[str, Any]] = {
    "only": {"nargs": "+", "choices": PARTS},
    "rounds": {"type": int, "default": ROUNDS, "help": "of what takes processor time"},
    "clients": {"nargs": "+", "choices": CLIENTS, "default": list(CLIENTS)},
    "dimensions": {"type": int, "nargs": "+", "default": DIMENSIONS},
}


def describe_clients(names: Sequence[str]) -> dict[str, Any]:
    """Which release each client is, and what else is in its environment."""
    installed = {name: processes.list_installed(CLIENTS[name][0]) for name in names}
    packages = {name: CLIENTS[name][1] for name in names if CLIENTS[name][1]}
    releases = {name: f"{one} {installed[name][one]}" for name, one in packages.items()}
    return {"packages": releases, "installed": installed}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All parts, or some."""
    result = describe_clients(options.clients)
    for name in options.only or PARTS:
        result |= PARTS[name](options)
    return result
