"""The engine's Dockerfile. The tests read it, because they cannot build an image."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from s3vectors_local.__main__ import main
from support import ROOT, tool
from support.endpoints import serve

DOCKERFILE = ROOT / "local" / "Dockerfile"
INSTRUCTIONS = [
    line.split(" ", 1)
    for line in DOCKERFILE.read_text().replace("\\\n", "").splitlines()
    if line and not line.startswith("#")
]


def get_instruction(name):
    [argument] = [argument for word, argument in INSTRUCTIONS if word == name]
    return argument


def test_linters_find_nothing():
    """These are all rules of hadolint and ShellCheck."""
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", "--failure-threshold", "style", DOCKERFILE]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.stdout == ""
    assert result.returncode == 0


def test_the_container_runs_as_an_unprivileged_user():
    """The command and its options exist, and the user owns the data directory."""
    assert get_instruction("FROM") == "python:3.13-slim"
    assert int(get_instruction("USER")) > 0
    assert f"useradd --uid {get_instruction('USER')} s3vectors" in get_instruction("RUN")
    words = json.loads(get_instruction("ENTRYPOINT")) + json.loads(get_instruction("CMD"))
    assert words[0] == "s3vectors-local"
    options = tool.parse_arguments(main, words[1:]).params
    assert (options["host"], str(options["port"])) == ("0.0.0.0", get_instruction("EXPOSE"))  # noqa: S104 - in a container
    assert options["data"] == get_instruction("VOLUME")
    assert f"--owner s3vectors --mode 0700 {options['data']}" in get_instruction("RUN")


def test_the_image_installs_the_wheel_that_make_builds():
    """It is in the folder that the first lines name."""
    pattern = get_instruction("COPY").split()[0]

    assert list((DOCKERFILE.parents[1] / "dist").glob(pattern))
    assert "local/Dockerfile --tag s3vectors-local dist\n" in DOCKERFILE.read_text()


def test_the_health_check_works():
    """It succeeds while a server answers, and fails otherwise."""
    health_check = get_instruction("HEALTHCHECK").partition("CMD ")[2]
    with serve() as url:
        words = json.loads(
            health_check.replace(f"http://127.0.0.1:{get_instruction('EXPOSE')}", url)
        )
        command = [sys.executable, *words[1:]]
        assert subprocess.run(command, check=False).returncode == 0
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_the_readme_builds_and_runs_the_image():
    """It has the same image, port and directory."""
    text = (DOCKERFILE.parent / "README.md").read_text()
    build, run = (
        shlex.split(line)
        for line in re.findall(r"^docker .*$", text.replace("\\\n", ""), re.MULTILINE)
    )

    assert build[:2] == ["docker", "build"]
    assert build[build.index("--file") + 1] == "local/Dockerfile"
    assert build[build.index("--tag") + 1] == run[-1] == "s3vectors-local"
    port = get_instruction("EXPOSE")
    assert run[run.index("--publish") + 1] == f"127.0.0.1:{port}:{port}"
    assert run[run.index("--volume") + 1].endswith(f":{get_instruction('VOLUME')}")
