"""Writes keep to the service's rates, so that the service does not throttle bulk work."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from s3vectors_local import RateLimits
from s3vectors_local.errors import TooManyRequestsException
from stache_ai_s3vectors.aws.connections import Connection
from stache_ai_s3vectors.aws.pace import Pace
from support import providers
from support.endpoints import serve

VECTOR = [1.0, 2.0, 3.0, 4.0]


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 50.0

    def __call__(self):
        """The time."""
        return self.now

    def sleep(self, seconds):
        """Advance the time."""
        self.now += seconds


@pytest.mark.parametrize("sizes", [[500] * 60, [1] * 3000, [1, 500, 20, 3] * 100])
def test_paced_writes_are_never_throttled_and_lose_no_time(sizes):
    """The engine counts the documented rates."""
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    service = RateLimits(clock=clock)

    for size in sizes:
        pace.wait(size)
        service.take("index", size)

    least = max((sum(sizes) - 500) / 2500, (len(sizes) - 1) / 1000)
    assert clock.now - 50 == pytest.approx(least)


def test_writes_without_a_pace_are_throttled():
    """Five writes use up a second's rate; the engine refuses the sixth."""
    service = RateLimits(clock=Clock())
    for _ in range(5):
        service.take("index", 500)

    with pytest.raises(TooManyRequestsException):
        service.take("index", 500)


def test_an_idle_pace_saves_up_one_request():
    """The service's burst size is not documented."""
    clock = Clock()
    pace = Pace(vectors=100, requests=10, clock=clock, sleep=clock.sleep)
    pace.wait(500)
    clock.sleep(1000)

    began = clock.now
    pace.wait(500)
    assert clock.now == began
    pace.wait(100)
    assert clock.now == began + 1


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_jumps_neither_stops_writes_nor_lets_more_pass(hours):
    """As it may when a process is restored from a snapshot, in a Lambda function with SnapStart."""
    clock = Clock()
    pace = Pace(vectors=100, requests=10, clock=clock, sleep=clock.sleep)
    pace.wait(500)
    clock.now += hours * 3600

    began = clock.now
    pace.wait(500)
    pace.wait(100)
    assert clock.now - began == pytest.approx(1 if hours > 0 else 6)


def test_threads_share_the_rate():
    """Each thread takes its turn before it waits, so that all keep to one rate."""
    waits = []
    pace = Pace(vectors=100, requests=1e9, clock=lambda: 0.0, sleep=waits.append)
    threads = [threading.Thread(target=pace.wait, args=(50,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(waits)[-10:] == pytest.approx([n / 2 for n in range(1, 11)])
    assert all(wait < 0.001 for wait in sorted(waits)[:-10])


def test_providers_of_one_index_share_its_rate():
    """Stache builds several providers; the service counts by index."""
    with serve() as url:
        three = [
            providers.create_provider(index, s3vectors_endpoint_url=url)
            for index in ("one", "one", "two")
        ]
        one, same, two = (provider._index._state for provider in three)
        with closing(three[0].client):
            assert one is same
            assert one.pace is not two.pace
            assert one.pace is not None


@pytest.mark.parametrize(
    "settings", [{"s3vectors_write_rate": 0, "s3vectors_endpoint_url": "http://127.0.0.1:1"}, {}]
)
def test_nothing_is_paced_where_nothing_throttles(settings):
    """A `local:` endpoint or a rate of 0 sets no pace."""
    assert providers.create_provider(**settings)._index._state.pace is None


def test_the_state_of_an_index_belongs_to_the_connection():
    """The first provider of an index sets its pace."""
    connection, other = (Connection(providers.create_provider().client, (), ()) for _ in range(2))
    first = connection.get_index_state(("b", "i"), 1)

    assert connection.get_index_state(("b", "i"), None) is first
    assert first.pace is not None
    assert other.get_index_state(("b", "i"), None).pace is None
