"""What the example's Lambda function weighs, and how long it takes to its first answer.

Built for this machine's Python and processor, run by AWS's own runtime client as Lambda would,
compared with floors that need less: in the same package, in turns. The endpoint is the tests'
simulated AWS, in this process. Lambda's `/var/task` cannot be written to, so a package without
bytecode is compiled at every cold start; here nothing writes bytecode, either. Needs the wheel and
the runtime client that `make bench` sets up.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import sampling

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("tests/support", "examples", "examples/lambda")]

import build
import lambda_function
import loopback
from function_life import ARCHITECTURE, RUNTIME
from simulated import Aws, simulated_aws
from simulated.aws import PYTHON
from simulated.roles import REGION
from simulated.runtime import running

OPTIONS: Final[dict[str, Any]] = {"rounds": {"type": int, "default": 11}}
WARM: Final = 20
"""Warm calls of each function started."""
AS_BUILT: Final = "as built"
COMPILED: Final = "with bytecode"
OWN: Final = "the function's own files"
HANDLER: Final = "def handler(event, context):\n    return {}\n"
FLOORS: Final = {
    "nothing": HANDLER,
    "boto3": f"import boto3\n\nclient = boto3.client('s3vectors')\n\n\n{HANDLER}",
}
"""Modules that are added to the package, each with a handler."""

EVENTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "nothing": ("floor_nothing", {}),
    "boto3": ("floor_boto3", {}),
    "health": ("handler", {"action": "health"}),
    "query": ("handler", {"action": "query", "question": "Where does the cat sleep?"}),
}
"""What is measured: a module of the package, and the event that it gets."""


def measure_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_parts(package: Path) -> dict[str, int]:
    """Bytes of each distribution, largest first, and of what belongs to none."""
    sizes: Counter[str] = Counter()
    for distribution in metadata.distributions(path=[str(package)]):
        files = [package / file for file in distribution.files or () if ".." not in file.parts]
        name = f"{distribution.metadata['Name']} {distribution.version}"
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
    sizes[OWN] = measure_size(package) - sizes.total()
    return dict(sizes.most_common())


def build_packages(folder: Path) -> tuple[dict[str, Path], dict[str, Any]]:
    """The function's package without bytecode and with it, and what it weighs."""
    packages = {AS_BUILT: folder / "package", COMPILED: folder / "compiled"}
    package, packed = packages[AS_BUILT], folder / "function.zip"
    build.build(package, RUNTIME, ARCHITECTURE)
    build.pack(package, packed)
    weight = {
        "for": f"{RUNTIME}, {ARCHITECTURE}",
        "unzipped": measure_size(package),
        "zip": packed.stat().st_size,
        "limits": {"unzipped": build.LARGEST, "zip": build.LARGEST_ZIP},
        "parts": measure_parts(package),
    }
    for name, text in FLOORS.items():
        (package / f"floor_{name}.py").write_text(text, "utf-8")
    shutil.copytree(package, packages[COMPILED])
    # Bytecode that is read without a look at its source
    compiling = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([PYTHON, *compiling, packages[COMPILED]], check=True)  # noqa: S603 - ours
    return packages, {**weight, "unzipped with bytecode": measure_size(packages[COMPILED])}


@contextmanager
def simulate_deployment() -> Iterator[dict[str, str]]:
    """An AWS with the function's bucket, indexes and tables; the function's environment in it."""
    loopback.use_dummy_credentials()
    with simulated_aws() as aws:
        create_resources(aws)
        own = {k: v for k, v in lambda_function.ENVIRONMENT.items() if "ENDPOINT" not in k}
        yield {
            **own,
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def create_resources(aws: Aws) -> None:
    """Make what an infrastructure would."""
    vectors = aws.client("s3vectors")
    bucket = lambda_function.ENVIRONMENT["S3VECTORS_BUCKET_NAME"]
    vectors.create_vector_bucket(vectorBucketName=bucket)
    for kind in ("documents", "summaries", "insights"):
        vectors.create_index(
            vectorBucketName=bucket,
            indexName=f"{kind}-1024",
            dataType="float32",
            dimension=1024,
            distanceMetric="cosine",
        )
    lambda_function.create_tables(aws.client("dynamodb"))


def start(package: Path, name: str, environment: dict[str, str]) -> list[float]:
    """Seconds from a new process to its first answer, and those of warm calls."""
    module, event = EVENTS[name]
    configuration = {
        "FunctionArn": f"arn:aws:lambda:{REGION}:123456789012:function:bench",
        "FunctionName": "bench",
        "Handler": f"{module}.handler",
        "MemorySize": 1024,
        "Timeout": 60,
    }
    times, began = [], time.perf_counter()
    with running(package, configuration, environment, PYTHON) as function:
        for _ in range(1 + WARM):
            function.invoke(event)
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
    return times


def measure_starts(
    packages: dict[str, Path], environment: dict[str, str], rounds: int
) -> dict[str, Any]:
    """Cold and warm figures of every event in every package, in turns."""
    pairs = [(package, event) for package in packages for event in EVENTS]
    cold: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    warm: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    start(packages[AS_BUILT], "query", environment)  # what the endpoint loads late
    for turn in range(rounds):
        for package, event in sampling.rotate(pairs, turn):
            first, *others = start(packages[package], event, environment)
            cold[package, event].append(first)
            warm[package, event] += [1000 * call for call in others]

    def divide(pair: tuple[str, str], floor: tuple[str, str]) -> float:
        return round(statistics.median(sampling.divide_rounds(cold[pair], cold[floor])), 2)

    return {
        f"{event}, {package}": {
            "cold": sampling.summarize(cold[package, event], "s"),
            "warm": sampling.summarize(warm[package, event], "ms"),
            **{f"in {floor}": divide((package, event), (package, floor)) for floor in FLOORS},
            "in as built": divide((package, event), (AS_BUILT, event)),
        }
        for package, event in pairs
    }


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
    for line in result.stderr.splitlines():
        own, *_, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            times[name.strip().partition(".")[0]] += int(own)
    return {name: round(took / 1000) for name, took in times.most_common()}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Build, weigh, run."""
    with tempfile.TemporaryDirectory() as folder, simulate_deployment() as environment:
        packages, weight = build_packages(Path(folder))
        starts = measure_starts(packages, environment, options.rounds)
        imports = {name: measure_imports(each, environment) for name, each in packages.items()}
    return {**weight, "starts": starts, "imports": imports}
