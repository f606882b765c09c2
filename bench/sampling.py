"""How the benchmarks measure: in turns, as medians with their spread; and on which machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("numpy", "numkong", "orjson", "pysimdjson", "uvicorn", "boto3", "stache-ai")


def rotate(names: Sequence[Any], turn: int) -> list[Any]:
    """The names in their order, each turn beginning with another."""
    first = turn % len(names)
    return [*names[first:], *names[:first]]


def time_in_turns(tasks: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each task, each round; every round runs all, in turning order.

    A task gets a number that no other call has had, so that no answer is from a cache.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    number = 0
    for turn in range(rounds):
        for name in rotate([*tasks], turn):
            began = time.perf_counter()
            tasks[name](number)
            times[name].append((time.perf_counter() - began) * 1000)
            number += 1
    return times


def summarize(values: Sequence[float], unit: str) -> dict[str, Any]:
    """The median, and half the distance between the quartiles, in percent of the median."""
    median = statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "median": float(f"{median:.5g}"),
        "spread": round(50 * (high - low) / median, 1),
        "of": len(values),
        "unit": unit,
    }


def divide_rounds(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Ratios round by round, because a machine is faster at one time than at another."""
    return [value / least for value, least in zip(values, base, strict=True)]


def measure_folder(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_resident_bytes() -> int:
    """Resident memory of this process, as Linux counts it."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def describe_machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = Path("/proc/cpuinfo").read_text("utf-8")
    model = next(line for line in cpu.splitlines() if line.startswith("model name"))
    return {
        "cpu": model.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "GiB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "on": datetime.now(tz=timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


@cache
def load_result(name: str) -> Any:
    """A saved result."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
