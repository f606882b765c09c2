"""The limits of the service.

`shapes.py` has the lengths, ranges and counts of request members; a limit that another module uses
as well is here. Source of the limits below, unless a line names another:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
"""

from typing import Final

REQUEST_BODY_BYTES: Final = 20 * 1024 * 1024
"""Maximum size of a request body, inclusive (measured on AWS in September 2026)."""

METADATA_BYTES: Final = 40_960
"""Metadata of a vector, as `validation.metadata_size` counts it."""

FILTERABLE_METADATA_BYTES: Final = 2_048
"""Filterable metadata of a vector, counted in the same way."""

METADATA_KEYS: Final = 50
"""Metadata keys of a vector."""

KEY_BYTES: Final = 1_024
"""Key of a vector in UTF-8; the model limits its characters to the same number."""

TOP_K: Final = 10_000
"""QueryVectors `topK` (since 2026-06-16)."""

QUERY_PAGE: Final = 100
"""Results on one page of QueryVectors."""

LIST_PAGE: Final = 500
"""Items on one page of the three List operations when `maxResults` is not given."""

LIST_PAGE_BYTES: Final = 1024 * 1024
"""ListVectors ends a page after this much vector data and metadata."""

FILTER_CONSTRAINTS: Final = 100
"""Values in a filter on an ENHANCED index; $in with three values counts three.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html
"""

FILTER_DEPTH: Final = 50
"""Nested $and and $or. Our choice: AWS documents no limit."""

BUCKETS: Final = 10_000
"""Vector buckets of an account in a region."""

INDEXES: Final = 10_000
"""Indexes of a vector bucket."""

TEXT_SEARCH_KEYS: Final = 10
"""Text search configurations of one index; the model has the same limit for one request."""

TAGS: Final = 50
"""Tags of one vector bucket or index (API reference of TagResource)."""

BUCKET_POLICY_BYTES: Final = 20_480
"""The limit of S3 for bucket policies; that of S3 Vectors is not documented."""

PUT_VECTORS: Final = 500
"""Vectors in one PutVectors, and keys in one DeleteVectors, as in the model."""

GET_VECTORS: Final = 100
"""Keys in one GetVectors, as in the model."""

WRITE_REQUESTS_PER_SECOND: Final = 1_000
"""PutVectors and DeleteVectors requests to one index."""

WRITTEN_VECTORS_PER_SECOND: Final = 2_500
"""Vectors that those requests put or delete."""
