"""Parallel calls: results in order, a fixed number at a time, and no result lost."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from stache_ai_s3vectors.aws.parallel import Page, call_in_parallel, fetch_pages

SPAN = ContextVar("SPAN", default="none")


def get_results(calls):
    return [call.result() for _, call in calls]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 50])
def test_results_come_in_the_order_of_the_items(count):
    """This holds for any number of items."""
    assert get_results(call_in_parallel(lambda n: n * n, range(count), 4)) == [
        n * n for n in range(count)
    ]


def test_no_more_calls_run_at_a_time_than_allowed():
    """Four calls wait for each other; a fifth is not started."""
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

    assert get_results(call_in_parallel(work, range(12), 4)) == [None] * 12
    assert most == 4


def test_a_single_item_is_called_in_the_callers_thread():
    """One call needs no thread."""
    assert get_results(call_in_parallel(lambda _: threading.get_ident(), [1])) == [
        threading.get_ident()
    ]


@pytest.mark.parametrize("items", [[1], [1, 2]])
def test_an_error_is_raised_when_its_result_is_read(items):
    """It is the exception of the future."""

    def fail(_):
        raise KeyError("no")

    errors = [call.exception() for _, call in call_in_parallel(fail, items)]

    assert [str(error) for error in errors] == ["'no'"] * len(items)


def test_the_calls_stop_when_the_caller_stops_reading(monkeypatch):
    """Calls under way end; the others are not started."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.parallel.GRACE", 60)
    before, called = threading.active_count(), []
    calls = call_in_parallel(called.append, iter(range(1000)), 3)

    next(calls)
    calls.close()

    assert len(called) <= 3
    assert threading.active_count() == before


def test_an_interruption_while_a_call_is_handed_over_leaves_no_call_behind():
    """Whoever waits for the calls under way would wait for ever."""

    class InterruptedSet(set):
        def add(self, call):
            super().add(call)
            raise KeyboardInterrupt

    under_way = InterruptedSet()

    with pytest.raises(KeyboardInterrupt):
        next(call_in_parallel(lambda n: n, range(2), under_way=under_way))

    assert under_way == set()


def test_items_are_taken_only_when_a_call_can_start():
    """A generator of large bodies is not read ahead."""
    taken = []
    items = (taken.append(n) or n for n in range(100))
    calls = call_in_parallel(lambda n: n, items, 4)

    next(calls)
    assert len(taken) == 4
    calls.close()


def test_before_can_end_the_calls():
    """Calls under way end and are reported."""
    done = []
    calls = call_in_parallel(lambda n: n, range(1000), 3, before=lambda _: len(done) < 5)

    for _, call in calls:
        done.append(call.result())

    assert 5 <= len(done) <= 8


def test_before_runs_in_the_caller_s_thread_just_before_each_call():
    """An interruption there happens before anything is sent."""
    seen = []

    def before(_):
        seen.append(threading.get_ident())
        return True

    calls = call_in_parallel(lambda n: n, range(10), 2, before=before)

    next(calls)
    assert len(seen) == 2
    assert get_results(calls) == list(range(1, 10))
    assert seen == [threading.get_ident()] * 10


def test_calls_see_the_caller_s_context():
    """Tracing libraries keep their span in it."""
    SPAN.set("request 7")

    assert get_results(call_in_parallel(lambda _: SPAN.get(), [1, 2, 3])) == ["request 7"] * 3


def paginate(lengths):
    """Build a function that fetches pages of segments; a page's rows are (segment, number)."""

    def fetch(segment, token):
        number = int(token or 0)
        last = number + 1 >= lengths[segment]
        return Page([(segment, number)], None if last else str(number + 1), segment)

    return fetch


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_the_pages_of_each_segment_come_in_order(workers):
    """Segments are read in parallel, the pages of one segment one by one."""
    lengths = [1, 5, 2, 1, 3, 9]

    rows = [row for page in fetch_pages(paginate(lengths), 6, workers) for row in page.rows]

    assert sorted(rows) == [(s, n) for s, length in enumerate(lengths) for n in range(length)]
    for segment in range(6):
        assert [n for s, n in rows if s == segment] == list(range(lengths[segment]))


def test_an_error_of_a_page_is_raised_and_no_thread_is_left(monkeypatch):
    """The pages before it are returned."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.parallel.GRACE", 60)
    before = threading.active_count()

    def fetch(segment, token):
        if segment == 2:
            raise KeyError("no")
        return paginate([1] * 4)(segment, token)

    with pytest.raises(KeyError):
        list(fetch_pages(fetch, 4, 2))

    assert threading.active_count() == before
