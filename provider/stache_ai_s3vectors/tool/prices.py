"""What Amazon S3 Vectors costs at list prices. Pure.

US East (N. Virginia), the same in US West (Oregon), in USD, as read on 2026-10-04 from
https://aws.amazon.com/s3/pricing/ (tab "S3 Vectors"); other regions differ, and text search has
no published price. AWS's GB and TB are 2^30 and 2^40 bytes.
"""

from __future__ import annotations

from typing import Final

READ_ON: Final = "2026-10-04"
REGION: Final = "us-east-1"

GB: Final = 2**30
TB: Final = 2**40

STORAGE: Final = 0.06
"""A GB of logical data, a month: vectors in float32, keys and all metadata."""

PUT: Final = 0.20
"""A GB of logical data that is put."""

PUT_LEAST: Final = 128 * 1024
"""Bytes that each PutVectors is charged for at least, so small batches cost more."""

QUERY: Final = 2.50 / 1_000_000
"""A QueryVectors, and on top of it the data that it goes through."""

PROCESSED: Final = ((100_000, 0.004), (10_000_000, 0.002), (None, 0.0004))
"""A TB of what a query goes through, which is the whole index without its non-filterable
metadata: up to so many vectors of the index, for those beyond, and for the rest."""


def storage(size: float) -> float:
    """A month of so many bytes."""
    return size / GB * STORAGE


def puts(size: float, requests: int) -> float:
    """Putting so many bytes in so many requests of about equal size."""
    return max(size, requests * PUT_LEAST) / GB * PUT


def query(vectors: int, bytes_each: float) -> float:
    """One query of an index.

    Args:
        vectors: in the index.
        bytes_each: of a vector's data, key and filterable metadata, on average.
    """
    cost, before = QUERY, 0
    for limit, price in PROCESSED:
        upto = vectors if limit is None else min(vectors, limit)
        cost += max(0, upto - before) * bytes_each / TB * price
        before = max(before, upto)
    return cost
