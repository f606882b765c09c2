"""What a million chunks cost on AWS at list prices, in full batches and in batches of one.

Arithmetic, not a measurement: the provider's own table of prices, and the sizes that the service
counts, of chunks as the other benchmarks store them.
"""

from __future__ import annotations

import argparse
import math
import statistics
from typing import Any, Final

import dataset
from stache_ai_s3vectors.chunks.sizes import metadata_size
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE
from stache_ai_s3vectors.tool import prices

CHUNKS: Final = 1_000_000
QUERIES: Final = 100_000
BATCHES: Final = (limits.PUT_BATCH, 200, 20, 1)
"""Ours and llama-index's; langchain-aws's default; a document of 20 chunks a time; one by one."""

PRICES: Final = {
    "store a GB for a month": prices.STORAGE,
    "put a GB": prices.PUT,
    "a query": prices.QUERY,
    "a TB that queries go through, of an index's first 100,000 vectors": prices.PROCESSED[0][1],
    "a TB of the others, to 10 million": prices.PROCESSED[1][1],
}
_SAMPLE: Final = 500
_KEY_BYTES: Final = 36
"""A UUID, as Stache's ids are."""


def measure_chunks() -> dict[str, float]:
    """Bytes of a chunk on average: all of it, and what a query goes through."""
    corpus = dataset.Corpus()
    metadata = [corpus.draw_metadata(number) for number in range(_SAMPLE)]
    filterable = [{k: v for k, v in one.items() if k not in NON_FILTERABLE} for one in metadata]
    own = 4 * dataset.DIMENSION + _KEY_BYTES
    return {
        "stored": own + statistics.mean(map(metadata_size, metadata)),
        "searched": own + statistics.mean(map(metadata_size, filterable)),
    }


def measure(_: argparse.Namespace) -> dict[str, Any]:
    """USD to store for a month, to load once, by the size of the batches, and to query."""
    size = measure_chunks()
    stored = CHUNKS * size["stored"]
    return {
        "chunks": CHUNKS,
        "queries": QUERIES,
        "dimension": dataset.DIMENSION,
        "read on": prices.READ_ON,
        "region": prices.REGION,
        "bytes a chunk": {name: round(value) for name, value in size.items()},
        "store": prices.compute_storage_cost(stored),
        "load": {
            str(batch): prices.compute_put_cost(stored, math.ceil(CHUNKS / batch))
            for batch in BATCHES
        },
        "query": QUERIES * prices.compute_query_cost(CHUNKS, size["searched"]),
        "least for 128 KB": math.ceil(prices.PUT_LEAST / size["stored"]),
        "prices": PRICES,
    }
