"""One call for all who need its answer at the same time. Knows no service."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from .deadlines import TICK

T = TypeVar("T")


class Flight(Generic[T]):
    """Whoever comes while the call is under way shares its answer, or its error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Future[T] | None = None

    def run(self, call: Callable[[], T]) -> T:
        """The call's answer. No lock is held while it is made."""
        with self._lock:
            other = self._under_way
            if other is None:
                mine = self._under_way = Future()
        return self._make(call, mine) if other is None else self._share(call, other)

    def _make(self, call: Callable[[], T], mine: Future[T]) -> T:
        try:
            answer = call()
        except BaseException as error:
            self._land()
            mine.set_exception(error)
            raise
        self._land()
        mine.set_result(answer)
        return answer

    def _land(self) -> None:
        with self._lock:
            self._under_way = None

    def _share(self, call: Callable[[], T], other: Future[T]) -> T:
        while not other.done():
            wait([other], timeout=TICK)
        error = other.exception()
        if error is None:
            return other.result()
        if isinstance(error, Exception):  # a copy, for each thread adds its own traceback
            raise copy.copy(error) from error.__cause__
        return self.run(call)  # somebody interrupted the other thread, not this one
