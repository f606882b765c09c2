"""One line for each request: what arrived, and what became of it.

Never a vector, a text or a secret: the operation, the bucket and index, the HTTP status, the time,
and, of a refusal, the error's code and the policy statement that decided.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import datetime, timezone
from queue import Full, Queue
from threading import Thread
from typing import Final, TextIO

from .faults import Lost
from .wire import Answer, operation_name

_UNUSUAL: Final = re.compile(r"[^\w.:/-]")
_UNUSUAL_IN_REASONS: Final = re.compile(r"[^\w.:/(), -]")
_LONGEST: Final = 200
"""Characters of a name that are printed."""

_WAITING: Final = 10_000
"""Lines that wait to be printed; beyond, they are dropped, and how many is printed."""

_CLOSING: Final = 3
"""Seconds that the last lines get."""


class RequestLog:
    """Prints a line for each request, from a thread of its own: whoever reads may be slow.

    Args:
        file: where; standard output when it is None.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._lines: Queue[str | None] = Queue(_WAITING)
        self._dropped = 0
        self._thread = Thread(target=self._work, name="s3vectors-log", daemon=True)
        self._thread.start()

    def print(self, method: str, path: str, got: Answer | Lost, seconds: float) -> None:
        """Print the line of a request that was answered, or lost as a fault.

        Args:
            method: of HTTP.
            path: as it came.
            got: what was answered, or how the answer was lost.
            seconds: how long it took.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        operation = operation_name(method, path) or f"{_clean(method)} {_clean(path)}"
        words = [now, operation, "-", str(got), f"{seconds * 1000:.1f} ms"]
        if isinstance(got, Answer):
            words[2:4] = _clean(got.resource) or "-", str(got.status)
            if got.reason:
                words.append(_UNUSUAL_IN_REASONS.sub("?", got.reason[:_LONGEST]))
        try:
            self._lines.put_nowait(" ".join(words))
        except Full:
            self._dropped += 1

    def close(self) -> None:
        """Print what waits, as far as there is a reader for it."""
        with suppress(Full):
            self._lines.put(None, timeout=_CLOSING)
        self._thread.join(_CLOSING)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line = f"{line}\n{dropped} requests are not in this log: it is read too slowly"
            # A reader that has left, such as `| head`, must not keep requests from being answered
            with suppress(OSError, ValueError):
                print(line, file=self._file or sys.stdout, flush=True)


def _clean(text: str) -> str:
    """What comes from a request, without what would change the line or the terminal."""
    return _UNUSUAL.sub("?", text[:_LONGEST])
