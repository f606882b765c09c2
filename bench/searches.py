"""Where the processor time of our searches goes: whose code, by a profile.

    python bench/searches.py [--save]

Python's profiler slows calls of Python more than the kernel's, so our own share is rather told too
large than too small.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import measure
import provider
import records

sys.path.append(str(Path(__file__).parent / "clients"))

import task

WHOSE: Final = (
    ("stache_ai_s3vectors", "this provider"),
    ("botocore", "botocore"),
    ("urllib3", "urllib3"),
    ("/http/", "Python's http and email"),
    ("/email/", "Python's http and email"),
    ("_socket", "sockets"),
    ("orjson", "orjson"),
)
SEARCHES: Final = 300


def shares(client: Any, questions: Sequence[list[float]]) -> dict[str, float]:
    """Each owner's share of the processor time of these searches."""
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for question in questions:
        client.search(question)
    profile.disable()
    spent: Counter[str] = Counter()
    entries: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # not in typeshed
    for (file, _, name), (_, _, own, _, _) in entries.items():
        spent[whose(file, name)] += own
    whole = sum(spent.values())
    return {owner: took / whole for owner, took in spent.items()}


def whose(file: str, name: str) -> str:
    """Whose code it is; what Python is built of tells only a name."""
    place = name if file == "~" else file
    return next((owner for word, owner in WHOSE if word in place), "the rest of Python")


def main() -> None:
    """Profile several times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    with provider.server() as url:
        provider.run("floor", "fill", url, 1_000)
        client = task.make("ours", url, str(records.DIMENSION))
        questions = task.corpus_of().vectors(SEARCHES).tolist()
        runs = [shares(client, questions) for _ in range(provider.ROUNDS + 1)][1:]  # one warms up
    found = {
        owner: round(statistics.median(run.get(owner, 0.0) for run in runs), 3) for owner in runs[0]
    }
    found = dict(sorted(found.items(), key=lambda entry: -entry[1]))
    print(found)
    if arguments.save:
        measure.save("searches", {"machine": measure.machine(), "shares": found})


if __name__ == "__main__":
    main()
