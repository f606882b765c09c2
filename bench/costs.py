"""What a million chunks cost on AWS at list prices, in full batches and in batches of one.

    python bench/costs.py [--save]

Arithmetic, not a measurement: the provider's own table of prices, and the sizes that the service
counts, of chunks as the other benchmarks store them.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from typing import Any, Final

import measure
import records
from stache_ai_s3vectors import limits, prices
from stache_ai_s3vectors.keys import NON_FILTERABLE
from stache_ai_s3vectors.sizes import metadata_size

CHUNKS: Final = 1_000_000
QUERIES: Final = 100_000
BATCHES: Final = (limits.PUT_BATCH, 200, 20, 1)
"""Ours and llama-index's; langchain-aws's default; a document of 20 chunks a time; one by one."""

_SAMPLE: Final = 500
_KEY_BYTES: Final = 36
"""A UUID, as Stache's ids are."""

_FLOAT_BYTES: Final = 4


def sizes(dimension: int) -> dict[str, float]:
    """Bytes of a chunk on average: all of it, and what a query goes through."""
    corpus = records.Corpus(dimension=dimension)
    told = [corpus.metadata(number) for number in range(_SAMPLE)]
    filterable = [{k: v for k, v in one.items() if k not in NON_FILTERABLE} for one in told]
    own = dimension * _FLOAT_BYTES + _KEY_BYTES
    return {
        "stored": own + statistics.mean(map(metadata_size, told)),
        "searched": own + statistics.mean(map(metadata_size, filterable)),
    }


def monthly(chunks: int, dimension: int, queries: int) -> dict[str, Any]:
    """USD to store for a month, to load once, by the size of the batches, and to query."""
    size = sizes(dimension)
    stored = chunks * size["stored"]
    return {
        "bytes a chunk": {name: round(value) for name, value in size.items()},
        "store": prices.storage(stored),
        "load": {str(batch): prices.puts(stored, math.ceil(chunks / batch)) for batch in BATCHES},
        "query": queries * prices.query(chunks, size["searched"]),
        "least for 128 KB": math.ceil(prices.PUT_LEAST / size["stored"]),
        "prices": {
            "store a GB for a month": prices.STORAGE,
            "put a GB": prices.PUT,
            "a query": prices.QUERY,
            "a TB that queries go through, of an index's first 100,000 vectors": prices.PROCESSED[
                0
            ][1],
            "a TB of the others, to 10 million": prices.PROCESSED[1][1],
        },
    }


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    result = {
        "chunks": CHUNKS,
        "queries": QUERIES,
        "dimension": records.DIMENSION,
        "read on": prices.READ_ON,
        "region": prices.REGION,
        **monthly(CHUNKS, records.DIMENSION, QUERIES),
    }
    print(json.dumps(result, indent=1))
    if arguments.save:
        measure.save("costs", result)


if __name__ == "__main__":
    main()
