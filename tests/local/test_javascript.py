"""AWS's SDK for JavaScript works with the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.endpoints import serve

SDK = Path(sys.prefix) / "javascript"
"""The folder where `make test` installs the version in the Makefile."""


def test_the_javascript_sdk_works():
    """The script uses buckets, indexes, vectors, a filter, pages, tags, errors and signatures."""
    assert (SDK / "node_modules").is_dir(), "run `make test` once; it installs the SDK"
    node = Path(sys.executable).with_name("node")

    with serve("--access-key", "testing:testing") as url:
        result = subprocess.run(
            [node, Path(__file__).with_name("smoke.cjs"), SDK, url],
            capture_output=True,
            text=True,
            check=False,
        )

    assert (result.stdout, result.stderr) == ("ok\n", "")
