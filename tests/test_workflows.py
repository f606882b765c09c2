"""GitHub's workflows are valid and call what a contributor calls."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hatch_build import VARIABLE
from support import ROOT, TESTS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def check_workflows(*paths):
    packages = Path(sys.prefix) / "javascript"
    script = TESTS / "support" / "workflows.mjs"
    node = Path(sys.executable).with_name("node")
    command = [node, script, packages, *paths]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line)["message"] for line in lines]


def test_the_workflows_are_valid():
    """Actionlint checks them; they have not run on GitHub."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert check_workflows(*WORKFLOWS) == []


def test_a_misspelled_workflow_is_reported(tmp_path):
    """A step has an unknown key."""
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("with:", "wiht:", 1))

    assert any("wiht" in finding for finding in check_workflows(wrong))


def test_ci_runs_what_a_contributor_runs():
    """It uses each Python of the tests; the demo, the oldest of all."""
    jobs = yaml.safe_load(WORKFLOWS[0].read_text())["jobs"]
    steps = {name: [s["run"] for s in job["steps"] if "run" in s] for name, job in jobs.items()}

    assert steps == {
        "test": ["bash .ci/run"],
        "versions": ["make test-versions"],
        "coverage": ["make coverage"],
        "demo": ["make demo"],
    }
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    installed = jobs["versions"]["steps"][1]["with"]["python-version"].split()
    assert {*_read_versions()} < {*installed}
    assert jobs["demo"]["steps"][1]["with"]["python-version"] == "3.10"


def test_a_release_builds_its_wheels_with_the_repository_s_address():
    """So the package index links to it, wherever it is."""
    steps = yaml.safe_load(WORKFLOWS[1].read_text())["jobs"]["build"]["steps"]
    [build] = [step for step in steps if step.get("run") == "make wheel"]

    assert build["env"] == {VARIABLE: "${{ github.server_url }}/${{ github.repository }}"}


def _read_versions():
    return re.search(r"(?m)^VERSIONS \?= (.*)$", (ROOT / "Makefile").read_text())[1].split()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_an_issue_template_can_be_read(path):
    """GitHub does not show templates that it cannot read."""
    assert yaml.safe_load(path.read_text())


def test_a_bug_report_asks_for_the_doctor():
    """The doctor's output has what a maintainer needs first."""
    assert "doctor --json" in (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text()
