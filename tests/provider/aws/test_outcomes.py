"""The outcomes of a call that consists of several requests."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import PartialWriteError
from support import providers

QUESTION = [1.0, 0.0, 0.5, 0.25]


@pytest.fixture
def provider():
    return providers.create_provider()


def test_an_unexpected_error_does_not_hide_what_was_done(provider):
    """The other batches are still tried."""
    ids = [str(n) for n in range(500)]
    provider.insert([QUESTION] * 500, ["t"] * 500, ids=ids)
    count = 0

    def odd(parsed, **_):
        nonlocal count
        count += 1
        if count == 3:
            del parsed["vectors"][0]["key"]

    provider.client.meta.events.register("after-call.s3vectors.GetVectors", odd)

    with pytest.raises(PartialWriteError, match="400 of 500 vectors are updated.*KeyError"):
        provider.update_status(ids, None, "deleting")

    assert provider.count_by_filter({"status": "deleting"}) == 400
