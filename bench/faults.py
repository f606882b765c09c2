"""What clients make of a service that fails: what they try again, and what they lose.

    python bench/faults.py [--save]

Each inserts the same chunks, 1,000 a call, into a server of ours that lets a share of requests
fail, seeded, and is asked which calls succeeded, and what the errors of the others named as stored;
a second server on the same data, without faults, tells what is there. A vector is lost when its
call said that it was stored, and it is not. Nothing is timed, so all clients run at once.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import environments
import records
import wire
from provider import CLIENTS, about, run, server

CALLS: Final = 40
DIMENSION: Final = 16
"""Small: what is measured does not depend on it."""

SHARES: Final = (0.05, 0.20, 0.40)
_KINDS: Final = ("500", "503", "dropped")
"""Not 429, after which botocore waits for seconds, nor timeouts, which each take their time."""


def faulty(share: float, name: str) -> dict[str, Any]:
    """One client, with this share of requests failing."""
    options = [word for kind in _KINDS for word in ("--fault", f"{kind}:{share / len(_KINDS):.4f}")]
    with tempfile.TemporaryDirectory() as data:
        keep = ("--data", data)
        with server(*keep, dimension=DIMENSION):
            pass  # the index is made while nothing fails
        failing = server(*keep, *options, "--seed", "1", empty=False)
        with failing as url, wire.counting(url) as counted:
            said = run(name, "faulty", counted.url, CALLS, DIMENSION)
        with server(*keep, empty=False) as url:
            there = run("ours", "present", url, CALLS, DIMENSION)
    failed = [(mine, found) for mine, found in zip(said, there, strict=True) if mine is not None]
    stored = [found for mine, found in zip(said, there, strict=True) if mine is None]
    return {
        "calls": CALLS,
        "requests": counted.requests,
        "retried": counted.retried,
        "succeeded": len(stored),
        "lost": sum(records.LARGE_CALL - found for found in stored),
        "stored by calls that failed": sum(found for _, found in failed),
        "of them named": sum(min(mine, found) for mine, found in failed),
    }


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    for name in CLIENTS.values():
        environments.python(name)  # made before several want it
    each = [(share, name) for share in SHARES for name in CLIENTS]
    with ThreadPoolExecutor(len(each)) as pool:
        for (share, name), told in zip(each, pool.map(lambda one: faulty(*one), each), strict=True):
            print(f"{share:.0%} {name:<10}", told)
            result.setdefault(str(share), {})[name] = told
    if arguments.save:
        measure.save("faults", {**about([*CLIENTS]), "shares": result})


if __name__ == "__main__":
    main()
