"""Terraform's real core on this machine, with our stand-in for hashicorp/aws.

    planned({"prefix": "mine"}, region="cn-north-1")      the plan, as JSON
    with servers() as urls:
        store = workspace(tmp_path, endpoints=urls)       one to apply in

Two environments that `make test` sets up hold the cores, newest and oldest supported.
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

from children import OFFLINE, join_python_path
from endpoints import serve
from loopback import CREDENTIALS

ROOT: Final = Path(__file__).parents[2]
MODULE: Final = ROOT / "terraform"
NEWEST: Final = "newest"
OLDEST: Final = "oldest"
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
"""Whose plans and stores they are: that of moto, and of our engine unless told otherwise."""

_STANDIN: Final = Path(__file__).parent / "standin"
_ENVIRONMENTS: Final[Mapping[str, Path]] = {
    NEWEST: ROOT / ".venv-terraform",
    OLDEST: ROOT / ".venv-terraform-oldest",
}
_PYTHON_PATH: Final = join_python_path(_STANDIN.parent)
"""Where the stand-in is, and what keeps it here."""
_PYTHON: Final = _ENVIRONMENTS[NEWEST] / "bin" / "python"
_PATH: Final = "/usr/bin:/bin"
_VERSION: Final = "6.55.0"
"""What the stand-in passes for: the version that the newest of its schemas are of."""
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3VECTORS")
_SERVICES: Final = ("dynamodb", "iam", "kms", "lambda", "logs")
_MIRROR_ONLY: Final = (
    'provider_installation {{\n  filesystem_mirror {{\n    path = "{}"\n  }}\n}}\n'
)


@dataclass(frozen=True)
class Workspace:
    """A folder with a module in it, where Terraform runs.

    `attached`: to a stand-in that runs already, which is faster than to start one for each
    command, as Terraform does for its users. `default_tags` are those of the provider, which needs
    to be attached. `programs` is a folder with those that the module runs.
    """

    folder: Path
    core: str = NEWEST
    region: str = REGION
    endpoints: Mapping[str, str] = field(default_factory=dict)
    attached: bool = True
    default_tags: Mapping[str, str] = field(default_factory=dict)
    programs: Path | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What a command of Terraform's prints, and its exit code."""
        if self.attached:
            self._write_provider_block()
        return _run(self.core, self.folder, self._make_environment(), *arguments)

    def _write_provider_block(self) -> None:
        """What a stand-in of its own would take from the environment."""
        rest, vectors = (self.endpoints.get(name, "") for name in _ENDPOINTS)
        urls = {**dict.fromkeys(_SERVICES, rest), "s3vectors": vectors}
        tags = {"default_tags": [{"tags": self.default_tags}]} if self.default_tags else {}
        block = {"region": self.region, "endpoints": [urls], **tags}
        file = self.folder / "provider.tf.json"
        file.write_text(json.dumps({"provider": {"aws": block}}))

    def _make_environment(self) -> dict[str, str]:
        """Nothing of the machine's."""
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
        """What a command prints that succeeds."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def read_refusal(self, command: str, *arguments: str) -> str:
        """Everything that a command says that fails; of `plan` and `apply`."""
        result = self.run(command, "-json", *arguments)
        assert result.returncode == 1, result.stdout + result.stderr
        return "\n".join(_read_problems(result.stdout, "error", "warning"))

    def read_warnings(self) -> list[str]:
        """The warnings of a plan that succeeds."""
        return list(_read_problems(self.check_output("plan", "-json"), "warning"))

    def set_variables(self, variables: Mapping[str, Any]) -> Workspace:
        """The same, with these values of the module's variables from now on."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        return self

    def plan(self) -> dict[str, Any]:
        """The plan."""
        self.check_output("plan", "-out=it.plan")
        plan: dict[str, Any] = json.loads(self.check_output("show", "-json", "it.plan"))
        return plan

    def list_changes(self) -> dict[str, list[str]]:
        """What the plan does to each resource that it does not leave as it is."""
        actions_by_address = {
            each["address"]: each["change"]["actions"] for each in self.plan()["resource_changes"]
        }
        return {
            address: actions
            for address, actions in actions_by_address.items()
            if actions != ["no-op"]
        }

    def apply(self) -> dict[str, Any]:
        """Make it so; the outputs."""
        self.check_output("apply", "-auto-approve")
        outputs = json.loads(self.check_output("output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}

    def destroy(self) -> str:
        """Have all of it destroyed; what Terraform prints."""
        return self.check_output("apply", "-destroy", "-auto-approve")

    def list_resources(self) -> list[str]:
        """What its state has."""
        return self.check_output("state", "list").split()


def make_workspace(folder: Path, part: str = ".", **options: Any) -> Workspace:
    """A copy of the module, ready to run in.

    Args:
        folder: where.
        part: an example's path in it, to run that.
        options: of `Workspace`.
    """
    ready = _prepare(part, options.get("core", NEWEST))
    top = ready.folder.parents[len(Path(part).parts)]
    leave = shutil.ignore_patterns("*.tfvars.json", "*.plan", "provider.tf.json")
    shutil.copytree(top, folder / "copy", symlinks=True, ignore=leave)
    return Workspace(folder / "copy" / "terraform" / part, **options)


def plan(
    variables: Mapping[str, Any] | None = None, *, region: str = REGION, part: str = "."
) -> dict[str, Any]:
    """The plan of a first deployment, as `terraform show -json` has it; no server is asked.

    Args:
        variables: the module's, or the example's.
        region: where; its partition follows from it.
        part: an example's path in the module, to plan that.
    """
    return copy.deepcopy(_plan_once(json.dumps(variables or {}), region, part))


@cache
def _plan_once(variables: str, region: str, part: str) -> dict[str, Any]:
    folder = _prepare(part, NEWEST).folder
    return Workspace(folder, region=region).set_variables(json.loads(variables)).plan()


def find_refusal(variables: Mapping[str, Any], core: str = NEWEST) -> str:
    """Why such a deployment is refused when it is planned."""
    return _prepare(".", core).set_variables(variables).read_refusal("plan")


def point_everywhere(url: str) -> dict[str, str]:
    """One server for all of AWS, as settings."""
    return dict.fromkeys(_ENDPOINTS, url)


@contextmanager
def run_servers() -> Iterator[dict[str, str]]:
    """An engine, and moto for the rest of AWS, as settings of their URLs."""
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
    """A copy that has been initialized, for the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="terraform-", dir=_make_mirror()))
    leave = shutil.ignore_patterns(".terraform*", "terraform.tfstate*")
    shutil.copytree(MODULE, folder / "terraform", ignore=leave)
    Workspace(folder / "terraform" / part, core, attached=False).check_output("init")
    return Workspace(folder / "terraform" / part, core)


def _run(
    core: str, folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    ours = {"CHECKPOINT_DISABLE": "1", "PATH": _PATH, "PYTHONPATH": _PYTHON_PATH}
    return subprocess.run(
        [_ENVIRONMENTS[core] / "bin" / "python", _STANDIN / "core.py", *arguments],
        cwd=folder,
        env={**OFFLINE, **ours, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def _read_address() -> str:
    """The provider's, as Terraform writes it in full."""
    output = _run(NEWEST, MODULE, {}, "providers").stdout
    match = re.search(r"provider\[(.*/hashicorp/aws)\]", output)
    assert match, output
    return match[1]


@cache
def _make_mirror() -> Path:
    """The only place that Terraform may take a provider from; it holds the stand-in."""
    folder = tempfile.TemporaryDirectory(prefix="terraform-")
    atexit.register(folder.cleanup)
    mirror = Path(folder.name)
    kind = mirror / "providers" / _read_address() / _VERSION / "linux_amd64"
    kind.mkdir(parents=True)
    provider = kind / f"terraform-provider-aws_v{_VERSION}"
    provider.write_text(f'#!/bin/sh\nPYTHONPATH="{_PYTHON_PATH}" exec "{_PYTHON}" -m standin\n')
    provider.chmod(0o755)
    (mirror / "terraform.rc").write_text(_MIRROR_ONLY.format(mirror / "providers"))
    return mirror


@cache
def _run_standin() -> str:
    """One that runs until this process ends (and so its input), as Terraform is told of it."""
    environment = {**CREDENTIALS, "PYTHONPATH": _PYTHON_PATH}
    command: list[str | Path] = [_PYTHON, "-m", "standin", "--attached"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    atexit.register(process.communicate)
    assert process.stdout is not None
    return json.dumps({_read_address(): json.loads(process.stdout.readline())})


def _read_problems(lines: str, *severities: str) -> Iterator[str]:
    """What a command that prints JSON says in its diagnostics."""
    for line in lines.splitlines():
        message = json.loads(line)
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] in severities:
            yield f"{message['diagnostic']['summary']}: {message['diagnostic']['detail']}"
