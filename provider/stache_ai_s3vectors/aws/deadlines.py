"""Until when the calls of a piece of work may go on. Pure, but for the clock."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Final, TypeVar

R = TypeVar("R")

TICK: Final = 0.5
"""Seconds that a wait takes at most before it is begun again: Python may overlook a Ctrl-C that
comes just before a wait without end."""


class Deadline:
    """A moment after which nothing is tried again; it can be moved up to now.

    Args:
        seconds: how long from now.
        outer: the deadline of the work that this one is part of.
    """

    def __init__(self, seconds: float, outer: Deadline | None) -> None:
        self._until = time.monotonic() + seconds
        self._outer = outer
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Nobody waits for the work any more."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this work, or for what it is part of."""
        outer = self._outer is not None and self._outer.cancelled
        return outer or self._cancelled.is_set()

    @property
    def remaining(self) -> float:
        """Seconds that are left."""
        own = 0.0 if self._cancelled.is_set() else self._until - time.monotonic()
        return own if self._outer is None else min(own, self._outer.remaining)

    def wait(self, seconds: float) -> None:
        """Wait so long, or until nobody waits for the work."""
        until = time.monotonic() + seconds
        while not self.cancelled and (left := until - time.monotonic()) > 0:
            self._cancelled.wait(min(left, TICK))

    def renew(self) -> None:
        """In a forked process: have locks that no other thread holds."""
        if not self._cancelled.is_set():
            self._cancelled = threading.Event()
        if self._outer is not None:
            self._outer.renew()

    def bind(self, function: Callable[..., R]) -> Callable[..., R]:
        """The function, as another thread calls it: with this deadline, and the caller's context.

        Tracing libraries, for instance, keep their span in the context.
        """
        context = copy_context()
        context.run(_current.set, self)
        return partial(context.run, function)


_current: Final[ContextVar[Deadline | None]] = ContextVar("_current", default=None)


def _renew_current() -> None:
    current = _current.get()
    if current is not None:
        current.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_current)


class AbandonedError(Exception):
    """A request was not made, because nobody waits for its answer any more."""


def check_not_cancelled() -> None:
    """Make no request of work that was interrupted.

    Raises:
        AbandonedError: nobody reads it but the thread that it ends.
    """
    current = _current.get()
    if current is not None and current.cancelled:
        raise AbandonedError("the call was interrupted before this request")


def create_nested_deadline() -> Deadline:
    """A deadline of its own for a part of the caller's work; it ends when it is cancelled."""
    return Deadline(math.inf, _current.get())


def get_remaining_seconds() -> float:
    """Seconds that the work of the caller has left; infinity when nobody has set a limit."""
    current = _current.get()
    return math.inf if current is None else current.remaining


def pause(seconds: float) -> None:
    """Wait before the next try; not longer than somebody waits for the work."""
    current = _current.get()
    if current is None:
        time.sleep(seconds)
    else:
        current.wait(seconds)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Give the calls inside so many seconds in which they may be tried again.

    A try that has begun ends by its own timeouts. Limits inside limits do not widen them; threads
    that copy the caller's context, as `asyncio.to_thread` does, keep to it.
    """
    token = _current.set(Deadline(seconds, _current.get()))
    try:
        yield
    finally:
        _current.reset(token)
