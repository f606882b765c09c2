"""The SAM CLI, its transform and cfn-lint, in an environment of their own without access to AWS."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import time
from typing import Any, Final

from support import ROOT, TESTS
from support.processes.children import OFFLINE, join_python_path
from support.processes.loopback import CREDENTIALS

FOLDER: Final = ROOT / "sam"
TEMPLATE: Final = FOLDER / "template.yaml"
FUNCTION: Final = ROOT / "examples" / "lambda"
_BIN: Final = ROOT / ".venv-sam" / "bin"
_locks: Final = {command: Lock() for command in ("sam", "sam_transform", "cfn-lint")}
"""One for each command: requests and results are lines of the same pipes."""


@dataclass(frozen=True)
class Finding:
    """A finding of cfn-lint."""

    rule: str
    message: str
    path: str
    """The location in the template, with slashes."""
    file: str
    """The name of the template's file."""


@dataclass(frozen=True)
class Template:
    """A SAM template."""

    source: dict[str, Any]
    """The template as it is written."""
    transformed: dict[str, Any]
    """The template after the transform."""


def run(
    command: str,
    *arguments: str | Path,
    folder: Path = FOLDER,
    text: str = "",
    online: bool = False,
    endpoint: str = "",
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command in the SAM CLI's environment.

    Args:
        command: sam, cfn-lint, sam_transform or python.
        arguments: the arguments of the command.
        folder: the working directory.
        text: the standard input.
        online: whether the pip that it starts may download packages, with pip's own settings.
        endpoint: the endpoint of the simulated AWS that it may use.
        variables: additional environment variables.
    """
    environment = {**_make_environment(online=online, endpoint=endpoint), **(variables or {})}
    if command == "python":
        return subprocess.run(
            [_BIN / command, *arguments],
            cwd=folder,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    request = {
        "arguments": [str(argument) for argument in (_BIN / command, *arguments)],
        "folder": str(folder),
        "environment": environment,
        "text": text,
    }
    with _locks[command]:
        process = _start_program(command)
        assert process.stdin
        assert process.stdout
        print(json.dumps(request), file=process.stdin, flush=True)
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} ended with {process.wait()}; see its standard error")
    code, output, log = json.loads(line)
    return subprocess.CompletedProcess([command, *arguments], code, output, log)


@cache
def _start_program(command: str) -> subprocess.Popen[str]:
    """Start the process that forks for each use of a command. It ends with this process.

    Each command has a process of its own, because the simulated AWS transforms a template while the
    SAM CLI deploys it.
    """
    process = subprocess.Popen(
        [_BIN / "python", Path(__file__).with_name("sam_programs.py"), command],
        env={
            **_make_environment(online=False, endpoint=""),
            "PYTHONPATH": join_python_path(TESTS),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def _make_environment(*, online: bool, endpoint: str) -> dict[str, str]:
    """Make an environment without settings of AWS or of the user who runs the tests."""
    home = _make_home()
    ours = {
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": home,
        "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": home,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",  # the transform needs one
    }
    if not online:
        offline = {**OFFLINE, "PYTHONPATH": join_python_path()}
        return {**ours, **offline, **(_point_at(endpoint) if endpoint else {})}
    prefixes = ("HOME", "PIP_", "REQUESTS_", "SSL_")  # pip's settings
    return {
        **ours,
        **{name: value for name, value in os.environ.items() if name.startswith(prefixes)},
    }


def _point_at(endpoint: str) -> dict[str, str]:
    """Make variables for the simulated AWS."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "SAM_CLI_POLL_DELAY": "0.1",  # in seconds
    }


@cache
def _make_folder() -> TemporaryDirectory[str]:
    """Make a folder that is deleted after the tests."""
    return TemporaryDirectory(prefix="sam-")


def _make_home() -> str:
    """Make a home that says that the SAM CLI has just looked for a newer version of itself."""
    (Path(_make_folder().name) / "metadata.json").write_text(
        json.dumps({"lastVersionCheck": time()})
    )
    return _make_folder().name


@cache
def transform_template(text: str, parameters: str = "{}") -> Template:
    """Transform a template.

    Args:
        text: the template, YAML or JSON.
        parameters: as JSON.
    """
    result = run("sam_transform", parameters, text=text)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return Template(**json.loads(result.stdout))


def lint_templates(*templates: Path) -> list[Finding]:
    """Return cfn-lint's findings about templates, with the informational ones."""
    result = run("cfn-lint", "--format", "json", "--include-checks", "I", "--", *templates)
    return [
        Finding(
            finding["Rule"]["Id"],
            finding["Message"],
            "/".join(map(str, finding["Location"].get("Path") or ())),
            Path(finding["Filename"]).name,
        )
        for finding in json.loads(result.stdout)
    ]


def build_function(folder: Path, **parameters: str) -> Path:
    """Build the function as the README says, and return its folder.

    Args:
        folder: the folder to build in.
        parameters: the parameters of the template.
    """
    target = ("--build-dir", folder / "build")
    result = run("sam", "build", *target, *_format_overrides(parameters), online=True)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return folder / "build" / "StacheFunction"


def write_nesting_template(folder: Path, location: str, **parameters: str) -> Path:
    """Write a template that nests ours, and return its path.

    Args:
        folder: the folder to write to.
        location: the path of our template, relative to that folder.
        parameters: the parameters of our template.
    """
    nested = {"Location": location, "Parameters": parameters}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Store": {"Type": "AWS::Serverless::Application", "Properties": nested}},
        "Outputs": {"Bucket": {"Value": {"Fn::GetAtt": ["Store", "Outputs.BucketName"]}}},
    }
    (folder / "template.yaml").write_text(json.dumps(template))
    return folder / "template.yaml"


def deploy(
    endpoint: str,
    template: Path = TEMPLATE,
    tags: Mapping[str, str] | None = None,
    **parameters: str,
) -> subprocess.CompletedProcess[str]:
    """Deploy to a simulated AWS as the README says.

    Args:
        endpoint: the endpoint of the simulated AWS.
        template: the template. To deploy the function, use the one that `sam build` writes.
        tags: the tags of the stack.
        parameters: the parameters of the template.
    """
    pairs = [f"{key}={value}" for key, value in (tags or {}).items()]
    options: list[str | Path] = [
        *("--template", template),
        *("--config-file", FOLDER / "samconfig.toml"),
    ]
    options += ["--tags", *pairs] if pairs else []
    return run("sam", "deploy", *options, *_format_overrides(parameters), endpoint=endpoint)


def _format_overrides(parameters: Mapping[str, str]) -> list[str]:
    pairs = [f"{name}={value}" for name, value in parameters.items()]
    return ["--parameter-overrides", *pairs] if pairs else []
