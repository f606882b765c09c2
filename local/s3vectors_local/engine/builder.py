"""Fills the tables of new text searches, a batch at a time, while the engine goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from s3vectors_local.configuration import TextSearch
from s3vectors_local.index import Index

from .state import State

_LOG = logging.getLogger(__name__)

BATCH: Final = 500
"""Vectors covered at a time; requests are answered in between."""

_PAUSE: Final = 0.001
"""Seconds in which a request that waits for the lock can get it."""


class Builder:
    """A thread that lives while something is BUILDING.

    Args:
        state: the engine's.
        lock: the engine's, which is held for each batch.
    """

    def __init__(self, state: State, lock: threading.Lock) -> None:
        self._state = state
        self._lock = lock
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._then: Callable[[], object] | None = None

    def start(self) -> None:
        """Begin, if there is something to do; the caller holds the lock."""
        if self._thread is not None or self._stop.is_set() or not _unfinished(self._state):
            return
        thread = threading.Thread(target=self._run, name="s3vectors-text", daemon=True)
        try:
            thread.start()  # it waits for the lock
        except RuntimeError:  # the interpreter is ending, or there are too many threads
            self._build_here()
        else:
            self._thread = thread

    def _build_here(self) -> None:
        while (unfinished := _unfinished(self._state)) is not None:
            index, text = unfinished
            index.build(text, BATCH)

    def wait(self) -> None:
        """Until it has ended; the caller does not hold the lock."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def close(self, then: Callable[[], object]) -> None:
        """Stop, and do what is to be done when nothing is under way any more."""
        self._stop.set()
        if threading.current_thread() is self._thread:  # the garbage collector has come by here
            self._then = then
            return
        self.wait()
        with self._lock:
            then()

    def _run(self) -> None:
        while self._advance():
            self._stop.wait(_PAUSE)
        if self._then is not None:
            self._then()

    def _advance(self) -> bool:
        """Cover a batch; False when nothing is left, or nothing can be done."""
        with self._lock:
            unfinished = None if self._stop.is_set() else _unfinished(self._state)
            if unfinished is None or not self._build(*unfinished):
                self._thread = None
                return False
            return True

    def _build(self, index: Index, text: TextSearch) -> bool:
        try:
            with self._state.changing():
                index.build(text, BATCH)
        except Exception:  # noqa: BLE001 - the disk may be full; who asks for the index tries again
            _LOG.exception("building a text search failed")
            return False
        return True


def _unfinished(state: State) -> tuple[Index, TextSearch] | None:
    for index in state.indexes.values():
        for text in index.configuration.texts:
            if text.built is not None:
                return index, text
    return None
