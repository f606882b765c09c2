"""A command that serves Stache, run in a process of its own."""

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

TIMEOUT_SECONDS: Final = 60.0
"""The limit of steps that take one or two seconds."""

_READY: Final = "Application startup complete"
"""The message that each worker logs when it is ready."""


@contextmanager
def run_stache(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    workers: int = 1,
    stop: signal.Signals = signal.SIGINT,
) -> Iterator[tuple[str, list[str]]]:
    """Run the command. When all workers are ready, yield the URL and a list of the log's lines.

    Args:
        command: the command; `{fd}` stands for the file descriptor of the socket to listen on.
        folder: the working directory, where Stache reads `.env`.
        environment: the environment of the process.
        workers: the number of workers that the command starts.
        stop: the signal that stops the command.
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
    ready = threading.Semaphore(0)
    reader = threading.Thread(target=_read, args=(process, log, ready, workers))
    reader.start()
    try:
        started = all(ready.acquire(timeout=TIMEOUT_SECONDS) for _ in range(workers))
        if not started or process.poll() is not None:
            raise RuntimeError("the server did not start:\n" + "\n".join(log))
        yield url, log
        process.send_signal(stop)
        process.wait(TIMEOUT_SECONDS)
    finally:
        with suppress(ProcessLookupError):  # usually no process is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()


def _listen() -> socket.socket:
    """Open the server's socket before it starts: no port is guessed, and no client is refused."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening


def _read(
    process: subprocess.Popen[str], log: list[str], ready: threading.Semaphore, workers: int
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        log.append(line.rstrip())
        if _READY in line:
            ready.release()
    ready.release(workers)  # the process has ended, so nobody has to wait
