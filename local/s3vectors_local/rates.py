"""The documented rate limits of the service, on request.

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
    """Limits the writes to each index; bursts of one second are allowed.

    Args:
        requests: PutVectors and DeleteVectors requests per second.
        vectors: vectors put or deleted per second.
        clock: returns the time in seconds.

    Raises:
        ValueError: with such a rate, a full request would always be refused.
    """

    def __init__(
        self,
        requests: float = WRITE_REQUESTS_PER_SECOND,
        vectors: float = WRITTEN_VECTORS_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, rate, minimum in (("requests", requests, 1), ("vectors", vectors, PUT_VECTORS)):
            if not minimum <= rate < math.inf:
                raise ValueError(f"{name} is {rate}; it must be at least {minimum} per second")
        self._rates = (requests, vectors)
        self._clock = clock
        self._budgets: dict[str, tuple[float, tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def take(self, index: str, vectors: int) -> None:
        """Count one write request.

        Args:
            index: the ARN of the index.
            vectors: the number of vectors in the request.

        Raises:
            TooManyRequestsException: the request exceeds a limit and is not counted.
        """
        with self._lock:
            now = self._clock()
            before, budgets = self._budgets.get(index, (now, self._rates))
            requests_left, vectors_left = (
                min(rate, budget + rate * (now - before))
                for rate, budget in zip(self._rates, budgets, strict=True)
            )
            if requests_left < 1 or vectors_left < vectors:
                raise TooManyRequestsException(
                    "Your request was denied due to request throttling; please try again later"
                )
            self._budgets[index] = (now, (requests_left - 1, vectors_left - vectors))
