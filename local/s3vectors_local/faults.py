"""The service's bad days, on request: latency, errors and lost answers, seeded.

A client that is tested against them repeats what it may repeat, and loses nothing.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .errors import (
    InternalServerException,
    RequestTimeoutException,
    ServiceError,
    ServiceUnavailableException,
    TooManyRequestsException,
)

TIMEOUT: Final = "timeout"
DROPPED: Final = "dropped"

Lost: TypeAlias = Literal["timeout", "dropped"]

_ERRORS: Final[Mapping[str, ServiceError]] = {
    "408": RequestTimeoutException("The request timed out"),
    "429": TooManyRequestsException("Your request was denied due to request throttling"),
    "500": InternalServerException("An internal error occurred"),
    "503": ServiceUnavailableException("Currently unable to handle the request"),
}

_INEXACT: Final = 1e-9
"""What adding up decimal fractions may get wrong."""

_LONGEST: Final = 3600
"""Seconds of latency; beyond an hour it is a mistake."""

_LOST: Final[Mapping[str, Lost]] = {TIMEOUT: TIMEOUT, DROPPED: DROPPED}

KINDS: Final = (*_ERRORS, *_LOST)
"""What can be asked for."""


@dataclass(frozen=True)
class Fate:
    """What becomes of one request.

    Args:
        error: the answer instead of the engine's; the engine does not see the request.
        lost: how no answer comes: "timeout", nothing happens; or "dropped", the connection
            ends before the answer does. None when one comes.
        done: whether the engine carries the request out.
    """

    error: ServiceError | None = None
    lost: Lost | None = None
    done: bool = True


class Faults:
    """Draws the fate of each request.

    Args:
        rates: the share of requests, from 0 to 1, of each kind: an HTTP status ("408",
            "429", "500", "503"), or "timeout" or "dropped", where no answer comes and the
            request is carried out or not, half each.
        latency: seconds that every answer takes longer.
        seed: the same seed and sequence of requests has the same fates.

    Raises:
        ValueError: another kind, a rate or a sum of rates outside 0 to 1, or a negative
            latency.
    """

    def __init__(
        self, rates: Mapping[str, float] | None = None, latency: float = 0.0, seed: int = 0
    ) -> None:
        rates = rates or {}
        for kind, rate in rates.items():
            if kind not in KINDS:
                raise ValueError(f'no fault is called "{kind}"; there are {", ".join(KINDS)}')
            if not 0 <= rate <= 1:
                raise ValueError(f"the rate of {kind} is {rate}; it must be from 0 to 1")
        if sum(rates.values()) > 1 + _INEXACT:
            raise ValueError(f"the rates add up to {sum(rates.values())}, which is more than 1")
        if not 0 <= latency <= _LONGEST:
            raise ValueError(f"the latency is {latency}; it must be from 0 to {_LONGEST} seconds")
        self.latency = latency
        self._rates = dict(rates)
        self._random = random.Random(seed)  # noqa: S311 - no secret, and it must be repeatable
        self._lock = threading.Lock()

    def draw(self) -> Fate:
        """What becomes of the next request."""
        with self._lock:
            chance, done = self._random.random(), self._random.random() < 1 / 2
        for kind, rate in self._rates.items():
            if chance < rate:
                lost = _LOST.get(kind)
                return Fate(lost=lost, done=done) if lost else Fate(_ERRORS[kind], done=False)
            chance -= rate
        return Fate()
