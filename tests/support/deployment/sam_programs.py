"""A script that runs the SAM CLI, its transform or cfn-lint in forked processes.

It runs in the SAM CLI's own environment. The argument is the program. Importing the program takes
as long as most of what tests do with it; a fork has already imported it. Each line of the input is
a request, and each line of the output is its result, both as JSON.
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

from support.deployment import sam_transform

_SAM_MODULES: Final = (
    "samcli.commands.build.command",
    "samcli.commands.build.build_context",
    "samcli.commands.delete.command",
    "samcli.commands.deploy.command",
    "samcli.commands.deploy.deploy_context",
    "samcli.commands.package.package_context",
)
"""The modules that the SAM CLI imports only when it runs a command."""


def main(program: str) -> None:
    """Run the program for each request, until the input ends."""
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
    for module in _SAM_MODULES if program == "sam" else ():
        import_module(module)
    run: Callable[[], Any] = entry_points(group="console_scripts")[program].load()
    return run


def _take_over(request: Mapping[str, Any], *descriptors: int) -> None:
    """Set this process's files, environment, working directory and arguments for a request."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = request["arguments"]


if __name__ == "__main__":
    main(sys.argv[1])
