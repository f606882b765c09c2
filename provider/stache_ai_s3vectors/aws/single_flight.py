"""Threads that need the same result at the same time share one call."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from stache_ai_s3vectors.errors import UnavailableError

from .deadlines import TICK, get_remaining_seconds

T = TypeVar("T")


class Flight(Generic[T]):
    """Threads that come while a call is in flight share its result, or its error."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may run in the same thread
        self._under_way: Future[T] | None = None
        self._thread = 0

    def run(self, call: Callable[[], T], patience: float = 0.0) -> T:
        """Run the call, or wait for the one in flight. No lock is held during the call.

        Args:
            patience: seconds from now in which a call that got no response is repeated. A thread
                that joined a call late has time left after its failure.

        Raises:
            UnavailableError: also if the caller's time limit ends before another thread's call.
        """
        mine: Future[T] = Future()
        until = time.monotonic() + patience
        while True:
            try:
                other = self._join(mine)
                if other is None:
                    answer = call()
                    mine.set_result(answer)
                    return answer
            except BaseException as error:
                if not mine.done():
                    mine.set_exception(error)
                raise
            finally:
                self._leave(mine)
            if other is mine:  # a signal handler in the thread whose call is in flight
                return call()
            failure = self._wait(other)
            if failure is None:
                return other.result()
            interrupted = not isinstance(failure, Exception)  # the other thread was, not this one
            left = isinstance(failure, UnavailableError) and time.monotonic() < until
            if not interrupted and not left:  # a copy: each thread adds its own traceback
                raise copy.copy(failure) from failure.__cause__

    def _join(self, mine: Future[T]) -> Future[T] | None:
        """None for the thread that makes the call, the call in flight for the others."""
        with self._lock:
            if self._under_way is None:
                self._under_way, self._thread = mine, threading.get_ident()
                return None
            return mine if self._thread == threading.get_ident() else self._under_way

    def _leave(self, mine: Future[T]) -> None:
        with self._lock:
            if self._under_way is mine:
                self._under_way = None

    def _wait(self, other: Future[T]) -> BaseException | None:
        while not other.done():
            if get_remaining_seconds() <= 0:
                return UnavailableError(
                    "the time limit ended while another thread waited for the same response"
                )
            wait([other], timeout=min(TICK, get_remaining_seconds()))
        return other.exception()
