"""What the provider costs, beside the older package, langchain-aws and what cannot be left out.

    python bench/provider.py [--save]

All talk to a server of ours on loopback, 1,024 dimensions and 1.5 KB of text a vector, with
Python lists of floats as Stache hands them over. Each client runs in a process and, where
it is not ours, in an environment of its own.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import compare
import records

CLIENTS: Final = {
    "ours": sys.executable,
    "floor": sys.executable,
    "older": "older",
    "langchain": "langchain",
}
ROUNDS: Final = 5
"""How often the long tasks run."""
RATE: Final = 2_500
"""Vectors a second that the service takes."""


@contextmanager
def server(*options: str) -> Iterator[str]:
    """A server with its data in memory and an empty index: its URL."""
    command = [sys.executable, "-m", "s3vectors_local", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None  # noqa: S101 - for mypy
        url = process.stdout.readline().split()[1].rstrip(",")
        try:
            prepare(url)
            yield url
        finally:
            process.terminate()


def prepare(url: str) -> None:
    """Make the bucket and the index."""
    import boto3  # noqa: PLC0415 - after the environment is set

    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y")  # noqa: S106 - dummies
    s3vectors = session.client("s3vectors", "us-east-1", endpoint_url=url)
    s3vectors.create_vector_bucket(vectorBucketName="bench")
    s3vectors.create_index(
        vectorBucketName="bench",
        indexName="documents",
        dataType="float32",
        dimension=records.DIMENSION,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text", "_overflow"]},
    )


def run(name: str, task: str, url: str, count: int) -> Any:
    """One client's answer to one task."""
    interpreter = CLIENTS[name]
    interpreter = compare.python(interpreter) if interpreter == name else interpreter
    script = Path(__file__).parent / "clients" / "task.py"
    result = subprocess.run(  # noqa: S603 - ours
        [interpreter, str(script), name, task, url, str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{name}, {task}: {result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def in_turns(
    task: str, names: Sequence[str], url: str, count: int, rounds: int = ROUNDS
) -> dict[str, list[list[float]]]:
    """The figures of each client in each of several runs, in turns."""
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in [*names[turn % len(names) :], *names[: turn % len(names)]]:
            answer = run(name, task, url, count)
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


def costs(rounds: int) -> dict[str, Any]:
    """Processor time of inserts and searches, and time to start."""
    everybody = list(CLIENTS)
    with server() as url:
        inserted = in_turns("insert", everybody, url, 1_500, rounds)
        searched = in_turns("search", everybody, url, 100, rounds)
        started = in_turns("start", ["ours", "older", "langchain"], url, 0, rounds)
    return {
        "insert": told(inserted, "ms a vector", "processor time"),
        "search": told(searched, "ms a search", "processor time"),
        "start": told(started, "s", "import and construction"),
    }


def ingest(count: int = 20_000) -> dict[str, Any]:
    """Time to store in one call against what the rate limit allows, with 150 ms a call."""
    runs = []
    for _ in range(ROUNDS):
        with server("--limits", "aws", "--latency", "0.15") as url:
            runs.append(run("ours", "ingest", url, count))
            run("ours", "count all", url, count)  # fails if one is lost
    least = count / RATE
    took = [entry["seconds"] for entry in runs]
    return {
        "vectors": count,
        "least": least,
        "took": measure.figure(took, "s"),
        "ratio": round(statistics.median(took) / least, 3),
        "requests": sum(entry["requests"] for entry in runs),
        "sent again": sum(entry["sent again"] for entry in runs),
    }


def counting(count: int = 50_000) -> dict[str, Any]:
    """Wall time of counting by filter, with 50 ms a page."""
    with server("--latency", "0.05") as url:
        run("floor", "ingest", url, count)
        return told(in_turns("count", ["ours", "older"], url, count), "s", "wall time")


def memory(count: int = 100_000) -> dict[str, Any]:
    """Peak memory after each of ten calls."""
    with server() as url:
        return {"vectors": count, "peaks": run("ours", "memory", url, count)}


def show(name: str, entry: dict[str, Any]) -> None:
    """Print one comparison."""
    print(f"{name}, {entry['base']}")
    for client in CLIENTS:
        if client in entry:
            figure = entry[client]
            spread = f"{figure['least']:.3f} to {figure['most']:.3f}"
            print(f"  {client:<10} {figure['median']:9.3f} {figure['unit']:<12}", end=" ")
            print(f"{figure['times ours']:6.2f} x ours  ({spread})")


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--save",
        action="store_true",
        help="keep it in bench/results, beside what --only leaves out",
    )
    parser.add_argument("--only", nargs="+", choices=("costs", "ingest", "count", "memory"))
    parser.add_argument("--rounds", type=int, default=11, help="of the short tasks")
    arguments = parser.parse_args()
    wanted = arguments.only or ("costs", "ingest", "count", "memory")
    result: dict[str, Any] = costs(arguments.rounds) if "costs" in wanted else {}
    for name, entry in result.items():
        show(name, entry)
    if "ingest" in wanted:
        result["ingest"] = ingest()
        told_ = result["ingest"]
        print(f"ingest: {told_['ratio']} x what the rate limit allows;", end=" ")
        print(f"{told_['sent again']} of {told_['requests']} requests sent again")
    if "count" in wanted:
        result["count"] = counting()
        show("count", result["count"])
    if "memory" in wanted:
        result["memory"] = memory()
        print("peak megabytes:", *(f"{peak:.0f}" for peak in result["memory"]["peaks"]))
    if arguments.save:
        saved = measure.RESULTS / "provider.json"
        before = json.loads(saved.read_text("utf-8")) if arguments.only and saved.exists() else {}
        measure.save("provider", {**before, "machine": measure.machine(), **result})


if __name__ == "__main__":
    main()
