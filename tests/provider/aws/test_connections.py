"""What the providers of a process share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stache_ai_s3vectors.aws import connections
from support import providers


@pytest.mark.parametrize("threads", [16])
def test_many_threads_create_one_client(threads):
    """They also share one description and one write rate."""
    together = threading.Barrier(threads, timeout=30)

    def make(_):
        together.wait()
        return providers.create_provider()._index._state

    with ThreadPoolExecutor(threads) as pool:
        assert len({id(shared) for shared in pool.map(make, range(threads))}) == 1


@pytest.mark.parametrize("round_", range(5))
def test_searches_and_writes_at_the_same_time_create_one_client(round_, monkeypatch):
    """A search does not create an engine; on AWS there is none, and their clients are the same."""
    created, together = [], threading.Barrier(2, timeout=30)
    create = connections.clients.create_remote_client

    def count_clients(*arguments):
        created.append(round_)
        return create(*arguments)

    monkeypatch.setattr(connections.clients, "create_remote_client", count_clients)
    endpoint = f"http://127.0.0.1:{9 + round_}"
    provider = providers.create_provider(
        s3vectors_endpoint_url=endpoint, s3vectors_create_index=True
    )
    index = provider._unsettled_index

    def connect(first):
        together.wait()
        first()

    calls = [lambda: index.known_description, lambda: index.client]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(connect, calls))

    assert len(created) == 1
