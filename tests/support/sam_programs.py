"""Runs the SAM CLI, its transform and cfn-lint, each in a process that forks from this one.

Runs in the SAM CLI's own environment. To import one of them takes as long as most of what tests do
with it; a fork has it imported. Reads a request a line, as JSON, and prints its result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import sam_transform

SUBCOMMANDS: Final = (
    "samcli.commands.build.command",
    "samcli.commands.build.build_context",
    "samcli.commands.delete.command",
    "samcli.commands.deploy.command",
    "samcli.commands.deploy.deploy_context",
    "samcli.commands.package.package_context",
)
"""What the SAM CLI imports when it is asked for one of them."""


def main() -> None:
    """Run what is asked for, one after the other, until the input ends."""
    scripts = entry_points(group="console_scripts")
    programs = {name: scripts[name].load() for name in ("sam", "cfn-lint")}
    programs["sam_transform"] = sam_transform.main
    for module in SUBCOMMANDS:
        import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        with TemporaryFile("w+") as text, TemporaryFile("w+") as output, TemporaryFile("w+") as log:
            text.write(request["text"])
            text.seek(0)
            process = os.fork()
            if not process:
                _take_over(request, text.fileno(), output.fileno(), log.fileno())
                sys.exit(programs[request["program"]]())
            _, status = os.waitpid(process, 0)
            output.seek(0)
            log.seek(0)
            code = os.waitstatus_to_exitcode(status)
            sys.stdout.write(json.dumps([code, output.read(), log.read()]) + "\n")
            sys.stdout.flush()


def _take_over(request: Mapping[str, Any], *descriptors: int) -> None:
    """Give this process the files, the environment, the folder and the arguments of a request."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [str(Path(sys.executable).parent / request["program"]), *request["arguments"]]


if __name__ == "__main__":
    main()
