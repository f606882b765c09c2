"""Commands that build and deploy the infrastructure, and the content of the function's package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from support import ROOT
from support.processes.children import make_node_options

_PERMISSIONS: Final = ROOT / "provider" / "stache_ai_s3vectors" / "service" / "permissions.py"
BIN: Final = Path(sys.executable).parent


def make_environment(**variables: str) -> dict[str, str]:
    """Make the environment of a command: that of the tests, with our Python and Node first.

    Node connects to this machine only. Python may connect to others: pip downloads packages.
    """
    values = {
        "PATH": os.pathsep.join((str(BIN), os.environ["PATH"])),
        "JSII_NODE": str(BIN / "node"),
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        **make_node_options(),
    }
    return {**os.environ, **values, **variables}


def run_command(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a command, and return what it prints. If it fails, the error has all output."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env=make_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}: {result.stdout}\n{result.stderr}"
    return result.stdout


def run_cdk(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """Run the CDK CLI in the app's folder, and return what it prints."""
    node_modules = Path(sys.prefix) / "javascript" / "node_modules"
    script = node_modules / "aws-cdk" / "bin" / "cdk"
    return run_command(
        BIN / "node", script, *arguments, cwd=cwd or ROOT / "examples" / "cdk", **variables
    )


def read_version() -> str:
    """Read the version of this source tree."""
    match = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert match
    return match[1]


def read_files(package: Path) -> Mapping[str, bytes]:
    """Read the files of a built function, from a folder or a zip file."""
    if package.is_dir():
        paths = [path for path in package.rglob("*") if path.is_file()]
        return {path.relative_to(package).as_posix(): path.read_bytes() for path in paths}
    with zipfile.ZipFile(package) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def check_package(package: Path) -> None:
    """Check that a built function has the handler and this version of our provider."""
    contents: Any = read_files(package)
    info = f"stache_ai_s3vectors-{read_version()}.dist-info"
    assert {"handler.py", "word_hashing.py", f"{info}/METADATA"} <= contents.keys()
    assert b"stache_ai_s3vectors.provider:S3VectorsProvider" in contents[f"{info}/entry_points.txt"]
    wheel = read_files(ROOT / "dist" / f"stache_ai_s3vectors-{read_version()}-py3-none-any.whl")
    ours = {name: content for name, content in wheel.items() if not name.startswith(info)}
    assert ours.items() <= contents.items()
    assert ours["stache_ai_s3vectors/service/permissions.py"] == _PERMISSIONS.read_bytes()
