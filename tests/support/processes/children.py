"""Protection of other machines from the processes that tests start, unless --aws is set."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

import pytest

from support.command_line_flags import AWS

_FOLDER: Final = Path(__file__).parent
_CLOSED_PROXY: Final = "http://127.0.0.1:9"

OFFLINE: Final = {
    "HTTP_PROXY": _CLOSED_PROXY,
    "HTTPS_PROXY": _CLOSED_PROXY,
    "NO_PROXY": "127.0.0.1",
}
"""Variables for programs without a hook of ours: a proxy on a port where nothing listens."""


def join_python_path(*folders: Path) -> str:
    """Make PYTHONPATH for another Python: `guard` first, then these folders."""
    guard = () if AWS else (_FOLDER / "guard",)
    return os.pathsep.join(map(str, (*guard, *folders)))


def make_node_options() -> dict[str, str]:
    """Make the environment variable for a Node process and the processes that it starts."""
    hook = json.dumps(str(_FOLDER / "loopback.cjs"))  # in quotes, because a path may have spaces
    return {} if AWS else {"NODE_OPTIONS": f"--require {hook}"}


def create_fork_server() -> ForkServerContext:
    """Start a fork server that has imported the modules of the tests that kill processes.

    Python 3.11 passes its path to the children only. Without PYTHONPATH, the server cannot import
    them and does not report it, and each child imports all of Stache.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["support.processes.crash", "support.stache.ingesting"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", join_python_path(*map(Path, sys.path)))
        forkserver.ensure_running()
    return processes
