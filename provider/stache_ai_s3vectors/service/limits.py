"""The service's limits that the provider checks before it sends anything. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
"""

from typing import Final

PUT_BATCH: Final = 500
"""Vectors in one PutVectors."""

DELETE_BATCH: Final = 500
"""Keys in one DeleteVectors."""

GET_BATCH: Final = 100
"""Keys in one GetVectors."""

LIST_PAGE: Final = 1_000
"""Vectors on one page of ListVectors, at most."""

REQUEST_BODY_BYTES: Final = 20 * 1024 * 1024
"""A request's body, inclusive."""

TOP_K: Final = 10_000
"""QueryVectors `topK`."""

KEY_LENGTH: Final = 1_024
"""A vector's key, in characters and in UTF-8 bytes."""

METADATA_KEYS: Final = 50
"""Metadata keys of one vector."""

METADATA_BYTES: Final = 40_960
"""All metadata of a vector, by the arithmetic of `sizes.metadata_size`."""

FILTERABLE_METADATA_BYTES: Final = 2_048
"""The filterable part of it, by the same arithmetic."""

DIMENSIONS: Final = 4_096
"""Elements of a vector, at most."""

NON_FILTERABLE_KEYS: Final = 10
"""Non-filterable metadata keys of an index, at most."""

NON_FILTERABLE_KEY_LENGTH: Final = 63
"""Characters of one of them."""

FLOAT32_MAX: Final = 3.4028234663852886e38
"""The largest number that a vector element can be (IEEE 754 binary32)."""

FLOAT32_TINY: Final = 2.0**-150
"""Up to this size a vector element is rounded to zero (half the smallest binary32)."""

WRITTEN_VECTORS_PER_SECOND: Final = 2_500
"""Vectors put and deleted per second, together, per index."""

WRITE_REQUESTS_PER_SECOND: Final = 1_000
"""PutVectors and DeleteVectors requests per second, together, per index."""

LIST_SEGMENTS: Final = 16
"""Parts into which ListVectors divides an index, at most."""

FILTER_CONSTRAINTS: Final = 100
"""Values that a filter compares with, at most; `$and` and `$or` are free."""

TEXT_SEARCH_KEYS: Final = 10
"""Metadata keys with text search of an index, at most."""

TEXT_SEARCH_KEY_LENGTH: Final = 63
"""Characters of one of them."""

QUERY_TEXT_LENGTH: Final = 1_024
"""QueryVectors `queryTexts.text`, in characters."""

VECTORS: Final = 2_000_000_000
"""Vectors of an index, at most."""
