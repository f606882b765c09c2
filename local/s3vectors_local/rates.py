"""The service's documented rate limits, applied on request.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from .errors import TooManyRequestsException
from .limits import PUT_VECTORS, WRITE_REQUESTS_PER_SECOND, WRITTEN_VECTORS_PER_SECOND


class RateLimits:
    """Writes to each index, at the documented rates; a second's worth can come at once.

    Args:
        requests: PutVectors and DeleteVectors requests a second, together.
        vectors: vectors put and deleted a second, together.
        clock: tells the time in seconds.

    Raises:
        ValueError: rates that would refuse a full request for ever.
    """

    def __init__(
        self,
        requests: float = WRITE_REQUESTS_PER_SECOND,
        vectors: float = WRITTEN_VECTORS_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, rate, least in (("requests", requests, 1), ("vectors", vectors, PUT_VECTORS)):
            if not least <= rate < math.inf:
                raise ValueError(f"{name} is {rate}; it must be {least} a second or more")
        self._rates = (requests, vectors)
        self._clock = clock
        self._left: dict[str, tuple[float, tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def take(self, index: str, vectors: int) -> None:
        """Count one write request to the index of that ARN.

        Raises:
            TooManyRequestsException: it is one too many; nothing is counted.
        """
        with self._lock:
            now = self._clock()
            before, left = self._left.get(index, (now, self._rates))
            requests_left, vectors_left = (
                min(rate, rest + rate * (now - before))
                for rate, rest in zip(self._rates, left, strict=True)
            )
            if requests_left < 1 or vectors_left < vectors:
                raise TooManyRequestsException(
                    "Your request was denied due to request throttling; please try again later"
                )
            self._left[index] = (now, (requests_left - 1, vectors_left - vectors))
