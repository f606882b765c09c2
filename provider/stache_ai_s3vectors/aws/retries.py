"""Retries: for how long, and with which backoff.

botocore's own retries end after a few attempts, in less than a second when the service is down,
and a client with some dozens of failures retries nothing until other requests succeed. A short
outage would fail most requests in flight. Here each request has its own limit in seconds; growing
waits protect a service that is down.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import (
    ConnectionError as BotocoreConnectionError,
)
from botocore.exceptions import EndpointConnectionError, HTTPClientError, SSLError

from . import deadlines

FIRST_CONTACT: Final = 3.0
"""Seconds for an endpoint that has never responded and refuses connections, or TLS: mostly a wrong
setting."""

UNIQUE_ID: Final = "stache-ai-s3vectors-retries"
"""The name of this handler among a client's events."""

TRUNCATED: Final = "stache_ai_s3vectors.ended_early"
"""Marks a parsed response whose connection closed before its end; `bodies` sets it."""

_BEGAN: Final = "stache_ai_s3vectors.began"
_WAITED: Final = "stache_ai_s3vectors.waited"
"""Keys of a request's context: when it began, and how long it has waited between attempts."""

_FAILED: Final = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
        HTTPStatus.REQUEST_TIMEOUT,
    }
)
_RETRY_AFTER: Final = "x-amz-retry-after"
"""The header in which a service requests a longer wait, in milliseconds."""

_LONGER_AT_MOST: Final = 5.0
"""The most seconds that this header can add to a wait, as in botocore."""


_RANDOM: Final = random.SystemRandom()
"""The system's generator: any other has the same state in all copies of a process snapshot."""


@dataclass(frozen=True)
class _Backoff:
    """Waits that double up to a longest one; each is shortened by a random part, up to a half.

    Args:
        first: the first wait in seconds.
        longest: the longest wait in seconds.
    """

    first: float
    longest: float

    def compute_wait(self, attempts: int) -> float:
        """Compute the wait after a number of failed attempts."""
        whole: float = min(self.longest, self.first * 2.0 ** min(attempts - 1, 30))
        return whole * (1 - _RANDOM.random() / 2)


_TRANSIENT: Final = _Backoff(first=0.1, longest=5.0)
_THROTTLED: Final = _Backoff(first=1.0, longest=20.0)
"""As botocore's "standard" mode waits when it is throttled."""


@dataclass
class Retries:
    """The retries of one client.

    Args:
        seconds: the most seconds from a request's first attempt to its last.
        attempts: the most attempts of a request, including the first; None for no limit.
    """

    seconds: float
    attempts: int | None
    _reached: bool = field(default=False, init=False)  # the endpoint has sent a response

    def register(self, events: Any) -> None:
        """Register with a boto3 `s3vectors` client; botocore's own attempts must be 1."""
        events.register("before-call.s3vectors", _begin)
        events.register("needs-retry.s3vectors", self._handle_attempt, unique_id=UNIQUE_ID)

    def _handle_attempt(
        self,
        response: tuple[Any, dict[str, Any]] | None,
        attempts: int,
        caught_exception: BaseException | None,
        request_dict: Mapping[str, Any],
        **_: Any,
    ) -> float | None:
        """Wait and return 0 for another attempt; None for none."""
        if response is not None:
            self._reached = True
            _mark_failed(*response)
        backoff = _choose_backoff(response, caught_exception)
        if backoff is None or attempts == self.attempts:
            return None
        context = request_dict["context"]
        left = min(
            self._compute_seconds_left(context, caught_exception), deadlines.get_remaining_seconds()
        )
        if left <= 0:
            return None
        wait = min(left, _compute_wait(backoff, attempts, response))
        context[_WAITED] = context.get(_WAITED, 0.0) + wait
        deadlines.pause(wait)
        return None if deadlines.get_remaining_seconds() <= 0 else 0.0

    def _compute_seconds_left(
        self, context: Mapping[str, Any], error: BaseException | None
    ) -> float:
        unheard = isinstance(error, (EndpointConnectionError, SSLError)) and not self._reached
        seconds = min(self.seconds, FIRST_CONTACT) if unheard else self.seconds
        passed = float(max(time.monotonic() - context[_BEGAN], context.get(_WAITED, 0.0)))
        return seconds - passed


def _begin(params: Mapping[str, Any], **_: Any) -> None:
    params["context"][_BEGAN] = time.monotonic()


def _mark_failed(http: Any, parsed: dict[str, Any]) -> None:
    """Let botocore handle a response that ended early like a 503."""
    if parsed.pop(TRUNCATED, False):
        status = int(HTTPStatus.SERVICE_UNAVAILABLE)
        http.status_code = parsed["ResponseMetadata"]["HTTPStatusCode"] = status
        message = "the connection closed before the end of the response"
        parsed["Error"] = {"Code": "ConnectionClosed", "Message": message}


def _choose_backoff(
    response: tuple[Any, dict[str, Any]] | None, error: BaseException | None
) -> _Backoff | None:
    """Choose the backoff after an outcome; None if another attempt would not help."""
    if response is None:
        passing = isinstance(error, (BotocoreConnectionError, HTTPClientError))
        return _TRANSIENT if passing and "CERTIFICATE_VERIFY_FAILED" not in str(error) else None
    status = response[0].status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _THROTTLED
    return _TRANSIENT if status in _FAILED else None


def _compute_wait(
    backoff: _Backoff, attempts: int, response: tuple[Any, dict[str, Any]] | None
) -> float:
    wait = backoff.compute_wait(attempts)
    requested = response[0].headers.get(_RETRY_AFTER, "") if response is not None else ""
    if not requested.isdecimal():
        return wait
    return max(wait, min(int(requested) / 1000, wait + _LONGER_AT_MOST))
