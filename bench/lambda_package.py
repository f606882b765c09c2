"""What the example's Lambda function weighs, and how long it takes to its first answer.

    python bench/lambda_package.py [--save]

Built for this machine's Python and processor, run by AWS's own runtime client as Lambda would,
beside floors that need less: in the same package, in turns. The far end is the tests' simulated
AWS, in this process. Lambda's `/var/task` cannot be written to, so a package without bytecode is
compiled at every cold start; here nothing writes bytecode, either. Needs the wheel and the
runtime client that `make bench` sets up.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

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

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("tests/support", "examples", "examples/lambda")]

import build
import lambda_function
import loopback
from function_life import ARCHITECTURE
from function_life import RUNTIME as VERSION
from simulated import Aws, simulated_aws
from simulated.aws import PYTHON
from simulated.roles import REGION
from simulated.runtime import running

WARM: Final = 20
"""Warm calls of each function started."""
LARGEST_PARTS: Final = 8
"""How many are printed."""
AS_BUILT: Final = "as built"
COMPILED: Final = "with bytecode"
OWN: Final = "the function's own files"

FLOORS: Final = {
    "nothing": "def handler(event, context):\n    return {}\n",
    "boto3": (
        "import boto3\n\nclient = boto3.client('s3vectors')\n\n\n"
        "def handler(event, context):\n    return {}\n"
    ),
}
"""Modules that are put beside the function, each with a handler."""

EVENTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "nothing": ("floor_nothing", {}),
    "boto3": ("floor_boto3", {}),
    "health": ("handler", {"action": "health"}),
    "query": ("handler", {"action": "query", "question": "Where does the cat sleep?"}),
}
"""What is measured: a module of the package, and the event that it gets."""


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def parts(package: Path) -> dict[str, int]:
    """Bytes of each distribution, largest first, and of what belongs to none."""
    found: Counter[str] = Counter()
    for distribution in metadata.distributions(path=[str(package)]):
        files = [package / file for file in distribution.files or () if ".." not in file.parts]
        name = f"{distribution.metadata['Name']} {distribution.version}"
        found[name] = sum(file.stat().st_size for file in files if file.is_file())
    found[OWN] = size(package) - found.total()
    return dict(found.most_common())


def built(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The function's package in a folder, and what it weighs."""
    package, packed = folder / "package", folder / "function.zip"
    build.build(package, VERSION, ARCHITECTURE)
    build.pack(package, packed)
    told = {
        "for": f"{VERSION}, {ARCHITECTURE}",
        "unzipped": size(package),
        "zip": packed.stat().st_size,
        "limits": {"unzipped": build.LARGEST, "zip": build.LARGEST_ZIP},
        "parts": parts(package),
    }
    for name, text in FLOORS.items():
        (package / f"floor_{name}.py").write_text(text, "utf-8")
    return package, told


@contextmanager
def deployed() -> Iterator[dict[str, str]]:
    """An AWS with the function's bucket, indexes and tables; the function's environment in it."""
    loopback.use_dummy_credentials()
    with simulated_aws() as aws:
        prepare(aws)
        own = {k: v for k, v in lambda_function.ENVIRONMENT.items() if "ENDPOINT" not in k}
        yield {
            **own,
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def prepare(aws: Aws) -> None:
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


def start(package: Path, name: str, environment: dict[str, str]) -> tuple[float, list[float]]:
    """Seconds from a new process to its first answer, and those of warm calls."""
    module, event = EVENTS[name]
    configuration = {
        "FunctionArn": f"arn:aws:lambda:{REGION}:123456789012:function:bench",
        "FunctionName": "bench",
        "Handler": f"{module}.handler",
        "MemorySize": 1024,
        "Timeout": 60,
    }
    began = time.perf_counter()
    with running(package, configuration, environment, PYTHON) as function:
        function.invoke(event)
        cold = time.perf_counter() - began
        return cold, [called(function, event) for _ in range(WARM)]


def called(function: Any, event: Any) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    function.invoke(event)
    return time.perf_counter() - began


def starts(packages: dict[str, Path], environment: dict[str, str], rounds: int) -> dict[str, Any]:
    """Cold and warm figures of every event in every package, in turns."""
    names = [(package, event) for package in packages for event in EVENTS]
    cold: dict[tuple[str, str], list[float]] = {name: [] for name in names}
    warm: dict[tuple[str, str], list[float]] = {name: [] for name in names}
    start(next(iter(packages.values())), "query", environment)  # what the far end loads late
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            took, calls = start(packages[name[0]], name[1], environment)
            cold[name].append(took)
            warm[name] += [1000 * call for call in calls]
    return {
        f"{event}, {package}": {
            "cold": measure.figure(cold[package, event], "s"),
            "warm": measure.figure(warm[package, event], "ms"),
            **{
                f"in {floor}": times(cold[package, event], cold[package, floor]) for floor in FLOORS
            },
            "in as built": times(cold[package, event], cold[AS_BUILT, event]),
        }
        for package, event in names
    }


def times(values: list[float], floor: list[float]) -> float:
    """How often a floor goes into it: round by round, as machines have moods."""
    ratios = [value / least for value, least in zip(values, floor, strict=True)]
    return round(statistics.median(ratios), 2)


def compiled(package: Path) -> Path:
    """A copy that has bytecode, which is read without a look at its source."""
    copy = package.with_name("compiled")
    shutil.copytree(package, copy)
    mode = ("--invalidation-mode", "unchecked-hash")
    subprocess.run([PYTHON, "-m", "compileall", "-q", *mode, copy], check=True)  # noqa: S603 - ours
    return copy


def imports(package: Path, environment: dict[str, str]) -> dict[str, int]:
    """Milliseconds that each top-level package takes to import for a query, most first."""
    code = f"import handler; handler.handler({EVENTS['query'][1]!r}, None)"
    result = subprocess.run(  # noqa: S603 - ours
        [PYTHON, "-X", "importtime", "-c", code],
        cwd=package,
        env={"PATH": os.defpath, "PYTHONPATH": str(package), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: Counter[str] = Counter()
    for line in result.stderr.splitlines():
        own, *_, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            found[name.strip().partition(".")[0]] += int(own)
    return {name: round(took / 1000) for name, took in found.most_common()}


def show(result: dict[str, Any]) -> None:
    """Print all of it."""
    for name in ("unzipped", "zip"):
        print(f"{name}: {result[name]:,} bytes of {result['limits'][name]:,}")
    for name, size_ in [*result["parts"].items()][:LARGEST_PARTS]:
        print(f"  {size_:12,}  {name}")
    for name, told in result["starts"].items():
        cold, warm = told["cold"], told["warm"]
        print(f"{name:<24} {cold['median']:.3f} s", end=" ")
        print(f"({cold['least']:.3f} to {cold['most']:.3f})", end=", ")
        print(
            *(f"{told[key]:.2f} {key}" for key in told if key.startswith("in ")), sep=", ", end=""
        )
        print(f", warm {warm['median']:.2f} ms ({warm['least']:.2f} to {warm['most']:.2f})")
    for package, took in result["imports"].items():
        most = [*took.items()][:LARGEST_PARTS]
        print(f"imports {package}, {sum(took.values())} ms:", *(f"{n} {ms}" for n, ms in most))


def main() -> None:
    """Build, weigh, run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    parser.add_argument("--rounds", type=int, default=11, help="%(default)s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package, result = built(Path(folder))
        packages = {AS_BUILT: package, COMPILED: compiled(package)}
        result["unzipped with bytecode"] = size(packages[COMPILED])
        with deployed() as environment:
            result["starts"] = starts(packages, environment, arguments.rounds)
            result["imports"] = {
                name: imports(each, environment) for name, each in packages.items()
            }
    show(result)
    if arguments.save:
        measure.save("lambda", {"machine": measure.machine(), **result})


if __name__ == "__main__":
    main()
