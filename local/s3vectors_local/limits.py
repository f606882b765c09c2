"""The service's numbers, but for those of single request members.

Their lengths, ranges and counts live in `shapes.py`, beside the members. Source of the
numbers here, unless a line says otherwise:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
"""

from typing import Final

REQUEST_BODY_BYTES: Final = 20 * 1024 * 1024
"""A request body may be this long, inclusive (probed on AWS in September 2026)."""

METADATA_BYTES: Final = 40_960
"""All metadata of a vector, by the arithmetic of `validation.metadata_size`."""

FILTERABLE_METADATA_BYTES: Final = 2_048
"""The filterable part of a vector's metadata, by the same arithmetic."""

METADATA_KEYS: Final = 50
"""Metadata keys of one vector."""

KEY_BYTES: Final = 1_024
"""A vector's key in UTF-8; the model limits its characters to the same number."""

TOP_K: Final = 10_000
"""QueryVectors `topK` (since 2026-06-16)."""

QUERY_PAGE: Final = 100
"""Results on one page of QueryVectors."""

LIST_PAGE: Final = 500
"""Items on one page of the three List operations when `maxResults` is not given."""

LIST_PAGE_BYTES: Final = 1024 * 1024
"""ListVectors ends a page once it has processed this much vector data and metadata."""

FILTER_CONSTRAINTS: Final = 100
"""Values a filter may compare with on an ENHANCED index ($in of three counts three).

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html
"""

FILTER_DEPTH: Final = 50
"""$and and $or inside each other. Ours: AWS documents no limit."""

BUCKETS: Final = 10_000
"""Vector buckets of an account in a region."""

INDEXES: Final = 10_000
"""Indexes of a vector bucket."""

TEXT_SEARCH_KEYS: Final = 10
"""Text search configurations of one index; the model has the same number for one request."""

TAGS: Final = 50
"""Tags of one vector bucket or index (API reference of TagResource)."""

BUCKET_POLICY_BYTES: Final = 20_480
"""S3's limit for bucket policies; S3 Vectors' own is not documented."""

PUT_VECTORS: Final = 500
"""Vectors in one PutVectors, and keys in one DeleteVectors; the model has it, too."""

GET_VECTORS: Final = 100
"""Keys in one GetVectors; the model has it, too."""

WRITE_REQUESTS_PER_SECOND: Final = 1_000
"""PutVectors and DeleteVectors requests to one index, together."""

WRITTEN_VECTORS_PER_SECOND: Final = 2_500
"""Vectors that those requests put and delete."""
