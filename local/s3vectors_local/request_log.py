"""The request log: one line for each request.

A line has the operation, the bucket and index, the HTTP status and the time. An error has its code
and the policy statement that denied the request. Vectors, texts and secrets are never logged.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import datetime, timezone
from queue import Full, Queue
from threading import Thread
from typing import Final, TextIO

from .faults import Loss
from .wire import Response, find_operation_name

_UNUSUAL: Final = re.compile(r"[^\w.:/-]")
_UNUSUAL_IN_REASONS: Final = re.compile(r"[^\w.:/(), -]")
_MAX_LENGTH: Final = 200
"""Characters of a name."""

_MAX_WAITING: Final = 10_000
"""Lines that wait to be printed. More are dropped; the log then has their number."""

_CLOSE_SECONDS: Final = 3
"""Seconds that `close` waits for the last lines."""


class RequestLog:
    """Prints a line for each request, from its own thread because a reader may be slow.

    Args:
        file: where to print; standard output by default.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._lines: Queue[str | None] = Queue(_MAX_WAITING)
        self._dropped = 0
        self._thread = Thread(target=self._print_lines, name="s3vectors-log", daemon=True)
        self._thread.start()

    def print(self, method: str, path: str, response: Response | Loss, seconds: float) -> None:
        """Print the line of one request.

        Args:
            method: the HTTP method.
            path: the path as received.
            response: the response, or how it was lost.
            seconds: how long the request took.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        operation = find_operation_name(method, path) or f"{_clean(method)} {_clean(path)}"
        parts = [now, operation, "-", str(response), f"{seconds * 1000:.1f} ms"]
        if isinstance(response, Response):
            parts[2:4] = _clean(response.resource) or "-", str(response.status)
            if response.reason:
                parts.append(_UNUSUAL_IN_REASONS.sub("?", response.reason[:_MAX_LENGTH]))
        try:
            self._lines.put_nowait(" ".join(parts))
        except Full:
            self._dropped += 1

    def close(self) -> None:
        """Print the waiting lines, unless the reader is too slow."""
        with suppress(Full):
            self._lines.put(None, timeout=_CLOSE_SECONDS)
        self._thread.join(_CLOSE_SECONDS)

    def _print_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line = f"{line}\n{dropped} requests are missing: this log is read too slowly"
            # A reader that has exited, like `| head`, must not stop the server
            with suppress(OSError, ValueError):
                print(line, file=self._file or sys.stdout, flush=True)


def _clean(text: str) -> str:
    """Replace characters that could forge a line or control the terminal."""
    return _UNUSUAL.sub("?", text[:_MAX_LENGTH])
