"""Several calls at a time: latency, not work, is what bulk calls wait for. Knows no service."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WORKERS: Final = 8
"""Calls at a time: the service takes hundreds of reads a second, and latency is 10 to 100 ms."""


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def in_flight(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int = WORKERS,
    *,
    before: Callable[[T], object] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[T, Future[R]]]:
    """Call a function for each item, some at a time; yields each with its finished call.

    Items are taken from the iterable only as there is room for them, and come in its order.
    A single item is called in the caller's own thread. Whoever stops reading early waits for
    the calls that are under way; those that have not begun are not made.

    Args:
        before: called with each item in the caller's thread, just before its call.
        stop: asked before each call; True for no more.
    """
    iterator = iter(items)
    first = list(islice(iterator, 2))
    with ThreadPoolExecutor(workers) as pool:  # which has no thread before it gets a call
        submit = pool.submit if len(first) > 1 else _called
        waiting: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in chain(first, iterator):
                if stop():
                    break
                if before is not None:
                    before(item)
                # A copy, because tracing libraries keep their span in it
                waiting.append((item, submit(copy_context().run, function, item)))
                if len(waiting) >= workers:
                    yield _finished(waiting)
            while waiting:
                yield _finished(waiting)
        finally:
            for _, call in waiting:
                call.cancel()


def _called(function: Callable[..., R], *arguments: Any) -> Future[R]:
    call: Future[R] = Future()
    try:
        call.set_result(function(*arguments))
    except Exception as error:  # noqa: BLE001 - as a pool does it; the caller asks for it
        call.set_exception(error)
    return call


def _finished(waiting: deque[tuple[T, Future[R]]]) -> tuple[T, Future[R]]:
    item, call = waiting.popleft()
    wait([call])
    return item, call


@dataclass(frozen=True)
class Page(Generic[T]):
    """Part of a listing.

    Args:
        rows: what is on it.
        token: asks for the next page; None on the last.
        segment: the part of the listing that it belongs to; None when that is not divided.
    """

    rows: list[T]
    token: str | None
    segment: int | None = None


def pages(
    fetch: Callable[[int, str | None], Page[T]], segments: int, workers: int = WORKERS
) -> Iterator[Page[T]]:
    """The pages of all segments of a listing, some segments at a time, in any order.

    `fetch` gets a segment's number and the token of the page before. The next page of a
    segment is fetched while the caller reads the last one.
    """
    ahead = iter(range(segments))
    with ThreadPoolExecutor(workers) as pool:
        waiting = {_submit(pool, fetch, number, None) for number in islice(ahead, workers)}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for page in [call.result() for call in finished]:
                    if page.token is not None:
                        waiting.add(_submit(pool, fetch, page.segment, page.token))
                    else:
                        waiting |= {_submit(pool, fetch, n, None) for n in islice(ahead, 1)}
                    yield page
        finally:
            for call in waiting:
                call.cancel()


def _submit(pool: ThreadPoolExecutor, fetch: Callable[..., Page[T]], *of: Any) -> Future[Page[T]]:
    return pool.submit(copy_context().run, fetch, *of)
