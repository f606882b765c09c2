"""Calls side by side: in order, as many as are meant, none forgotten."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from stache_ai_s3vectors.aws.parallel import Page, call_in_parallel, fetch_pages

SPAN = ContextVar("SPAN", default="none")


def results(calls):
    return [call.result() for _, call in calls]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 50])
def test_calls_come_in_the_order_of_the_items(count):
    """However many there are."""
    assert results(call_in_parallel(lambda n: n * n, range(count), 4)) == [
        n * n for n in range(count)
    ]


def test_so_many_run_at_a_time_and_no_more():
    """Four wait for each other; a fifth is not begun."""
    together = threading.Barrier(4, timeout=30)
    most, running, lock = 0, 0, threading.Lock()

    def work(_):
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1

    assert results(call_in_parallel(work, range(12), 4)) == [None] * 12
    assert most == 4


def test_a_single_item_is_called_where_the_caller_is():
    """No thread for one call."""
    assert results(call_in_parallel(lambda _: threading.get_ident(), [1])) == [
        threading.get_ident()
    ]


@pytest.mark.parametrize("items", [[1], [1, 2]])
def test_an_error_waits_for_who_asks(items):
    """As the future's exception."""

    def fail(_):
        raise KeyError("no")

    errors = [call.exception() for _, call in call_in_parallel(fail, items)]

    assert [str(error) for error in errors] == ["'no'"] * len(items)


def test_who_stops_reading_stops_the_calls():
    """Those under way end, the others are not begun."""
    before, called = threading.active_count(), []
    calls = call_in_parallel(called.append, iter(range(1000)), 3)

    next(calls)
    calls.close()

    assert len(called) <= 3
    assert threading.active_count() == before


def test_items_are_taken_as_there_is_room():
    """A generator of large bodies is not read ahead."""
    taken = []
    items = (taken.append(n) or n for n in range(100))
    calls = call_in_parallel(lambda n: n, items, 4)

    next(calls)
    assert len(taken) == 4
    calls.close()


def test_when_it_is_time_to_stop_nothing_is_called_any_more():
    """Calls that are under way end, and are told."""
    done = []
    calls = call_in_parallel(lambda n: n, range(1000), 3, stop=lambda: len(done) >= 5)

    for _, call in calls:
        done.append(call.result())

    assert 5 <= len(done) <= 8


def test_before_runs_in_the_caller_s_thread_just_before_each_call():
    """Where an interruption finds nothing sent."""
    seen = []
    calls = call_in_parallel(
        lambda n: n, range(10), 2, before=lambda _: seen.append(threading.get_ident())
    )

    next(calls)
    assert len(seen) == 2
    assert results(calls) == list(range(1, 10))
    assert seen == [threading.get_ident()] * 10


def test_calls_see_the_caller_s_context():
    """Tracing libraries keep their span in it."""
    SPAN.set("request 7")

    assert results(call_in_parallel(lambda _: SPAN.get(), [1, 2, 3])) == ["request 7"] * 3


def listing(lengths):
    """A fetch for segments of so many pages; a page's rows are (segment, number)."""

    def fetch(segment, token):
        number = int(token or 0)
        last = number + 1 >= lengths[segment]
        return Page([(segment, number)], None if last else str(number + 1), segment)

    return fetch


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_all_pages_of_all_segments_come_in_their_order(workers):
    """Segments side by side, pages of one after the other."""
    lengths = [1, 5, 2, 1, 3, 9]

    rows = [row for page in fetch_pages(listing(lengths), 6, workers) for row in page.rows]

    assert sorted(rows) == [(s, n) for s, length in enumerate(lengths) for n in range(length)]
    for segment in range(6):
        assert [n for s, n in rows if s == segment] == list(range(lengths[segment]))


def test_an_error_of_a_page_is_raised_and_no_thread_is_left():
    """The pages before it have come."""
    before = threading.active_count()

    def fetch(segment, token):
        if segment == 2:
            raise KeyError("no")
        return listing([1] * 4)(segment, token)

    with pytest.raises(KeyError):
        list(fetch_pages(fetch, 4, 2))

    assert threading.active_count() == before
