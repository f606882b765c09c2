"""Trying a request again: for how long, after which wait.

botocore's own retries end after a few attempts, less than a second when the service is down,
and a client that has failed some dozens of times tries nothing again until others succeed. A
short outage would fail most of what is under way. Here a bound in seconds decides, each request
by itself; growing waits keep a service that is down from being stormed.
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
"""Seconds for an endpoint that has never answered and refuses connections, or does not speak TLS:
mostly a mistake."""

UNIQUE_ID: Final = "stache-ai-s3vectors-retries"
"""What this handler is called among a client's events."""

_BEGAN: Final = "stache_ai_s3vectors.began"
_WAITED: Final = "stache_ai_s3vectors.waited"
"""Where a request's context keeps when it began, and how long it has waited between its tries."""

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
"""The header in which a service asks for a longer wait, in milliseconds."""

_LONGER_AT_MOST: Final = 5.0
"""Seconds that such a request can add to a wait, as with botocore."""


@dataclass(frozen=True)
class _Backoff:
    """Waits that double, up to a longest one; each is shortened by up to a half, by chance.

    Args:
        first: seconds.
        longest: seconds.
    """

    first: float
    longest: float

    def compute_wait(self, attempts: int) -> float:
        """The wait after so many failed attempts."""
        whole: float = min(self.longest, self.first * 2.0 ** min(attempts - 1, 30))
        return whole * (1 - random.random() / 2)  # noqa: S311 - spreads load, keeps no secret


_TRANSIENT: Final = _Backoff(first=0.1, longest=5.0)
_THROTTLED: Final = _Backoff(first=1.0, longest=20.0)
"""As botocore's "standard" mode waits when it is throttled."""


@dataclass
class Retries:
    """Decides for one client.

    Args:
        seconds: from a request's first try to its last, at most.
        attempts: tries of a request, the first included, at most; None for no limit.
    """

    seconds: float
    attempts: int | None
    _reached: bool = field(default=False, init=False)  # the endpoint has answered something

    def register(self, events: Any) -> None:
        """Make a boto3 `s3vectors` client's events use this; botocore's own tries must be 1."""
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
        """Wait, and answer 0 for another try; or None for none."""
        self._reached = self._reached or response is not None
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


def _choose_backoff(
    response: tuple[Any, dict[str, Any]] | None, error: BaseException | None
) -> _Backoff | None:
    """How to wait after this outcome; None when another try would not help."""
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
