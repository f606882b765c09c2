"""Limits writes to the rates that the service documents, so that they are not throttled.

A client that paces itself at 2,500 vectors a second was never throttled in public
measurements of the service; one that sends as fast as it can was, again and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from stache_ai_s3vectors.service import limits

from . import deadlines


class Pace:
    """Token buckets for the write requests and the written vectors of one index.

    They hold one full request: AWS does not document how large a burst the service accepts.

    Args:
        vectors: vectors a second, put and deleted together.
        requests: PutVectors and DeleteVectors requests a second, together.
        clock: returns the time in seconds.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        vectors: float = limits.WRITTEN_VECTORS_PER_SECOND,
        requests: float = limits.WRITE_REQUESTS_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = deadlines.pause,
    ) -> None:
        self._vectors = _Bucket(vectors, limits.PUT_BATCH)
        self._requests = _Bucket(requests, 1)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()

    def wait(self, vectors: int) -> None:
        """Wait until a request that writes a number of vectors may be sent.

        Calls are served in their order: each takes its tokens at once, and then waits until the
        bucket would have had them.
        """
        with self._lock:
            now = self._clock()
            seconds = max(self._vectors.take(vectors, now), self._requests.take(1, now))
        if seconds > 0:
            self._sleep(seconds)


class _Bucket:
    """A token bucket with a rate per second and a size; it may be overdrawn."""

    def __init__(self, rate: float, size: float) -> None:
        self._rate = rate
        self._size = size
        self._left = size
        self._then: float | None = None

    def take(self, count: int, now: float) -> float:
        """Take tokens; returns the seconds until the bucket has them."""
        if self._then is not None:
            # After a restore on another machine, the clock may be behind
            passed = max(0.0, now - self._then)
            self._left = min(self._size, self._left + self._rate * passed)
        self._then = now
        self._left -= count
        return max(0.0, -self._left / self._rate)
