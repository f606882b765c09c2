"""A command that serves Stache, in a process of its own, until it is up and until it has ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

LIMIT: Final = 60.0
"""Seconds for what takes one or two; none is waited for without need."""

_UP: Final = "Application startup complete"
"""What each worker logs when it is ready."""


@contextmanager
def run_stache(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    workers: int = 1,
    stop: signal.Signals = signal.SIGINT,
) -> Iterator[tuple[str, list[str]]]:
    """The URL of Stache once all its workers are up, and the lines of its log so far.

    Args:
        command: `{fd}` stands for the file descriptor of the socket to listen on.
        folder: where it is run; Stache reads `.env` from it.
        environment: of the process.
        workers: how many the command starts.
        stop: the signal that ends it.
    """
    with _listen() as listening:
        process = subprocess.Popen(
            [word.replace("{fd}", str(listening.fileno())) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(environment),
            cwd=folder,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    log: list[str] = []
    up = threading.Semaphore(0)
    reader = threading.Thread(target=_read, args=(process, log, up, workers))
    reader.start()
    try:
        if not all(up.acquire(timeout=LIMIT) for _ in range(workers)) or process.poll() is not None:
            raise RuntimeError("the server did not come up:\n" + "\n".join(log))
        yield url, log
        process.send_signal(stop)
        process.wait(LIMIT)
    finally:
        with suppress(ProcessLookupError):  # mostly nobody is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()


def _listen() -> socket.socket:
    """A socket of ours that the server gets: no port is guessed, and no client refused."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening


def _read(
    process: subprocess.Popen[str], log: list[str], up: threading.Semaphore, workers: int
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        log.append(line.rstrip())
        if _UP in line:
            up.release()
    up.release(workers)  # the process has ended: do not wait
