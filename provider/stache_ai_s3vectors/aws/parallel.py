"""Parallel calls: bulk work waits for latency, not for computation."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from .deadlines import TICK, create_nested_deadline

T = TypeVar("T")
R = TypeVar("R")

WORKERS: Final = 8
"""Calls at a time: the service takes hundreds of reads a second, and latency is 10 to 100 ms."""

GRACE: Final = 0.5
"""Seconds that calls in flight get to end when the caller stops early."""


def call_in_parallel(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int = WORKERS,
    *,
    before: Callable[[T], bool] = lambda _: True,
    under_way: set[Future[Any]] | None = None,
) -> Generator[tuple[T, Future[R]], None, None]:
    """Call a function for each item in parallel; yields each item with its finished call.

    Items are taken from the iterable when a thread is free, and yielded in their order. A single
    item is processed in the caller's thread. Close the generator to stop early: calls that have
    not begun are not made; calls in flight get `GRACE` seconds to end.

    Args:
        before: called with each item in the caller's thread, just before its call; False to make
            no more calls.
        under_way: holds the calls of other threads until they end; after an early stop some may
            still be in flight.
    """
    iterator = iter(items)
    first = list(islice(iterator, 2))
    with _start_threads(workers if len(first) > 1 else 0, under_way) as threads:
        waiting: deque[tuple[T, Future[R]]] = deque()
        for item in chain(first, iterator):
            if not before(item):
                break
            waiting.append((item, threads.submit(function, item)))
            if len(waiting) >= workers:
                yield _wait_for_first(waiting)
        while waiting:
            yield _wait_for_first(waiting)


def wait_for_calls(calls: Collection[Future[Any]]) -> None:
    """Wait until all calls have ended; an interruption ends the wait."""
    while not all(call.done() for call in calls):
        wait(calls, timeout=TICK)


def start_detached(function: Callable[[], R]) -> Future[R]:
    """Start a call in a thread that does not keep the process alive."""
    threads = _Threads(1)
    call = threads.submit(function)
    threads.end()
    return call


class _Threads:
    """Threads for some calls.

    A ThreadPoolExecutor takes no work while the interpreter ends, although an `atexit` handler may
    still have some, and after Ctrl-C it keeps the process alive until its calls end. Here, if no
    thread can be started, the caller does the work, and a caller that stops early leaves slow
    calls behind.

    Args:
        most: the most threads; with 0, the caller does all the work.
        under_way: holds the calls of the threads until they end.
    """

    def __init__(self, most: int, under_way: set[Future[Any]] | None = None) -> None:
        self._most = most
        self._threads: list[threading.Thread] = []
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._under_way = set[Future[Any]]() if under_way is None else under_way
        self._deadline = create_nested_deadline()

    def submit(self, function: Callable[..., R], *arguments: Any) -> Future[R]:
        """Submit a call; without threads, it has ended when this returns."""
        call: Future[R] = Future()
        if len(self._threads) < self._most:
            self._start()
        if self._threads:
            call.add_done_callback(self._under_way.discard)
            self._under_way.add(call)  # last: an interruption must not leave it there for ever
            work = partial(self._deadline.bind(function), *arguments)
            self._queue.put(partial(_run, call, work, BaseException))
        else:  # an interruption is the caller's own
            _run(call, partial(function, *arguments), Exception)
        return call

    def _start(self) -> None:
        thread = threading.Thread(target=_run_queue, args=[self._queue], daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, or there are too many threads
            self._most = len(self._threads)
        else:
            self._threads.append(thread)

    def end(self) -> None:
        """Let the threads end after their work."""
        for _ in self._threads:
            self._queue.put(None)

    def give_up(self) -> None:
        """Make no more calls; those in flight get `GRACE` seconds, and retry nothing after it."""
        self._deadline.cancel()
        for call in list(self._under_way):
            call.cancel()
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def join(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            while thread.is_alive():
                thread.join(TICK)


@contextmanager
def _start_threads(most: int, under_way: set[Future[Any]] | None = None) -> Iterator[_Threads]:
    """Start threads for the calls in the `with` block."""
    threads = _Threads(most, under_way)
    try:
        yield threads
    except BaseException:
        threads.end()
        threads.give_up()
        raise
    threads.end()
    threads.join()


def _run_queue(queue: SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := queue.get()) is not None:
        work()
        del work  # frees its memory while the thread waits for the next


def _run(call: Future[R], work: Callable[[], R], caught: type[BaseException]) -> None:
    """Make a call and store its result, or its error if it is one of `caught`."""
    if not call.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except caught as error:
        call.set_exception(error)
    else:
        call.set_result(result)


def _wait_for_first(waiting: deque[tuple[T, Future[R]]]) -> tuple[T, Future[R]]:
    item, call = waiting.popleft()
    wait_for_calls([call])
    return item, call


@dataclass(frozen=True)
class Page(Generic[T]):
    """Part of a listing.

    Args:
        rows: its items.
        token: of the next page; None on the last.
        segment: the segment of the listing; None if the listing is not segmented.
    """

    rows: list[T]
    token: str | None
    segment: int | None = None


def fetch_pages(
    fetch: Callable[[int, str | None], Page[T]], segments: int, workers: int = WORKERS
) -> Generator[Page[T], None, None]:
    """Fetch the pages of all segments of a listing in parallel; yields them in any order.

    `fetch` gets a segment's number and the token of the page before. The next page of a segment is
    fetched while the caller reads the current one.
    """
    ahead = iter(range(segments))
    with _start_threads(workers) as threads:
        waiting = {threads.submit(fetch, number, None) for number in islice(ahead, workers)}
        while waiting:
            finished, waiting = wait(waiting, timeout=TICK, return_when=FIRST_COMPLETED)
            for page in [call.result() for call in finished]:
                if page.token is not None:
                    waiting.add(threads.submit(fetch, page.segment, page.token))
                else:
                    waiting |= {threads.submit(fetch, n, None) for n in islice(ahead, 1)}
                yield page
