"""What the provider costs, beside other clients of S3 Vectors and what cannot be left out.

    python bench/provider.py [--save]
    python bench/provider.py --only costs --clients ours floor --dimensions 1024

All talk to a server of ours on loopback, with 1.5 KB of text a vector and Python lists of floats
as Stache hands them over. Each client runs in a process and, where it is not ours, in an
environment of its own.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import boto3

import environments
import records
import wire

CLIENTS: Final = {
    "ours": None,
    "floor": None,
    "boto3": None,
    "older": "older",
    "langchain": "langchain",
    "llamaindex": "llamaindex",
}
"""Client → its environment; None is the one that runs this."""

PACKAGES: Final = {
    "ours": "stache-ai-s3vectors",
    "older": "stache-ai-s3vectors",
    "langchain": "langchain-aws",
    "llamaindex": "llama-index-vector-stores-s3",
    "boto3": "boto3",
}
SCANNERS: Final = ("ours", "floor", "boto3", "older")
"""Those that can go through an index; the others have no public call for it."""
DIMENSIONS: Final = (384, 1024, 3072)
ROUNDS: Final = 5
RATE: Final = 2_500
"""Vectors a second that the service takes."""


@contextmanager
def server(*options: str, dimension: int = records.DIMENSION, empty: bool = True) -> Iterator[str]:
    """A server, with its data in memory unless told otherwise, and an empty index: its URL."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None  # noqa: S101 - for mypy
        url = process.stdout.readline().split()[1].rstrip(",")
        try:
            if empty:
                prepare(url, dimension)
            yield url
        finally:
            process.terminate()


def prepare(url: str, dimension: int) -> None:
    """Make the bucket and the index."""
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y")  # noqa: S106 - dummies
    s3vectors = session.client("s3vectors", "us-east-1", endpoint_url=url)
    s3vectors.create_vector_bucket(vectorBucketName="bench")
    s3vectors.create_index(
        vectorBucketName="bench",
        indexName="documents",
        dataType="float32",
        dimension=dimension,
        distanceMetric="cosine",
        # The last two are llama-index's, which cannot store a text without
        metadataConfiguration={
            "nonFilterableMetadataKeys": ["text", "_overflow", "_node_content", "_node_type"]
        },
    )


def run(name: str, task: str, url: str, count: int, dimension: int = records.DIMENSION) -> Any:
    """One client's answer to one task."""
    script = Path(__file__).parent / "clients" / "task.py"
    result = subprocess.run(  # noqa: S603 - ours
        [
            environments.python(CLIENTS[name]),
            str(script),
            name,
            task,
            url,
            str(count),
            str(dimension),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{name}, {task}: {result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def in_turns(
    task: str,
    urls: Mapping[str, str],
    count: int,
    rounds: int = ROUNDS,
    dimension: int = records.DIMENSION,
) -> dict[str, list[list[float]]]:
    """The figures of each client, at its server, in each of several runs, in turns."""
    names = [*urls]
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in [*names[turn % len(names) :], *names[: turn % len(names)]]:
            answer = run(name, task, urls[name], count, dimension)
            found[name].append(answer if isinstance(answer, list) else [answer])
    return found


def told(figures: dict[str, list[list[float]]], unit: str, base: str) -> dict[str, Any]:
    """Medians, and how often ours goes into them: round by round, as machines have moods."""
    ours = list(map(statistics.median, figures["ours"]))
    result: dict[str, Any] = {"base": base}
    for name, rounds in figures.items():
        ratios = [statistics.median(r) / mine for r, mine in zip(rounds, ours, strict=True)]
        figure = measure.figure([value for values in rounds for value in values], unit)
        result[name] = {**figure, "times ours": round(statistics.median(ratios), 2)}
    return result


def costs(names: Sequence[str], dimension: int, rounds: int) -> dict[str, Any]:
    """Processor time, and bytes on the wire, of inserts, searches and scans."""
    inserts, searches, scanned = 1_500, 100, 10_000
    with ExitStack() as stack:
        # One each: llama-index can only read what it wrote
        urls = {name: stack.enter_context(server(dimension=dimension)) for name in names}
        inserted = in_turns("insert", urls, inserts, rounds, dimension)
        searched = in_turns("search", urls, searches, rounds + 2, dimension)
        sent = wired("insert", urls, inserts, dimension)
        asked = wired("search", urls, searches, dimension)
    with server(dimension=dimension) as url:
        run("floor", "fill", url, scanned, dimension)
        urls = {name: url for name in SCANNERS if name in names}
        scans = in_turns("scan", urls, scanned, rounds, dimension)
        listed = wired("count", urls, scanned, dimension)
    return {
        "insert": told(inserted, "ms a vector", "processor time"),
        "search": told(searched, "ms a search", "processor time"),
        "scan": told(scans, "ms a vector", "processor time"),
        "bytes": {"insert": sent, "search": asked, "scan": listed},
    }


def wired(task: str, urls: Mapping[str, str], count: int, dimension: int) -> dict[str, int]:
    """Bytes that each client sends and gets, for each thing that it does; not timed."""
    more = {"insert": records.call(dimension), "search": 5, "count": 0}  # which warm up
    found = {}
    for name, url in urls.items():
        with wire.counting(url) as counted:
            run(name, task, counted.url, count, dimension)
        found[name] = round((counted.sent + counted.received) / (count + more[task]))
    return found


def starting(names: Sequence[str], rounds: int) -> dict[str, Any]:
    """Seconds to import and make a client."""
    with server() as url:
        urls = {name: url for name in names if name != "floor"}
        started = in_turns("start", urls, 0, rounds)
    return told(started, "s", "import and construction")


def ingest(name: str, count: int) -> dict[str, Any]:
    """Time to store in one call against what the rate limit allows, with 150 ms a call."""
    runs = []
    for _ in range(ROUNDS):
        with server("--limits", "aws", "--latency", "0.15") as url:
            runs.append(run(name, "ingest", url, count))
            run("boto3", "count all", url, count)  # fails if one is lost
    least = count / RATE
    took = [entry["seconds"] for entry in runs]
    again = sum(entry["sent again"] for entry in runs)
    return {
        "vectors": count,
        "least": least,
        "took": measure.figure(took, "s"),
        "before": measure.figure([entry["before"] for entry in runs], "s"),
        "ratio": round(statistics.median(took) / least, 3),
        "lost": 0,
        "requests": sum(entry["requests"] for entry in runs) + again,
        "sent again": again,
    }


def counting(clients: Sequence[str], count: int, latency: str = "0.05") -> dict[str, Any]:
    """Wall time of counting by filter, with 50 ms a page."""
    with server("--latency", latency) as url:
        run("floor", "fill", url, count)
        found = told(in_turns("count", dict.fromkeys(clients, url), count), "s", "wall time")
    return {"vectors": count, **found}


def memory(count: int = 100_000) -> dict[str, Any]:
    """Peak memory after the first of ten calls, and after the last. Not timed: all at once."""
    with ExitStack() as stack, ThreadPoolExecutor(ROUNDS) as pool:
        urls = [stack.enter_context(server()) for _ in range(ROUNDS)]
        runs = list(pool.map(lambda url: run("ours", "memory", url, count), urls))
    first, last = ([peaks[number] for peaks in runs] for number in (0, -1))
    return {
        "vectors": count,
        "first": measure.figure(first, "MB"),
        "last": measure.figure(last, "MB"),
    }


def about(names: Sequence[str]) -> dict[str, Any]:
    """Which release each client is, and what else is in its environment."""
    installed = {name: environments.installed(CLIENTS[name]) for name in names}
    packages = {
        name: f"{package} {installed[name][package]}"
        for name, package in PACKAGES.items()
        if name in names
    }
    return {"machine": measure.machine(), "packages": packages, "installed": installed}


def show(name: str, entry: dict[str, Any]) -> None:
    """Print one comparison."""
    print(f"{name}, {entry['base']}")
    for client in CLIENTS:
        if client in entry:
            figure = entry[client]
            spread = f"{figure['least']:.3f} to {figure['most']:.3f}"
            print(f"  {client:<10} {figure['median']:9.3f} {figure['unit']:<12}", end=" ")
            print(f"{figure['times ours']:6.2f} x ours  ({spread})")


def costs_part(arguments: argparse.Namespace) -> dict[str, Any]:
    """Of every size of embeddings, and the start."""
    found = {}
    for dimension in arguments.dimensions:
        found[str(dimension)] = costs(arguments.clients, dimension, arguments.rounds)
        for name in ("insert", "search", "scan"):
            show(f"{name}, {dimension}", found[str(dimension)][name])
    started = starting(arguments.clients, arguments.rounds)
    show("start", started)
    return {"costs": found, "start": started}


def ingest_part(_: argparse.Namespace) -> dict[str, Any]:
    """Ours at two sizes, and boto3 in a loop, which waits for each answer."""
    found = []
    for client, count in (("ours", 20_000), ("ours", 5_000), ("boto3", 20_000)):
        entry = {"client": client, **ingest(client, count)}
        print(
            f"{client}, {count:,} vectors: {entry['ratio']} x what the rate limit allows;", end=" "
        )
        print(f"{entry['sent again']} of {entry['requests']} requests sent again")
        found.append(entry)
    return {"ingest": found}


def count_part(_: argparse.Namespace) -> dict[str, Any]:
    """Of all that can; ours also of fewer vectors, and without latency."""
    found = {
        "count": counting(["ours", "boto3", "older"], 50_000),
        "small count": counting(["ours"], 10_000),
        "walk": counting(["ours"], 50_000, latency="0"),
    }
    for name, entry in found.items():
        show(name, entry)
    return found


def memory_part(_: argparse.Namespace) -> dict[str, Any]:
    """Of ours."""
    found = memory()
    peaks = (found[name]["median"] for name in ("first", "last"))
    print("peak megabytes after the first of ten calls, and the last:", *map(round, peaks))
    return {"memory": found}


PARTS: Final = {
    "costs": costs_part,
    "ingest": ingest_part,
    "count": count_part,
    "memory": memory_part,
}


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of what takes processor time")
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--dimensions", type=int, nargs="+", default=DIMENSIONS)
    arguments = parser.parse_args()
    if arguments.save and arguments.only:
        parser.error("--save keeps a whole run; leave --only out")
    result: dict[str, Any] = {}
    for name in arguments.only or PARTS:
        result |= PARTS[name](arguments)
    if arguments.save:
        measure.save("provider", {**about(arguments.clients), **result})


if __name__ == "__main__":
    main()
