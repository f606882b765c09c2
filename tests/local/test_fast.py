"""The extra `fast`: without it, results are the same, and `serve` prints what is missing."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest
import tomllib
from packaging.requirements import Requirement

from s3vectors_local import __main__ as command
from s3vectors_local.parsing import HAS_SIMDJSON
from support import ROOT, TESTS


def print_responses(*missing):
    """Return the output of `print_responses.py` without these modules, and the used modules."""
    program = [sys.executable, TESTS / "support" / "engine" / "print_responses.py", *missing]
    result = subprocess.run(program, capture_output=True, check=True)
    *lines, used = result.stdout.splitlines()
    return lines, used.decode().split()


@pytest.fixture(scope="module")
def responses():
    """Return the output with all modules."""
    lines, used = print_responses()
    assert used == (["numkong", "simdjson"] if HAS_SIMDJSON else ["numkong"])
    return lines


@pytest.mark.parametrize("missing", [["numkong"], ["simdjson"], ["numkong", "simdjson"]])
def test_without_the_extra_every_response_is_the_same(responses, missing):
    """Byte for byte: puts, queries with and without filters, lists, and errors."""
    lines, used = print_responses(*missing)

    assert not set(used) & set(missing)
    assert len(lines) > 100
    assert lines == responses


def serve_without(*missing):
    """Return what a server without these modules prints to stderr."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
        "from s3vectors_local.__main__ import main; main(['serve', '--port', '0'])"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        url = process.stdout.readline().split()[1].rstrip(",")
        with urllib.request.urlopen(f"{url}/health"):
            process.terminate()  # it has answered, so it can be stopped
        return process.communicate()[1]


def test_serve_names_the_missing_modules():
    """One line on stderr has the command that installs them. It prints nothing otherwise."""
    missing = "numkong pysimdjson" if HAS_SIMDJSON else "numkong"

    assert serve_without() == ""
    assert serve_without("numkong", "simdjson") == (
        f"s3vectors-local: to make the engine faster, `pip install {missing}`\n"
    )


@pytest.mark.parametrize("platform, machine", [("linux", "aarch64"), ("win32", "ARM64")])
@pytest.mark.parametrize("version", [(3, 10), (3, 13), (3, 14)])
def test_serve_names_only_what_the_extra_installs(monkeypatch, platform, machine, version):
    """The condition in the code equals the marker in pyproject.toml."""
    project = tomllib.loads((ROOT / "local" / "pyproject.toml").read_text())["project"]
    requirements = map(Requirement, project["optional-dependencies"]["fast"])
    markers = {requirement.name: requirement.marker for requirement in requirements}
    environment = {
        "python_version": ".".join(map(str, version)),
        "sys_platform": platform,
        "platform_machine": machine,
    }

    monkeypatch.setattr(command, "sys", SimpleNamespace(version_info=version, platform=platform))
    monkeypatch.setattr(command, "platform", SimpleNamespace(machine=lambda: machine))

    assert list(markers) == ["numkong", "pysimdjson"]
    assert markers["numkong"] is None
    assert markers["pysimdjson"].evaluate(environment) == command._has_simdjson_wheels()
