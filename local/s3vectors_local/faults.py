"""Faults on request: latency, errors and lost responses, drawn from a seed.

With them you test that a client retries what it may retry and loses no data.
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

Loss: TypeAlias = Literal["timeout", "dropped"]

_ERRORS: Final[Mapping[str, ServiceError]] = {
    "408": RequestTimeoutException("The request timed out"),
    "429": TooManyRequestsException("Your request was denied due to request throttling"),
    "500": InternalServerException("An internal error occurred"),
    "503": ServiceUnavailableException("Currently unable to handle the request"),
}

_ROUNDING: Final = 1e-9
"""Tolerance for the sum of decimal fractions."""

_MAX_DELAY: Final = 3600
"""Seconds."""

_LOSSES: Final[Mapping[str, Loss]] = {TIMEOUT: TIMEOUT, DROPPED: DROPPED}

KINDS: Final = (*_ERRORS, *_LOSSES)
"""The faults that can be requested."""


@dataclass(frozen=True)
class Outcome:
    """The fate of one request.

    Args:
        error: the error response; the engine does not see the request.
        loss: how the response is lost: "timeout" (the server never responds) or "dropped" (the
            server closes the connection). None when there is a response.
        executed: whether the engine executes the request.
    """

    error: ServiceError | None = None
    loss: Loss | None = None
    executed: bool = True


class Faults:
    """Draws the outcome of each request.

    Args:
        rates: the share of requests, from 0 to 1, for each kind of fault: an HTTP status ("408",
            "429", "500", "503"), or "timeout" or "dropped". With the last two, the client gets no
            response; half of these requests are executed.
        latency: seconds that are added to every request.
        seed: with the same seed, the same sequence of requests has the same outcomes.

    Raises:
        ValueError: an unknown kind, or a rate, a sum of rates or a latency out of range.
    """

    def __init__(
        self, rates: Mapping[str, float] | None = None, latency: float = 0.0, seed: int = 0
    ) -> None:
        rates = rates or {}
        for kind, rate in rates.items():
            if kind not in KINDS:
                raise ValueError(
                    f'the fault "{kind}" does not exist; choose from {", ".join(KINDS)}'
                )
            if not 0 <= rate <= 1:
                raise ValueError(f"the rate of {kind} is {rate}; it must be from 0 to 1")
        if sum(rates.values()) > 1 + _ROUNDING:
            raise ValueError(f"the rates add up to {sum(rates.values())}; they must be at most 1")
        if not 0 <= latency <= _MAX_DELAY:
            raise ValueError(f"the latency is {latency}; it must be from 0 to {_MAX_DELAY} seconds")
        self.latency = latency
        self._rates = dict(rates)
        self._random = random.Random(seed)  # noqa: S311 - no secret, and it must be repeatable
        self._lock = threading.Lock()

    def draw(self) -> Outcome:
        """Draw the outcome of the next request."""
        with self._lock:
            chance, executed = self._random.random(), self._random.random() < 1 / 2
        for kind, rate in self._rates.items():
            if chance < rate:
                if kind in _ERRORS:
                    return Outcome(_ERRORS[kind], executed=False)
                return Outcome(loss=_LOSSES[kind], executed=executed)
            chance -= rate
        return Outcome()
