"""The SAM CLI, its transform and cfn-lint, from an environment of their own, away from AWS."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "sam"
TEMPLATE: Final = FOLDER / "template.yaml"
FUNCTION: Final = ROOT / "examples" / "lambda"
_BIN: Final = ROOT / ".venv-sam" / "bin"
_TRANSFORM: Final = Path(__file__).parent / "sam_transform.py"
_NOWHERE: Final = "http://127.0.0.1:9"
"""The proxy of what must stay offline: nobody listens there."""


@dataclass(frozen=True)
class Finding:
    """What cfn-lint says."""

    rule: str
    message: str
    path: str
    """Where in the template, with slashes."""
    file: str
    """The template's name."""


@dataclass(frozen=True)
class Template:
    """A SAM template."""

    source: dict[str, Any]
    """As it is written."""
    transformed: dict[str, Any]
    """As CloudFormation gets it."""


def run(
    command: str,
    *arguments: str | Path,
    folder: Path = FOLDER,
    text: str = "",
    online: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command of that environment.

    Args:
        command: sam, cfn-lint or python.
        arguments: its arguments.
        folder: where it starts.
        text: its standard input.
        online: it may ask for packages, as pip is set up to.
    """
    return subprocess.run(
        [_BIN / command, *arguments],
        cwd=folder,
        env=_environment(online=online),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def _environment(*, online: bool) -> dict[str, str]:
    """Nothing of AWS, nor of whoever runs the tests."""
    home = _home()
    ours = {
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": home,
        "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": home,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",  # the transform asks for one
    }
    if not online:
        return {**ours, "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE}
    kept = ("HOME", "PIP_", "REQUESTS_", "SSL_")  # what pip is set up with
    return {**ours, **{name: value for name, value in os.environ.items() if name.startswith(kept)}}


@cache
def _kept() -> TemporaryDirectory[str]:
    """A folder that goes when the tests do."""
    return TemporaryDirectory(prefix="sam-")


def _home() -> str:
    """Where the SAM CLI has just looked for a newer version of itself, and so does not again."""
    (Path(_kept().name) / "metadata.json").write_text(json.dumps({"lastVersionCheck": time()}))
    return _kept().name


@cache
def transformed(text: str, parameters: str = "{}") -> Template:
    """What the transform makes of a template.

    Args:
        text: the template's, YAML or JSON.
        parameters: as JSON.
    """
    result = run("python", _TRANSFORM, parameters, text=text)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return Template(**json.loads(result.stdout))


def findings(*templates: Path) -> list[Finding]:
    """What cfn-lint says of templates, notes included."""
    result = run("cfn-lint", "--format", "json", "--include-checks", "I", "--", *templates)
    return [
        Finding(
            found["Rule"]["Id"],
            found["Message"],
            "/".join(map(str, found["Location"].get("Path") or ())),
            Path(found["Filename"]).name,
        )
        for found in json.loads(result.stdout)
    ]


def built(folder: Path, **parameters: str) -> Path:
    """Build the function as the README says, and tell where it is.

    Args:
        folder: where to build, and to note how it was done.
        parameters: the template's.
    """
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    options = ["--parameter-overrides", *overrides] if overrides else []
    result = run("sam", "build", "--build-dir", folder / "build", *options, online=True)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return folder / "build" / "StacheFunction"
