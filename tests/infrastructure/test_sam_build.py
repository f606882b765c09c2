"""The real `sam build`, on the real function."""

from __future__ import annotations

import deployables
import sam


def test_sam_build_builds_for_the_runtime_and_the_architecture_named(tmp_path):
    """Whatever Python builds it: the wheels are those of the template's parameters."""
    package = sam.built(tmp_path, Runtime="python3.12", Architecture="x86_64")

    deployables.check(package)
    native = [path.name for path in package.rglob("*.cpython-*")]
    assert native
    assert all(".cpython-312-x86_64-linux-gnu" in name for name in native)
