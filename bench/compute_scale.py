"""What many more vectors than one machine holds would take: the arithmetic of scale.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from s3vectors_local.limits import LIST_PAGE_BYTES
from stache_ai_s3vectors.aws.parallel import WORKERS
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.tool import prices

LATENCY: Final = 0.15
PAGE_LATENCY: Final = 0.05
"""Seconds a write and a page, as for the measured ingestion and count."""

CALL: Final = 20_000
"""Vectors that one insert is given: it checks all, then sends them."""

QUERIES: Final = 100_000
SIZES: Final = (1_000_000, 100_000_000, 2_000_000_000)
SHARDS: Final = (1, 10, 100, 1_000)
DIMENSION: Final = "1024"


def estimate_insert(vectors: int, checking: float) -> float:
    """Seconds of one insert into one index, of which `checking` until the first request."""
    # A full request goes out at once, the others at the rate
    paced = max(0, vectors - limits.PUT_BATCH) / limits.WRITTEN_VECTORS_PER_SECOND
    return checking + paced + LATENCY


def estimate_load(vectors: int, checking: float) -> float:
    """Seconds of one insert after the other, each of CALL; `checking` is for a vector."""
    calls, rest = divmod(vectors, CALL)
    last = estimate_insert(rest, rest * checking) if rest else 0.0
    return calls * estimate_insert(CALL, CALL * checking) + last


def estimate_walk(vectors: int, page: int, computing: float = 0.0) -> float:
    """Seconds to list one index, in segments, some at a time.

    Args:
        vectors: how many.
        page: vectors on a page.
        computing: seconds of server and client that a vector takes.
    """
    rounds = 2  # the index's description and a first page
    if vectors > page:
        share = -(-vectors // limits.LIST_SEGMENTS)
        rounds += -(-share // page) * limits.LIST_SEGMENTS // WORKERS
    return rounds * (PAGE_LATENCY + min(vectors, page) * computing)


def size_page(costs: Any) -> int:
    """Vectors on a page: AWS ends it at 1 MB, of which what is not asked for is part."""
    stored: int = costs["bytes a chunk"]["stored"]
    return min(limits.LIST_PAGE, -(-LIST_PAGE_BYTES // stored))


def compare_with_measured(clients: Any, costs: Any) -> Iterator[tuple[str, float, float]]:
    """What was measured at small sizes, and what the arithmetic gives."""
    processor = clients["costs"][DIMENSION]
    writing, reading = (processor[task]["ours"]["median"] / 1000 for task in ("insert", "scan"))
    for entry in clients["ingest"]:
        if entry["client"] == "ours":
            first_request = entry["before"]["median"] + limits.PUT_BATCH * writing
            seconds = estimate_insert(entry["vectors"], first_request)
            yield f"store {entry['vectors']:,}", entry["took"]["median"], seconds
    # Without latency the server is what a walk waits for
    computing = clients["walk"]["ours"]["median"] / clients["walk"]["vectors"] + reading
    for name in ("count", "small count"):
        vectors = clients[name]["vectors"]
        seconds = estimate_walk(vectors, size_page(costs), computing)
        yield f"count {vectors:,}", clients[name]["ours"]["median"], seconds


def plan(clients: Any, costs: Any) -> Iterator[tuple[int, int, float, float, float, float]]:
    """Vectors, indexes, seconds to load, cores for that, seconds to list, USD of the queries."""
    ingest, insert = clients["ingest"][0], clients["costs"][DIMENSION]["insert"]["ours"]["median"]
    checking = ingest["before"]["median"] / ingest["vectors"]
    core = CALL / estimate_load(CALL, checking) * insert / 1000
    for vectors in SIZES:
        for shards in SHARDS:
            each = -(-vectors // shards)
            query = shards * prices.compute_query_cost(each, costs["bytes a chunk"]["searched"])
            load, walk = estimate_load(each, checking), estimate_walk(each, size_page(costs))
            yield vectors, shards, load, shards * core, walk, QUERIES * query


def list_bills(costs: Any) -> Iterator[tuple[int, float, float, float]]:
    """Vectors, TB, USD a month to store, USD to load."""
    for vectors in SIZES:
        size = vectors * costs["bytes a chunk"]["stored"]
        load = prices.compute_put_cost(size, -(-vectors // limits.PUT_BATCH))
        yield vectors, size / prices.TB, prices.compute_storage_cost(size), load
