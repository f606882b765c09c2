"""Runs the SAM CLI, its transform or cfn-lint, each time in a process that forks from this one.

Runs in the SAM CLI's own environment, with the program for argument. To import it takes as long as
most of what tests do with it; a fork has it imported. Reads a request a line, as JSON, and prints
its result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from tempfile import TemporaryFile
from typing import Any, Final

import sam_transform

SAM: Final = (
    "samcli.commands.build.command",
    "samcli.commands.build.build_context",
    "samcli.commands.delete.command",
    "samcli.commands.deploy.command",
    "samcli.commands.deploy.deploy_context",
    "samcli.commands.package.package_context",
)
"""What the SAM CLI imports when it is asked for a command."""


def main(program: str) -> None:
    """Run the program for one request after the other, until the input ends."""
    run = _load_program(program)
    for line in sys.stdin:
        with TemporaryFile("w+") as text, TemporaryFile("w+") as output, TemporaryFile("w+") as log:
            request = json.loads(line)
            text.write(request["text"])
            text.seek(0)
            process = os.fork()
            if not process:
                _take_over(request, text.fileno(), output.fileno(), log.fileno())
                sys.exit(run())
            _, status = os.waitpid(process, 0)
            output.seek(0)
            log.seek(0)
            result = [os.waitstatus_to_exitcode(status), output.read(), log.read()]
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()


def _load_program(program: str) -> Callable[[], Any]:
    if program == "sam_transform":
        return sam_transform.main
    for module in SAM if program == "sam" else ():
        import_module(module)
    run: Callable[[], Any] = entry_points(group="console_scripts")[program].load()
    return run


def _take_over(request: Mapping[str, Any], *descriptors: int) -> None:
    """Give this process the files, the environment, the folder and the arguments of a request."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = request["arguments"]


if __name__ == "__main__":
    main(sys.argv[1])
