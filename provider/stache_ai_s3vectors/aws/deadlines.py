"""Time limits for calls. Pure, except for the clock."""

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
"""A longer wait is split into waits of this many seconds, because Python may miss a Ctrl-C just
before a wait without a timeout."""


class Deadline:
    """A moment after which nothing is retried. It can be cancelled.

    Args:
        seconds: how long from now.
        outer: the deadline that contains this one.
    """

    def __init__(self, seconds: float, outer: Deadline | None) -> None:
        self._until = time.monotonic() + seconds
        self._outer = outer
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Cancel the work, because its caller no longer waits."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether this deadline or an outer one is cancelled."""
        outer = self._outer is not None and self._outer.cancelled
        return outer or self._cancelled.is_set()

    @property
    def remaining(self) -> float:
        """Seconds that are left."""
        own = 0.0 if self._cancelled.is_set() else self._until - time.monotonic()
        return own if self._outer is None else min(own, self._outer.remaining)

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or until the work is cancelled."""
        until = time.monotonic() + seconds
        while not self.cancelled and (left := until - time.monotonic()) > 0:
            self._cancelled.wait(min(left, TICK))

    def renew(self) -> None:
        """After a fork, replace locks that a thread of the parent may hold."""
        if not self._cancelled.is_set():
            self._cancelled = threading.Event()
        if self._outer is not None:
            self._outer.renew()

    def bind(self, function: Callable[..., R]) -> Callable[..., R]:
        """Bind a function that another thread calls to this deadline and the caller's context.

        Tracing libraries, for example, keep their span in the context.
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
    """A request was not sent, because its caller no longer waits."""


def check_not_cancelled() -> None:
    """Refuse a request of cancelled work.

    Raises:
        AbandonedError: it ends the thread of the request.
    """
    current = _current.get()
    if current is not None and current.cancelled:
        raise AbandonedError("the call was interrupted before this request")


def create_nested_deadline() -> Deadline:
    """Create a deadline for a part of the caller's work, without a limit of its own."""
    return Deadline(math.inf, _current.get())


def get_remaining_seconds() -> float:
    """The seconds that the caller's work has left; infinity without a limit."""
    current = _current.get()
    return math.inf if current is None else current.remaining


def pause(seconds: float) -> None:
    """Wait before the next attempt, or until the work is cancelled."""
    (_current.get() or create_nested_deadline()).wait(seconds)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit the seconds in which calls in the `with` block are retried.

    An attempt in flight ends by its own timeouts. A nested limit cannot extend an outer one. The
    limit also applies to threads that copy the caller's context, as `asyncio.to_thread` does.
    """
    token = _current.set(Deadline(seconds, _current.get()))
    try:
        yield
    finally:
        _current.reset(token)
