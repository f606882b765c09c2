"""The packages can be installed without a compiler on the platforms that the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import tomllib
from packaging.requirements import Requirement
from uv import find_uv_bin

from support import ROOT

PAGE = (ROOT / "docs" / "install.md").read_text()
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux with glibc older than 2.28": ("x86_64-manylinux_2_17", "aarch64-manylinux_2_17"),
    "Linux with glibc 2.28": ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"),
    "Linux with musl": ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"),
    "macOS": ("x86_64-apple-darwin", "aarch64-apple-darwin"),
    "Windows": ("x86_64-pc-windows-msvc",),
    "Windows on Arm": ("aarch64-pc-windows-msvc",),
}
"""The page's name → uv's names."""


def read_project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())


def read_requirements():
    """Return the requirements of each package, with the extras."""
    ours, engine = read_project(ROOT), read_project(ROOT / "local")
    extras = engine["project"]["optional-dependencies"]
    plain = [*engine["project"]["dependencies"], *extras["boto3"]]
    return {
        "s3vectors-local": plain,
        "s3vectors-local[fast]": [*plain, *extras["fast"]],
        "stache-ai-s3vectors": [
            *ours["project"]["dependencies"],
            *ours["project"]["optional-dependencies"]["cdk"],
        ],
    }


REQUIREMENTS = read_requirements()


def can_be_installed(requirements, platform, python):
    """Whether uv finds wheels for these requirements and their dependencies on a platform.

    uv connects to the package index only; it builds and installs nothing. If it cannot reach the
    index, this fails with the output of uv.
    """
    command = [find_uv_bin(), "pip", "compile", "-", "--only-binary", ":all:"]
    command += ["--python-platform", platform, "--python-version", python]
    command += ["--python", sys.executable, "--no-python-downloads"]
    result = subprocess.run(
        command,
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        env={**os.environ, "UV_CONCURRENT_DOWNLOADS": "4"},  # several uv run at a time
        check=False,
    )
    lacks_wheels = "hint: Wheels are required for" in result.stderr
    assert result.returncode == 0 or lacks_wheels, f"uv failed for {platform}:\n{result.stderr}"
    return result.returncode == 0


def read_expected(system, python):
    """Return the packages in the page's table and their dependencies without wheels."""
    row = r"^\| `(\S+)` \| (.+) \| 3\.(\d+)(?: to 3\.(\d+))? \| (.+) \|$"
    minor = int(python.removeprefix("3."))
    return {
        package: without.split(", ")
        for package, where, first, last, without in re.findall(row, PAGE, re.MULTILINE)
        if where == system and int(first) <= minor <= int(last or first)
    }


def find_mistakes(expected, platform, python):
    """Return the packages and dependencies for which the table is wrong."""
    others = [name for name in REQUIREMENTS if name not in expected]
    together = {line for name in others for line in REQUIREMENTS[name]}
    wrong = []
    if not can_be_installed(together, platform, python):
        wrong = [
            f"{name} cannot be installed"
            for name in others
            if not can_be_installed(REQUIREMENTS[name], platform, python)
        ]
    for name, without in expected.items():
        needed = {Requirement(line).name: line for line in REQUIREMENTS[name]}
        wrong += [
            f"{package} has wheels"
            for package in without
            if can_be_installed([needed.get(package, package)], platform, python)
        ]
        indirect = needed.keys().isdisjoint(without)
        if indirect and can_be_installed(REQUIREMENTS[name], platform, python):
            wrong.append(f"{name} can be installed")
    return wrong


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_page_names_every_package_that_needs_a_compiler(system, python):
    """All other packages have wheels for the system."""
    expected = read_expected(system, python)
    platforms = SYSTEMS[system]
    with ThreadPoolExecutor(len(platforms)) as threads:  # they mostly wait for the index
        wrong = threads.map(lambda platform: find_mistakes(expected, platform, python), platforms)
        wrong = dict(zip(platforms, wrong, strict=True))

    assert wrong == {platform: [] for platform in platforms}


def test_every_system_in_the_page_s_table_is_known():
    """A row with an unknown system would not be tested."""
    [table] = re.findall(r"^\| needs a compiler .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [line.split(" | ") for line in table.splitlines()]

    assert rows
    assert {system for _, system, _, _ in rows} <= SYSTEMS.keys()
    assert {name.strip("| `") for name, _, _, _ in rows} <= REQUIREMENTS.keys()


@pytest.mark.parametrize(
    "system, python", [("Linux with glibc 2.28", "3.14"), ("Windows on Arm", "3.13")]
)
def test_a_dependency_that_the_extra_leaves_out_has_no_wheels(system, python):
    """When pysimdjson has them, its marker in local/pyproject.toml can be removed."""
    assert not can_be_installed(["pysimdjson"], SYSTEMS[system][0], python)
