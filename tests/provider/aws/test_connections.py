"""What the providers of a process share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import providers


@pytest.mark.parametrize("threads", [16])
def test_many_threads_create_one_client(threads):
    """They also share one description and one write rate."""
    together = threading.Barrier(threads, timeout=30)

    def make(_):
        together.wait()
        return providers.create_provider()._index._state

    with ThreadPoolExecutor(threads) as pool:
        assert len({id(shared) for shared in pool.map(make, range(threads))}) == 1
