"""Forked children and scripts. If one hangs, its test fails, and the test run goes on."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from support import TESTS
from support.processes.children import join_python_path

TIMEOUT_SECONDS: Final = 60.0
"""The limit of a child, which needs less than a second."""


class ChildError(AssertionError):
    """A child raised an error, or hung."""


def run_in_child(function: Callable[[], Any]) -> Any:
    """Run a function in a forked process, which then ends at once. Return its result.

    Raises:
        ChildError: the function raised an error, or did not end.
    """
    reading, writing = os.pipe()
    child = _fork()
    if not child:
        os.close(reading)
        try:
            outcome = pickle.dumps((function(), None))
        except BaseException:  # noqa: BLE001 - the parent raises it
            outcome = pickle.dumps((None, traceback.format_exc()))
        os.write(writing, outcome)
        os._exit(0)
    os.close(writing)
    try:
        result, failure = pickle.loads(_read(reading, child))
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    if failure:
        raise ChildError(failure)
    return result


def _fork() -> int:
    with warnings.catch_warnings():  # from 3.12 on, Python warns if the process has threads
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _read(reading: int, child: int) -> bytes:
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([reading], [], [], TIMEOUT_SECONDS)
        if not ready:
            os.kill(child, signal.SIGKILL)
            raise ChildError(f"the child hung for {TIMEOUT_SECONDS} s")
        part = os.read(reading, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def run_script(script: str, *arguments: object, folder: Path) -> list[str]:
    """Run a script in a new interpreter, and return the lines that it prints.

    Raises:
        ChildError: the script failed, printed an error, or did not end.
    """
    environment = {**os.environ, "PYTHONPATH": join_python_path(TESTS)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    try:
        result = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=environment,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"the script hung for {TIMEOUT_SECONDS} s") from error
    if result.returncode or result.stderr:
        raise ChildError(f"{result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout.splitlines()
