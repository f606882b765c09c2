"""Clients when the service fails: their retries, and the vectors that they lose.

Each inserts the same chunks, 1,000 a call, into a server of ours that lets a share of requests
fail, seeded, and reports which calls succeeded, and what the errors of the others named as stored;
a second server on the same data, without faults, shows what is stored. A vector is lost when its
call reported that it was stored, and it is not. Nothing is timed, so all clients run at once.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import processes
from client_tasks import LARGE_CALL
from clients import CLIENTS
from measure_clients import Task, read_releases

DIMENSION: Final = 16
"""Small: what is measured does not depend on it."""

SHARES: Final = (0.05, 0.20, 0.40)
KINDS: Final = ("500", "503", "dropped")
"""Not 429, after which botocore waits for seconds, nor timeouts, which each take their time."""


def measure_client(share: float, name: str, count: int) -> dict[str, Any]:
    """One client, with this share of requests failing."""
    faults = [word for kind in KINDS for word in ("--fault", f"{kind}:{share / len(KINDS):.4f}")]
    with tempfile.TemporaryDirectory() as folder:
        data = ("--data", folder)
        with processes.serve(*data, dimension=DIMENSION):
            pass  # the index is made while nothing fails
        with processes.start_server(*data, *faults, "--seed", "1") as (url, _):
            task = Task("insert_under_faults", count, DIMENSION)
            named, traffic = task.run(name, url, "run_counted")
        with processes.start_server(*data) as (url, _):
            keys = processes.list_vectors(url)
    stored = Counter(int(key.removeprefix("chunk-")) // LARGE_CALL for key in keys)
    calls = [(names, stored[number]) for number, names in enumerate(named)]
    failed = [(names, count) for names, count in calls if names is not None]
    lost = [LARGE_CALL - count for names, count in calls if names is None]
    return {
        "calls": len(calls),
        "requests": traffic["requests"],
        "retried": traffic["retried"],
        "succeeded": len(lost),
        "lost": sum(lost),
        "stored by calls that failed": sum(count for _, count in failed),
        "of them named": sum(map(min, failed)),
    }


def measure(calls: int = 40) -> dict[str, Any]:
    """Every client with every share."""
    for name in CLIENTS:
        processes.prepare(name)  # before several processes need it
    with ThreadPoolExecutor(len(SHARES) * len(CLIENTS)) as pool:
        runs = {
            share: {n: pool.submit(measure_client, share, n, calls) for n in CLIENTS}
            for share in SHARES
        }
    shares = {
        str(share): {name: run.result() for name, run in clients.items()}
        for share, clients in runs.items()
    }
    return {"packages": read_releases(CLIENTS), "shares": shares}
