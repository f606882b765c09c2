"""Measuring: alternately, as medians with their spread; and a description of the machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial, reduce
from importlib import metadata
from itertools import count
from operator import getitem, truediv
from pathlib import Path
from typing import Any, Final, TypeVar

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("numpy", "numkong", "orjson", "pysimdjson", "uvicorn", "boto3", "stache-ai")

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


def run_in_turns(
    tasks: Mapping[Name, Callable[[int], Value]], rounds: int
) -> dict[Name, list[Value]]:
    """Run the tasks in rounds, each of which begins with another task; return what they return.

    Each call gets another number, so that no answer comes from a cache.
    """
    values: dict[Name, list[Value]] = {name: [] for name in tasks}
    order, numbers = deque(tasks), count()
    for _ in range(rounds):
        for name in order:
            values[name].append(tasks[name](next(numbers)))
        order.rotate(-1)
    return values


def time_in_turns(
    tasks: Mapping[str, Callable[[int], object]], rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of each task, round by round."""
    return run_in_turns({name: partial(time_call, task) for name, task in tasks.items()}, rounds)


def time_call(
    call: Callable[..., object], *arguments: Any, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Milliseconds of a call, by a clock."""
    began = clock()
    call(*arguments)
    return (clock() - began) * 1000


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


def compute_ratio(values: Iterable[float], base: Iterable[float]) -> float:
    """The median of ratios round by round: a machine is faster at one time than at another."""
    ratio: float = statistics.median(map(truediv, values, base))
    return round(ratio, 2)


def measure_folder(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def describe_machine() -> dict[str, Any]:
    """Describe the machine and the packages."""
    cpu = Path("/proc/cpuinfo").read_text("utf-8").partition("model name")[2].splitlines()[0]
    return {
        "cpu": cpu.strip("\t: "),
        "cores": os.cpu_count(),
        "GiB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "on": datetime.now(tz=timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def read_path(result: Any, path: str) -> Any:
    """Read the value under keys that colons divide; None if it is missing."""
    try:
        return reduce(getitem, path.split(":") if path else (), result)
    except (KeyError, TypeError):
        return None
