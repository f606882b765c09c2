"""One call for all who need its answer at the same time."""

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
    """Whoever comes while the call is under way shares its answer, or its error."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may come by in the same thread
        self._under_way: Future[T] | None = None
        self._thread = 0

    def run(self, call: Callable[[], T], patience: float = 0.0) -> T:
        """The call's answer. No lock is held while it is made.

        Args:
            patience: seconds from now in which a call that had no answer is made again. Who came
                late to a call that then failed has time left; who made it has used its own.

        Raises:
            UnavailableError: also when the caller's own time limit ends before another's call.
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
            if other is mine:  # a signal handler in the thread whose call is under way
                return call()
            failure = self._wait(other)
            if failure is None:
                return other.result()
            interrupted = not isinstance(failure, Exception)  # the other thread was, not this one
            left = isinstance(failure, UnavailableError) and time.monotonic() < until
            if not interrupted and not left:  # a copy: each thread adds its own traceback
                raise copy.copy(failure) from failure.__cause__

    def _join(self, mine: Future[T]) -> Future[T] | None:
        """None for the one who makes the call, the call under way for the others."""
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
                    "the time limit ended while another thread waited for the same answer"
                )
            wait([other], timeout=min(TICK, get_remaining_seconds()))
        return other.exception()
