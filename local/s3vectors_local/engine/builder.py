"""Builds the tables of new text searches in the background, in batches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from s3vectors_local.configuration import TextSearch
from s3vectors_local.index import Index

from .state import State

_LOG = logging.getLogger(__name__)

BATCH_VECTORS: Final = 500
"""Vectors per batch; other requests run between batches."""

_PAUSE_SECONDS: Final = 0.001
"""Seconds without the lock, so that a waiting request gets it."""


class Builder:
    """A thread that runs while a text search is BUILDING.

    Args:
        state: the state of the engine.
        lock: the lock of the engine, held for each batch.
    """

    def __init__(self, state: State, lock: threading.Lock) -> None:
        self._state = state
        self._lock = lock
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._then: Callable[[], object] | None = None

    def start(self) -> None:
        """Start if a text search is BUILDING; the caller holds the lock."""
        if self._thread is not None or self._stop.is_set() or not _find_unfinished(self._state):
            return
        thread = threading.Thread(target=self._run, name="s3vectors-text", daemon=True)
        try:
            thread.start()  # it waits for the lock
        except RuntimeError:  # the interpreter exits, or there are too many threads
            self._build_inline()
        else:
            self._thread = thread

    def _build_inline(self) -> None:
        while (unfinished := _find_unfinished(self._state)) is not None:
            index, text_search = unfinished
            index.build(text_search, BATCH_VECTORS)

    def wait(self) -> None:
        """Wait until the thread has ended; the caller does not hold the lock."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def close(self, then: Callable[[], object]) -> None:
        """Stop, then call `then` when no batch is running."""
        self._stop.set()
        if threading.current_thread() is self._thread:  # the garbage collector ran in this thread
            self._then = then
            return
        self.wait()
        with self._lock:
            then()

    def _run(self) -> None:
        while self._build_batch():
            self._stop.wait(_PAUSE_SECONDS)
        if self._then is not None:
            self._then()

    def _build_batch(self) -> bool:
        """Build one batch; return False if there is nothing left or it failed."""
        with self._lock:
            unfinished = None if self._stop.is_set() else _find_unfinished(self._state)
            if unfinished is None or not self._try_build(*unfinished):
                self._thread = None
                return False
            return True

    def _try_build(self, index: Index, text_search: TextSearch) -> bool:
        try:
            with self._state.recover_after_failure():
                index.build(text_search, BATCH_VECTORS)
        except Exception:  # noqa: BLE001 - the disk may be full; the next GetIndex tries again
            _LOG.exception("building a text search failed")
            return False
        return True


def _find_unfinished(state: State) -> tuple[Index, TextSearch] | None:
    for index in state.indexes.values():
        for text_search in index.configuration.texts:
            if text_search.built is not None:
                return index, text_search
    return None
