"""One line for each request: what arrived, and what became of it.

Never a vector, a text or a secret: the operation, the bucket and index, the HTTP status, the time,
and, of a refusal, the error's code and the policy statement that decided.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import datetime, timezone
from typing import Final, TextIO

from .faults import Lost
from .wire import Answer, operation_name

_UNUSUAL: Final = re.compile(r"[^\w.:/(), -]")
_LONGEST: Final = 200
"""Characters of a name that are printed."""


class RequestLog:
    """Prints a line for each request.

    Args:
        file: where; standard output when it is None.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file

    def print(self, method: str, path: str, got: Answer | Lost, seconds: float) -> None:
        """Print the line of a request that was answered, or lost as a fault.

        Args:
            method: of HTTP.
            path: as it came.
            got: what was answered, or how the answer was lost.
            seconds: how long it took.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        operation = operation_name(method, path) or _clean(f"{method} {path}")
        resource = _clean(got.resource) if isinstance(got, Answer) else ""
        reason = _clean(got.reason) if isinstance(got, Answer) else ""
        outcome = got.status if isinstance(got, Answer) else got
        words = [now, operation, resource or "-", outcome, f"{seconds * 1000:.1f} ms", reason]
        # A reader that has left, such as `| head`, must not keep requests from being answered
        with suppress(OSError, ValueError):
            print(*filter(None, words), file=self._file or sys.stdout, flush=True)


def _clean(text: str) -> str:
    """What comes from a request, without what would change the line or the terminal."""
    return _UNUSUAL.sub("?", text[:_LONGEST])
