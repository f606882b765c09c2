"""Cost and time of S3 Vectors, by arithmetic with the provider's table of prices, and limits.

`measure` is about a million chunks as the other benchmarks store them, in sizes as the service
counts them; `estimate` about many more vectors than one machine holds (scale.md).
"""

from __future__ import annotations

import math
import statistics
from typing import Any, Final

import dataset
from s3vectors_local.limits import LIST_PAGE_BYTES
from stache_ai_s3vectors.aws.parallel import WORKERS
from stache_ai_s3vectors.chunks.sizes import metadata_size
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE
from stache_ai_s3vectors.tool import prices

CHUNKS: Final = 1_000_000
QUERIES: Final = 100_000
BATCHES: Final = (limits.PUT_BATCH, 200, 20, 1)
"""Ours and llama-index's; langchain-aws's default; a document of 20 chunks a time; one by one."""

KEY_BYTES: Final = 36
"""A UUID, as Stache's ids are."""

LATENCY: Final = 0.15
PAGE_LATENCY: Final = 0.05
"""Seconds a write and a page, as for the measured ingestion and count."""

CALL: Final = 20_000
"""Vectors in one insert, which checks all before it sends them."""

SIZES: Final = (1_000_000, 100_000_000, 2_000_000_000)
SHARDS: Final = (1, 10, 100, 1_000)


def measure_chunks() -> dict[str, int]:
    """Bytes of a chunk on average: all of it, and what a query goes through."""
    corpus = dataset.Corpus()
    metadata = [corpus.draw_metadata(number) for number in range(500)]
    filterable = [{k: v for k, v in one.items() if k not in NON_FILTERABLE} for one in metadata]
    return {
        name: 4 * dataset.DIMENSION + KEY_BYTES + round(statistics.mean(map(metadata_size, each)))
        for name, each in {"stored": metadata, "searched": filterable}.items()
    }


def measure() -> dict[str, Any]:
    """USD to store for a month, to load once, by the size of the batches, and to query."""
    size = measure_chunks()
    stored = CHUNKS * size["stored"]
    return {
        "read on": prices.READ_ON,
        "region": prices.REGION,
        "bytes a chunk": size,
        "store": prices.compute_storage_cost(stored),
        "load": {str(n): prices.compute_put_cost(stored, math.ceil(CHUNKS / n)) for n in BATCHES},
        "query": QUERIES * prices.compute_query_cost(CHUNKS, size["searched"]),
        "least for 128 KB": math.ceil(prices.PUT_LEAST / size["stored"]),
        "prices": {
            "store": prices.STORAGE,
            "put": prices.PUT,
            "query": prices.QUERY,
            "process": prices.PROCESSED[0][1],
            "process more": prices.PROCESSED[1][1],
        },
    }


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
    """Seconds to list one index, in segments, some at a time; `computing` is for a vector."""
    rounds = 2  # the index's description and a first page
    if vectors > page:
        share = math.ceil(vectors / limits.LIST_SEGMENTS)
        rounds += math.ceil(share / page) * limits.LIST_SEGMENTS // WORKERS
    return rounds * (PAGE_LATENCY + min(vectors, page) * computing)


def size_page(costs: Any) -> int:
    """Vectors on a page: AWS ends it at 1 MB, counting what the request leaves out."""
    stored: int = costs["bytes a chunk"]["stored"]
    return min(limits.LIST_PAGE, math.ceil(LIST_PAGE_BYTES / stored))


def compare_with_measured(clients: Any, costs: Any) -> dict[str, Any]:
    """Measurements at small sizes, and the results of the arithmetic."""
    processor = clients["costs"][str(dataset.DIMENSION)]
    writing, reading = (processor[task]["ours"]["median"] / 1000 for task in ("insert", "scan"))
    pairs = {}
    for entry in clients["ingest"].values():
        if entry["client"] == "ours":
            first_request = entry["before"]["median"] + limits.PUT_BATCH * writing
            seconds = estimate_insert(entry["vectors"], first_request)
            pairs[f"store {entry['vectors']:,}"] = entry["seconds"]["median"], seconds
    # Without latency the server is what a walk waits for
    computing = clients["walk"]["ours"]["median"] / clients["walk"]["vectors"] + reading
    for count in (clients["count"], clients["small count"]):
        seconds = estimate_walk(count["vectors"], size_page(costs), computing)
        pairs[f"count {count['vectors']:,}"] = count["ours"]["median"], seconds
    return {name: {"measured": m, "computed": c, "ratio": c / m} for name, (m, c) in pairs.items()}


def estimate(clients: Any, costs: Any) -> dict[str, Any]:
    """By vectors and indexes: seconds to load and list, cores, USD of queries; and USD by size."""
    ingest, size = clients["ingest"]["ours 20000"], costs["bytes a chunk"]
    insert = clients["costs"][str(dataset.DIMENSION)]["insert"]["ours"]["median"] / 1000
    checking = ingest["before"]["median"] / ingest["vectors"]
    cores = CALL / estimate_load(CALL, checking) * insert
    plans, bills = {}, {}
    for vectors in SIZES:
        for shards in SHARDS:
            each = math.ceil(vectors / shards)
            plans[f"{vectors:,} in {shards:,}"] = {
                "load": estimate_load(each, checking),
                "cores": shards * cores,
                "walk": estimate_walk(each, size_page(costs)),
                "queries": QUERIES * shards * prices.compute_query_cost(each, size["searched"]),
            }
        stored = vectors * size["stored"]
        bills[f"{vectors:,}"] = {
            "TB": stored / prices.TB,
            "store": prices.compute_storage_cost(stored),
            "load": prices.compute_put_cost(stored, math.ceil(vectors / limits.PUT_BATCH)),
        }
    return {"measured": compare_with_measured(clients, costs), "plans": plans, "bills": bills}
