"""The size of the example's Lambda function, and its time to the first answer.

Built for this machine's Python and processor, run by AWS's own runtime client as Lambda would,
compared with floors that need less: in the same package, alternately. The endpoint is the tests'
simulated AWS, in this process. Lambda's `/var/task` cannot be written to, so a package that
another Python built, without bytecode, is compiled at every cold start; the benchmark does not
write bytecode either. A start from a snapshot (SnapStart) is timed from the end of the
initialization, without AWS's own restore. Needs the wheel and the runtime client that `make bench`
sets up.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from operator import sub
from pathlib import Path
from typing import Any, Final

import build_package
import dataset
import sampling
from support.deployment import lambda_function
from support.deployment.function_life import ARCHITECTURE, RUNTIME
from support.processes import loopback
from support.simulated import simulate_aws
from support.simulated.aws import PYTHON
from support.simulated.roles import REGION
from support.simulated.runtime import run_function

WARM: Final = 20
"""Warm calls of each function started."""
AS_BUILT: Final = "as built"
PLAIN: Final = "without bytecode"
THROTTLED: Final = "a fifth of a core"
SNAPSHOT: Final = "from a snapshot"
WAYS: Final = (AS_BUILT, PLAIN, THROTTLED, SNAPSHOT)
SHARE: Final = 1 / 5
PERIOD: Final = 0.02
"""Seconds of which a throttled process has its share."""
ASKED_AFTER_RESTORE: Final = 2
"""Requests of the runtime client: that it is initialized, and for the first event."""
LARGEST: Final = 12
"""Distributions that are shown."""

_HANDLER: Final = "def handler(event, context):\n    return {}\n"
FLOORS: Final = {
    "nothing": _HANDLER,
    "boto3": f"import boto3\n\nclient = boto3.client('s3vectors')\n\n\n{_HANDLER}",
}
"""Modules that are added to the package, each with a handler."""

EVENTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{name: (f"floor_{name}", {}) for name in FLOORS},
    "health": ("handler", {"action": "health"}),
    "query": ("handler", {"action": "query", "question": "Where does the cat sleep?"}),
}
"""The measured events: each has a module of the package, and the event that it gets."""


def weigh(package: Path) -> dict[str, int]:
    """Bytes of the largest distributions, and of all others with the function's own files."""
    sizes: Counter[str] = Counter()
    for distribution in metadata.distributions(path=[str(package)]):
        files = [package / file for file in distribution.files or () if ".." not in file.parts]
        name = f"{distribution.metadata['Name']} {distribution.version}"
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
    largest = dict(sizes.most_common(LARGEST))
    return {**largest, "others": sampling.measure_folder(package) - sum(largest.values())}


def build_packages(folder: Path) -> tuple[dict[str, Path], dict[str, Any]]:
    """The function's package with bytecode and without it, and what it weighs."""
    package, plain, packed = (folder / name for name in ("package", "plain", "packed.zip"))
    build_package.build(package, RUNTIME, ARCHITECTURE)
    build_package.pack(package, packed)
    weight = {
        "for": f"{RUNTIME}, {ARCHITECTURE}",
        "unzipped": sampling.measure_folder(package),
        "zip": packed.stat().st_size,
        "limits": {"unzipped": build_package.LARGEST, "zip": build_package.LARGEST_ZIP},
        "parts": weigh(package),
    }
    for name, text in FLOORS.items():
        (package / f"floor_{name}.py").write_text(text, "utf-8")
    shutil.copytree(package, plain, ignore=shutil.ignore_patterns("__pycache__"))
    build_package.compile_package(package, RUNTIME)  # the floors
    return {**dict.fromkeys(WAYS, package), PLAIN: plain}, weight


@contextmanager
def simulate_deployment() -> Iterator[dict[str, str]]:
    """An AWS with the function's bucket, indexes and tables; the function's environment in it."""
    loopback.use_dummy_credentials()
    with simulate_aws() as aws:
        own = {k: v for k, v in lambda_function.ENVIRONMENT.items() if "ENDPOINT" not in k}
        bucket = {"vectorBucketName": own["S3VECTORS_BUCKET_NAME"]}
        vectors = aws.make_client("s3vectors")
        vectors.create_vector_bucket(**bucket)
        for kind in ("documents", "summaries", "insights"):
            names = {**bucket, "indexName": f"{kind}-1024"}
            vectors.create_index(**{**dataset.describe_index(), **names})
        lambda_function.create_tables(aws.make_client("dynamodb"))
        keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
        yield {**own, **keys, **aws.environment, "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def throttle(process: int) -> Iterator[None]:
    """Stop a process for all but its share of each period, as a quota of processor time does."""
    ended = threading.Event()

    def stop_and_continue() -> None:
        while not ended.wait(PERIOD * SHARE):
            os.kill(process, signal.SIGSTOP)
            ended.wait(PERIOD * (1 - SHARE))
            os.kill(process, signal.SIGCONT)

    thread = threading.Thread(target=stop_and_continue)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def start(package: Path, name: str, environment: dict[str, str], way: str) -> list[float]:
    """Seconds from a new process, or its snapshot, to its first answer, and those of warm calls."""
    module, event = EVENTS[name]
    configuration = {
        "FunctionArn": f"arn:aws:lambda:{REGION}:123456789012:function:bench",
        "FunctionName": "bench",
        "Handler": f"{module}.handler",
        "MemorySize": 1024,
        "Timeout": 60,
        "SnapStart": {"OptimizationStatus": "On" if way == SNAPSHOT else "Off"},
    }
    times = [time.perf_counter()]
    with ExitStack() as stack:
        function = stack.enter_context(run_function(package, configuration, environment, PYTHON))
        if way == THROTTLED:
            stack.enter_context(throttle(function.process_id))
        if way == SNAPSHOT:
            while len(function.requested_paths) < ASKED_AFTER_RESTORE:
                time.sleep(PERIOD)
            times = [time.perf_counter()]
        for _ in range(1 + WARM):
            function.invoke(event)
            times.append(time.perf_counter())
    return [*map(sub, times[1:], times)]


def measure_starts(
    packages: dict[str, Path], environment: dict[str, str], rounds: int
) -> dict[str, Any]:
    """Cold and warm figures of every event in every way, alternately."""
    start(packages[AS_BUILT], "query", environment, AS_BUILT)  # what the endpoint loads late
    tasks = {
        (event, way): lambda _, package=package, event=event, way=way: start(
            package, event, environment, way
        )
        for way, package in packages.items()
        for event in EVENTS
    }
    runs = sampling.run_in_turns(tasks, rounds)
    cold = {pair: [first for first, *_ in times] for pair, times in runs.items()}
    result: dict[str, Any] = {event: {} for event in EVENTS}
    for (event, way), times in runs.items():
        floors = {floor: (floor, way) for floor in FLOORS} | {AS_BUILT: (event, AS_BUILT)}
        result[event][way] = {
            "cold": sampling.summarize(cold[event, way], "s"),
            "warm": sampling.summarize([1000 * each for run in times for each in run[1:]], "ms"),
            **{
                f"in {name}": sampling.compute_ratio(cold[event, way], cold[floor])
                for name, floor in floors.items()
            },
        }
    return result


def measure_imports(package: Path, environment: dict[str, str]) -> dict[str, int]:
    """Milliseconds that each top-level package takes to import for a query, most first."""
    context = "type('Context', (), {'get_remaining_time_in_millis': lambda self: 60_000})()"
    code = f"import handler; handler.handler({EVENTS['query'][1]!r}, {context})"
    result = subprocess.run(  # noqa: S603 - ours
        [PYTHON, "-X", "importtime", "-c", code],
        cwd=package,
        env={"PATH": os.defpath, "PYTHONPATH": str(package), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    times: Counter[str] = Counter()
    for own, name in re.findall(r"^import time: +(\d+) .*\| *(\w+)", result.stderr, re.MULTILINE):
        times[name] += int(own)
    return {name: round(took / 1000) for name, took in times.most_common()}


def measure(rounds: int = 11) -> dict[str, Any]:
    """Build, weigh, run."""
    with tempfile.TemporaryDirectory() as folder, simulate_deployment() as environment:
        packages, weight = build_packages(Path(folder))
        starts = measure_starts(packages, environment, rounds)
        imports = measure_imports(packages[AS_BUILT], environment)
    return {**weight, "starts": starts, "imports": imports}
