"""moto's own tests of S3 Vectors, which its authors verified on AWS, pass against the engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from support import TESTS
from support.processes.children import join_python_path

MOTO = Path(sys.prefix) / f"moto-{version('moto')}"
"""The folder where `make test` unpacks moto's tests; this repository has no copy."""


def test_moto_s_own_tests_pass():
    """None fails, is skipped or is deselected."""
    assert (MOTO / "tests").is_dir(), "run `make test` once; it unpacks moto's tests"
    options = ["-q", "--color=no", "-p", "no:warnings", "-p", "no:cacheprovider"]
    options += ["-p", "support.engine.moto_referee"]

    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/test_s3vectors"],
        capture_output=True,
        text=True,
        cwd=MOTO,
        env={**os.environ, "PYTHONPATH": join_python_path(TESTS)},
        check=False,
    )

    # pytest's last line names every other outcome
    passed = re.search(r"^(\d+) passed in [^\n]*\n\Z", result.stdout, re.MULTILINE)
    assert passed, result.stdout + result.stderr
    assert int(passed[1]) >= 50
