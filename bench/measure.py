"""How the benchmarks measure: turns, medians, spread, memory, and what machine it was."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("numpy", "numkong", "orjson", "pysimdjson", "uvicorn", "boto3", "stache-ai")


def one_blas_thread() -> None:
    """Call before numpy is imported: two thread pools fight over two cores."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"


def in_turns(tasks: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each task, each round; every round runs all, in turning order.

    A task gets a number that no other call has had, so that no answer is from a cache.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    names, number = list(tasks), 0
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            began = time.perf_counter()
            tasks[name](number)
            times[name].append((time.perf_counter() - began) * 1000)
            number += 1
    return times


def figure(values: Sequence[float], unit: str) -> dict[str, Any]:
    """The median of at least five, and how far they spread.

    "spread" is half the distance between the quartiles, in percent of the median.
    """
    median = statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "median": significant(median),
        "spread": round(50 * (high - low) / median, 1),
        "least": significant(min(values)),
        "most": significant(max(values)),
        "of": len(values),
        "unit": unit,
    }


def significant(value: float) -> float:
    """Five digits, which is more than any figure here has."""
    return float(f"{value:.5g}")


def resident_bytes(process: int | str = "self") -> int:
    """Resident memory of a process, as Linux counts it."""
    pages = Path(f"/proc/{process}/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def machine() -> dict[str, Any]:
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


def save(name: str, result: Any) -> None:
    """Write a result for the tables and plots."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
