"""Terraform's real core on this machine, with our stand-in for hashicorp/aws.

    plan({"prefix": "mine"}, region="cn-north-1")              a plan, as JSON
    with run_servers() as urls:
        store = make_workspace(tmp_path, endpoints=urls)       a workspace to apply in

`make test` sets up two environments with the newest and the oldest supported core.
"""

from __future__ import annotations

import atexit
import copy
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from support import ROOT, TESTS
from support.endpoints import serve
from support.processes.children import OFFLINE, join_python_path
from support.processes.loopback import CREDENTIALS

MODULE: Final = ROOT / "terraform"
NEWEST: Final = "newest"
OLDEST: Final = "oldest"
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
"""The account of plans and stores, which is also the default of moto and of our engine."""

_STANDIN: Final = TESTS / "support" / "standin"
_ENVIRONMENTS: Final[Mapping[str, Path]] = {
    NEWEST: ROOT / ".venv-terraform",
    OLDEST: ROOT / ".venv-terraform-oldest",
}
_PYTHON_PATH: Final = join_python_path(TESTS)
"""The stand-in, and the guard that keeps it from connecting to other machines."""
_PYTHON: Final = _ENVIRONMENTS[NEWEST] / "bin" / "python"
_PATH: Final = "/usr/bin:/bin"
_VERSION: Final = "6.55.0"
"""The stand-in's version: that of the newest of its schemas."""
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3VECTORS")
_SERVICES: Final = ("dynamodb", "iam", "kms", "lambda", "logs")
_MIRROR_ONLY: Final = (
    'provider_installation {{\n  filesystem_mirror {{\n    path = "{}"\n  }}\n}}\n'
)


@dataclass(frozen=True)
class Workspace:
    """A folder with a module, in which Terraform runs.

    Args:
        folder: the folder.
        core: the version of Terraform, NEWEST or OLDEST.
        region: the region.
        endpoints: the settings of the endpoints.
        attached: whether to use a stand-in that runs already. It is faster than starting one for
            each command, which is what Terraform does for its users.
        default_tags: the default tags of the provider, if it is attached.
        programs: a folder with the programs that the module runs.
    """

    folder: Path
    core: str = NEWEST
    region: str = REGION
    endpoints: Mapping[str, str] = field(default_factory=dict)
    attached: bool = True
    default_tags: Mapping[str, str] = field(default_factory=dict)
    programs: Path | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Terraform command, and return its output and exit code."""
        if self.attached:
            self._write_provider_block()
        return _run(self.core, self.folder, self._make_environment(), *arguments)

    def _write_provider_block(self) -> None:
        """Write the settings that a stand-in started by Terraform reads from the environment."""
        rest, vectors = (self.endpoints.get(name, "") for name in _ENDPOINTS)
        urls = {**dict.fromkeys(_SERVICES, rest), "s3vectors": vectors}
        tags = {"default_tags": [{"tags": self.default_tags}]} if self.default_tags else {}
        block = {"region": self.region, "endpoints": [urls], **tags}
        file = self.folder / "provider.tf.json"
        file.write_text(json.dumps({"provider": {"aws": block}}))

    def _make_environment(self) -> dict[str, str]:
        """Make an environment without variables of the machine."""
        attached = {"TF_REATTACH_PROVIDERS": _run_standin()} if self.attached else {}
        programs = {"PATH": f"{self.programs}:{_PATH}"} if self.programs else {}
        return {
            **attached,
            **programs,
            **CREDENTIALS,
            **self.endpoints,
            "AWS_REGION": self.region,
            "HOME": str(self.folder),
            "TF_CLI_CONFIG_FILE": str(_make_mirror() / "terraform.rc"),
        }

    def check_output(self, *arguments: str) -> str:
        """Run a command, check that it succeeds, and return what it prints."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def read_refusal(self, command: str, *arguments: str) -> str:
        """Run `plan` or `apply`, check that it fails, and return its errors and warnings."""
        result = self.run(command, "-json", *arguments)
        assert result.returncode == 1, result.stdout + result.stderr
        return "\n".join(_read_problems(result.stdout, "error", "warning"))

    def read_warnings(self) -> list[str]:
        """Plan, check that it succeeds, and return the warnings."""
        return list(_read_problems(self.check_output("plan", "-json"), "warning"))

    def set_variables(self, variables: Mapping[str, Any]) -> Workspace:
        """Set the values of the module's variables, and return this workspace."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        return self

    def plan(self) -> dict[str, Any]:
        """Return the plan, as `terraform show -json` prints it."""
        self.check_output("plan", "-out=it.plan")
        plan: dict[str, Any] = json.loads(self.check_output("show", "-json", "it.plan"))
        return plan

    def list_changes(self) -> dict[str, list[str]]:
        """Return the plan's actions on each resource that it changes."""
        actions_by_address = {
            each["address"]: each["change"]["actions"] for each in self.plan()["resource_changes"]
        }
        return {
            address: actions
            for address, actions in actions_by_address.items()
            if actions != ["no-op"]
        }

    def apply(self) -> dict[str, Any]:
        """Apply, and return the outputs."""
        self.check_output("apply", "-auto-approve")
        outputs = json.loads(self.check_output("output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}

    def destroy(self) -> str:
        """Destroy all resources, and return what Terraform prints."""
        return self.check_output("apply", "-destroy", "-auto-approve")

    def list_resources(self) -> list[str]:
        """Return the addresses of the resources in the state."""
        return self.check_output("state", "list").split()


def make_workspace(folder: Path, part: str = ".", **options: Any) -> Workspace:
    """Make a copy of the module that is initialized.

    Args:
        folder: the folder to copy to.
        part: the path of an example in the module, to run that instead.
        options: options of `Workspace`.
    """
    ready = _prepare(part, options.get("core", NEWEST))
    top = ready.folder.parents[len(Path(part).parts)]
    ignored = shutil.ignore_patterns("*.tfvars.json", "*.plan", "provider.tf.json")
    shutil.copytree(top, folder / "copy", symlinks=True, ignore=ignored)
    return Workspace(folder / "copy" / "terraform" / part, **options)


def plan(
    variables: Mapping[str, Any] | None = None, *, region: str = REGION, part: str = "."
) -> dict[str, Any]:
    """Return the plan of a first deployment, as `terraform show -json` prints it, without a server.

    Args:
        variables: the variables of the module or the example.
        region: the region, which determines the partition.
        part: the path of an example in the module, to plan that instead.
    """
    return copy.deepcopy(_plan_once(json.dumps(variables or {}), region, part))


@cache
def _plan_once(variables: str, region: str, part: str) -> dict[str, Any]:
    folder = _prepare(part, NEWEST).folder
    return Workspace(folder, region=region).set_variables(json.loads(variables)).plan()


def find_refusal(variables: Mapping[str, Any]) -> str:
    """Return the errors of a plan that is refused because of these variables."""
    return _prepare(".", NEWEST).set_variables(variables).read_refusal("plan")


def point_everywhere(url: str) -> dict[str, str]:
    """Make settings with one server for all of AWS."""
    return dict.fromkeys(_ENDPOINTS, url)


@contextmanager
def run_servers() -> Iterator[dict[str, str]]:
    """Run an engine, and moto for the rest of AWS. Yield settings with their URLs."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [_PYTHON, _STANDIN / "moto_server.py"]
    environment = {**os.environ, "PYTHONPATH": _PYTHON_PATH}
    with serve() as vectors, subprocess.Popen(command, env=environment, **pipes) as moto:
        assert moto.stdin is not None
        assert moto.stdout is not None
        url = moto.stdout.readline().strip()
        yield dict(zip(_ENDPOINTS, (url, vectors), strict=True))
        moto.stdin.close()


@cache
def _prepare(part: str, core: str) -> Workspace:
    """Make and initialize a copy of the module, once in a test run."""
    folder = Path(tempfile.mkdtemp(prefix="terraform-", dir=_make_mirror()))
    ignored = shutil.ignore_patterns(".terraform*", "terraform.tfstate*")
    shutil.copytree(MODULE, folder / "terraform", ignore=ignored)
    Workspace(folder / "terraform" / part, core, attached=False).check_output("init")
    return Workspace(folder / "terraform" / part, core)


def _run(
    core: str, folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    ours = {"CHECKPOINT_DISABLE": "1", "PATH": _PATH, "PYTHONPATH": _PYTHON_PATH}
    return subprocess.run(
        [_ENVIRONMENTS[core] / "bin" / "python", "-S", _STANDIN / "core.py", *arguments],
        cwd=folder,
        env={**OFFLINE, **ours, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def _read_address() -> str:
    """Read the provider's full address from Terraform."""
    output = _run(NEWEST, MODULE, {}, "providers").stdout
    match = re.search(r"provider\[(.*/hashicorp/aws)\]", output)
    assert match, output
    return match[1]


@cache
def _make_mirror() -> Path:
    """Make the only source of providers that Terraform may use. It has the stand-in."""
    folder = tempfile.TemporaryDirectory(prefix="terraform-")
    atexit.register(folder.cleanup)
    mirror = Path(folder.name)
    platform = mirror / "providers" / _read_address() / _VERSION / "linux_amd64"
    platform.mkdir(parents=True)
    provider = platform / f"terraform-provider-aws_v{_VERSION}"
    provider.write_text(
        f'#!/bin/sh\nPYTHONPATH="{_PYTHON_PATH}" exec "{_PYTHON}" -m support.standin\n'
    )
    provider.chmod(0o755)
    (mirror / "terraform.rc").write_text(_MIRROR_ONLY.format(mirror / "providers"))
    return mirror


@cache
def _run_standin() -> str:
    """Start a stand-in that runs until this process ends. Return the setting for Terraform."""
    environment = {**CREDENTIALS, "PYTHONPATH": _PYTHON_PATH}
    command: list[str | Path] = [_PYTHON, "-m", "support.standin", "--attached"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    atexit.register(process.communicate)
    assert process.stdout is not None
    return json.dumps({_read_address(): json.loads(process.stdout.readline())})


def _read_problems(lines: str, *severities: str) -> Iterator[str]:
    """Yield the diagnostics of a command that prints JSON, if they have one of the severities."""
    for line in lines.splitlines():
        message = json.loads(line)
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] in severities:
            yield f"{message['diagnostic']['summary']}: {message['diagnostic']['detail']}"
