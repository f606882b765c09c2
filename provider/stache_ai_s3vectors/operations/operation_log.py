"""One line in the log for each operation: what, where, how many, how long, and how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stache_ai_s3vectors.service.printable import to_printable

_LOG = logging.getLogger(__name__)


class LogEntry:
    """What an operation has to tell when it is done; counts, never contents."""

    def __init__(self) -> None:
        self.outcome = "done"


@contextmanager
def log_operation(operation: str, index: str) -> Iterator[LogEntry]:
    """Log an operation on an index, at level debug."""
    began = time.perf_counter()
    line = LogEntry()
    try:
        yield line
    except BaseException as error:
        line.outcome = f"failed with {type(error).__name__}"
        raise
    finally:
        took = (time.perf_counter() - began) * 1000
        _LOG.debug(
            "%s on %s: %s, %.1f ms",
            operation,
            to_printable(index),
            to_printable(line.outcome),
            took,
        )
