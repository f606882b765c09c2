"""Real forks, and what becomes of them: a child that hangs fails its test, not the run."""

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

from children import join_python_path

LIMIT: Final = 60.0
"""Seconds that a child gets; none needs one."""


class ChildError(AssertionError):
    """A child raised something, or hung."""


def run_in_child(function: Callable[[], Any]) -> Any:
    """What a function returns in a forked process, which then ends at once.

    Raises:
        ChildError: it raised something, or did not end.
    """
    reading, writing = os.pipe()
    child = _fork()
    if not child:
        os.close(reading)
        try:
            answer = pickle.dumps((function(), None))
        except BaseException:  # noqa: BLE001 - the parent raises it
            answer = pickle.dumps((None, traceback.format_exc()))
        os.write(writing, answer)
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
    with warnings.catch_warnings():  # from Python 3.12 on it warns where there are threads
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _read(reading: int, child: int) -> bytes:
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([reading], [], [], LIMIT)
        if not ready:
            os.kill(child, signal.SIGKILL)
            raise ChildError(f"the child hung for {LIMIT} s")
        part = os.read(reading, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def run_script(script: str, *arguments: object, folder: Path) -> list[str]:
    """The lines that a script prints, run by an interpreter of its own that ends as it should.

    Raises:
        ChildError: it failed, printed an error, or did not end.
    """
    environment = {**os.environ, "PYTHONPATH": join_python_path(Path(__file__).parent)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    try:
        done = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=environment,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"the script hung for {LIMIT} s") from error
    if done.returncode or done.stderr:
        raise ChildError(f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.splitlines()
