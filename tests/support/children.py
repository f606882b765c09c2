"""Processes that the tests start talk to this machine only, too; unless asked with --aws."""

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

from command_line_flags import AWS

_FOLDER: Final = Path(__file__).parent
_NOWHERE: Final = "http://127.0.0.1:9"

OFFLINE: Final = {
    "HTTP_PROXY": _NOWHERE,
    "HTTPS_PROXY": _NOWHERE,
    "NO_PROXY": "127.0.0.1",
}
"""What keeps programs away that no hook can get into: a proxy where nobody listens."""


def join_python_path(*folders: Path) -> str:
    """PYTHONPATH for another Python: `guard` first, then these folders."""
    guard = () if AWS else (_FOLDER / "guard",)
    return os.pathsep.join(map(str, (*guard, *folders)))


def make_node_options() -> dict[str, str]:
    """The environment variable for a Node and those that it starts."""
    hook = json.dumps(str(_FOLDER / "loopback.cjs"))  # in quotes, for a path may have spaces
    return {} if AWS else {"NODE_OPTIONS": f"--require {hook}"}


def create_fork_server() -> ForkServerContext:
    """Processes that fork from one which has imported what the kills' tests run.

    Python 3.11 gives its path to the children only. Without PYTHONPATH the server imports nothing
    and reports nothing, and each child imports all of Stache.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["crash", "ingesting"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", join_python_path(*map(Path, sys.path)))
        forkserver.ensure_running()
    return processes
