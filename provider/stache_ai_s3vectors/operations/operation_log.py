"""One log line per operation: its name, index, outcome and duration."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stache_ai_s3vectors.service.printable import to_printable

_LOG = logging.getLogger(__name__)


class LogEntry:
    """The outcome of an operation: counts, never contents."""

    def __init__(self) -> None:
        self.outcome = "done"


@contextmanager
def log_operation(operation: str, index_name: str) -> Iterator[LogEntry]:
    """Log an operation on an index, at level debug."""
    began = time.perf_counter()
    entry = LogEntry()
    try:
        yield entry
    except BaseException as error:
        entry.outcome = f"failed with {type(error).__name__}"
        raise
    finally:
        took = (time.perf_counter() - began) * 1000
        if _LOG.isEnabledFor(logging.DEBUG):
            outcome = to_printable(entry.outcome)
            _LOG.debug("%s on %s: %s, %.1f ms", operation, to_printable(index_name), outcome, took)
