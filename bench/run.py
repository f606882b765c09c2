"""Run a benchmark, print its tables, and keep the result in bench/results if asked to.

    python bench/run.py peers --peers ours_text --vectors 1000
    python bench/run.py clients --only costs --clients ours floor --dimensions 1024
    python bench/run.py faults --save

`--help` after the name lists a benchmark's options.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from typing import Final

import sampling
import tables

MODULES: Final = {
    "peers": "measure_peers",
    "clients": "measure_clients",
    "faults": "measure_faults",
    "costs": "compute_costs",
    "copying": "measure_copying",
    "console": "measure_console",
    "lambda": "measure_lambda",
    "hybrid": "hybrid.quality",
}
"""Benchmark, which is also the name of its result → module, with `measure` and its OPTIONS."""

BLAS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def main() -> None:
    """Run the benchmark that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in MODULES:
        raise SystemExit(f"{__doc__}\nThe benchmarks: {', '.join(MODULES)}.")
    # Before numpy is imported, here and in each process: two thread pools fight over two cores
    os.environ.update(dict.fromkeys(BLAS, "1"))
    module = importlib.import_module(MODULES[name])
    parser = argparse.ArgumentParser(prog=f"run.py {name}", description=module.__doc__)
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results")
    for option, settings in getattr(module, "OPTIONS", {}).items():
        parser.add_argument(f"--{option}", **settings)
    options = parser.parse_args(sys.argv[2:])
    if options.save and getattr(options, "only", None):
        parser.error("--save keeps a whole run; leave --only out")
    result = {"machine": sampling.describe_machine(), **module.measure(options)}
    for title, table in tables.render(name, result):
        print(f"{title}\n\n{table}")
    if options.save:
        file = sampling.RESULTS / f"{name}.json"
        file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
