"""Run a benchmark, print its tables, and keep the result in bench/results if asked to.

    python bench/run.py peers --peers ours_text --vectors 1000
    python bench/run.py clients --only costs --clients ours floor --dimensions 1024
    python bench/run.py faults --save

`--help` after the name lists a benchmark's options: the arguments of its function `measure`.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
BENCHMARKS: Final = sorted(path.stem.partition("_")[2] for path in FOLDER.glob("measure_*.py"))
"""Each is a module with a function `measure`, whose result has the same name."""

SAME_EVERYWHERE: Final = {"costs", "hybrid"}
"""Those that count and do not time: their results do not depend on the machine."""

ENVIRONMENT: Final = {
    # Two thread pools fight over two cores
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
    **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION", "S3VECTORS_REGION"), "us-east-1"),
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "dummy"),
    **dict.fromkeys(("S3VECTORS_BUCKET_NAME", "S3VECTORS_BUCKET"), "bench"),
    **dict.fromkeys(("S3VECTORS_DOCUMENTS_INDEX", "S3VECTORS_INDEX"), "documents"),
}
"""Of this process, before numpy and Stache are imported, and of those that it starts."""


def add_option(parser: argparse.ArgumentParser, name: str, default: Any) -> None:
    """Add an option for an argument; if its default is a tuple of names, they are the choices."""
    settings: dict[str, Any] = {"default": default, "help": f"default: {default}"}
    if isinstance(default, bool):
        settings["action"] = "store_true"
    elif isinstance(default, tuple):
        settings |= {"nargs": "+", "type": type(default[0])}
        settings["choices"] = default if isinstance(default[0], str) else None
    else:
        settings["type"] = type(default)
    parser.add_argument(f"--{name.replace('_', '-')}", **settings)


def main() -> None:
    """Run the benchmark that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in BENCHMARKS:
        raise SystemExit(f"{__doc__}\nThe benchmarks: {', '.join(BENCHMARKS)}.")
    os.environ.update(ENVIRONMENT)
    others = ("tests", "examples", "examples/lambda")
    sys.path[:0] = [str(FOLDER.parent / other) for other in others]
    import pages
    import sampling

    module = importlib.import_module(f"measure_{name}")
    parser = argparse.ArgumentParser(prog=f"run.py {name}", description=module.__doc__)
    for option, parameter in inspect.signature(module.measure).parameters.items():
        add_option(parser, option, parameter.default)
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results")
    options = vars(parser.parse_args(sys.argv[2:]))
    save = options.pop("save")
    if save and any(value != parser.get_default(option) for option, value in options.items()):
        parser.error("--save keeps a whole run; leave the other options out")
    measured = {} if name in SAME_EVERYWHERE else {"machine": sampling.describe_machine()}
    result = {**measured, **module.measure(**options)}
    for title, table in pages.render(name, result):
        print(f"{title}\n\n{table}")
    if save:
        file = sampling.RESULTS / f"{name}.json"
        file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
