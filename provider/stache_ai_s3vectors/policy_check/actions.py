"""Every action of S3 Vectors: what it is authorized on, and its condition keys. Pure.

From the service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3vectors.html).
UpdateMetadataConfiguration is newer than that table: the index is inferred from its request.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .patterns import matches_action

PREFIX: Final = "s3vectors:"
BUCKET: Final = "bucket"
INDEX: Final = "index"

_ON_BUCKET: Final = (
    "CreateVectorBucket",
    "DeleteVectorBucket",
    "DeleteVectorBucketPolicy",
    "GetVectorBucket",
    "GetVectorBucketPolicy",
    "ListIndexes",
    "PutVectorBucketDefaultIndexMode",
    "PutVectorBucketPolicy",
)
_ON_INDEX: Final = (
    "CreateIndex",
    "DeleteIndex",
    "DeleteVectors",
    "GetIndex",
    "GetVectors",
    "ListVectors",
    "PutVectors",
    "QueryVectors",
    "UpdateIndexMode",
    "UpdateMetadataConfiguration",
)
_ON_BOTH: Final = ("ListTagsForResource", "TagResource", "UntagResource")

ON: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **dict.fromkeys(_ON_BUCKET, frozenset({BUCKET})),
        **dict.fromkeys(_ON_INDEX, frozenset({INDEX})),
        **dict.fromkeys(_ON_BOTH, frozenset({BUCKET, INDEX})),
        "ListVectorBuckets": frozenset(),
    }
)
"""An action, without its prefix, to what its resource may be; nothing: only "*" will do."""

SHARED_WITH_S3: Final = frozenset(_ON_BOTH)
"""Amazon S3 has actions of the same names."""

_OF_ALL: Final = ("aws:ResourceTag/", "s3vectors:VectorBucketTag/")
_OF_CREATING: Final = ("aws:RequestTag/", "aws:TagKeys", "s3vectors:kmsKeyArn", "s3vectors:sseType")
_OF_SOME: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "CreateIndex": _OF_CREATING,
        "CreateVectorBucket": _OF_CREATING,
        "TagResource": ("aws:RequestTag/", "aws:TagKeys"),
        "UntagResource": ("aws:TagKeys",),
    }
)


def condition_keys(action: str) -> tuple[str, ...]:
    """What AWS's table has for an action; one that ends in "/" goes on with a tag's key."""
    return (*_OF_ALL, *_OF_SOME.get(action, ())) if ON[action] else ()


def expanded(pattern: str) -> tuple[str, ...]:
    """The actions of S3 Vectors that a pattern stands for, without their prefix."""
    return tuple(sorted(name for name in ON if matches_action(pattern, PREFIX + name)))
