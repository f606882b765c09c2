"""The list prices of Amazon S3 Vectors. Pure.

In USD, for US East (N. Virginia) and US West (Oregon), as read on 2026-10-04 from
https://aws.amazon.com/s3/pricing/ (tab "S3 Vectors"). Other regions have other prices. Text search
has no published price. AWS's GB and TB are 2^30 and 2^40 bytes.
"""

from __future__ import annotations

from typing import Final

READ_ON: Final = "2026-10-04"
REGION: Final = "us-east-1"

GB: Final = 2**30
TB: Final = 2**40

STORAGE: Final = 0.06
"""USD for a GB of logical data a month: vectors in float32, keys and all metadata."""

PUT: Final = 0.20
"""USD for a GB of logical data that PutVectors writes."""

PUT_LEAST: Final = 128 * 1024
"""The smallest size in bytes that a PutVectors is charged for; small batches cost more."""

QUERY: Final = 2.50 / 1_000_000
"""USD for a QueryVectors, without the data that it processes."""

PROCESSED: Final = ((100_000, 0.004), (10_000_000, 0.002), (None, 0.0004))
"""USD for a TB of data that queries process, each for the vectors of an index up to a number.

A query processes the whole index without its non-filterable metadata.
"""


def compute_storage_cost(size: float) -> float:
    """The cost of storing a number of bytes for a month."""
    return size / GB * STORAGE


def compute_put_cost(size: float, requests: int) -> float:
    """The cost of writing a number of bytes in a number of requests of about the same size."""
    return max(size, requests * PUT_LEAST) / GB * PUT


def compute_query_cost(vectors: int, bytes_each: float) -> float:
    """The cost of a query.

    Args:
        vectors: number of vectors in the index.
        bytes_each: average size of a vector's data, key and filterable metadata.
    """
    cost, before = QUERY, 0
    for limit, price in PROCESSED:
        upto = vectors if limit is None else min(vectors, limit)
        cost += max(0, upto - before) * bytes_each / TB * price
        before = max(before, upto)
    return cost
