"""The members of all requests, with the constraints of the API model of the service.

`tests/local/test_shapes.py` compares them with botocore's copy of that model. Rules that are not in
the model (names, metadata, vectors, filters) are in `arns.py`, `validation.py` and `filters.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from s3vectors_local import limits


@dataclass(frozen=True)
class Text:
    """A string; its length is in characters."""

    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Integer:
    """An integer."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Flag:
    """A boolean."""


@dataclass(frozen=True)
class Floats:
    """A list of numbers of any length; `validation.parse_vector` checks it."""


@dataclass(frozen=True)
class Document:
    """Any JSON value; the operation checks it."""


@dataclass(frozen=True)
class Items:
    """A list."""

    of: Shape
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Pairs:
    """A map of strings to strings."""

    key: Text
    value: Text


@dataclass(frozen=True)
class Structure:
    """An object; unknown members are ignored, as on AWS."""

    members: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    required: tuple[str, ...] = ()


Shape: TypeAlias = Text | Integer | Flag | Floats | Document | Items | Pairs | Structure

_ARN = r"arn:aws[-a-z0-9]*:s3vectors:[a-z0-9-]+:[0-9]{12}:bucket/[a-z0-9][a-z0-9-.]{1,61}[a-z0-9]"
TAG_PATTERN = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"

BUCKET_NAME = Text(3, 63)
BUCKET_ARN = Text(pattern=_ARN)
INDEX_NAME = Text(3, 63)
INDEX_ARN = Text(pattern=_ARN + "/index/[a-z0-9][a-z0-9-.]{1,61}[a-z0-9]")
KEY = Text(1, 1024)
METADATA_KEY = Text(1, 63)
TAG_KEY = Text(1, 128, TAG_PATTERN)
TAGS = Pairs(TAG_KEY, Text(0, 256, TAG_PATTERN))
VECTOR = Structure({"float32": Floats()})
ENCRYPTION = Structure(
    {
        "sseType": Text(choices=("AES256", "aws:kms")),
        "kmsKeyArn": Text(1, 2048, r"(arn:aws[-a-z0-9]*:kms:[-a-z0-9]*:[0-9]{12}:key/.+)"),
    }
)

TEXT_SEARCH = Structure(
    {
        "metadataKey": METADATA_KEY,
        "language": Text(choices=("en", "fr", "es", "pt", "it", "de", "nl", "zh", "ja", "ko")),
        "status": Text(choices=("ACTIVE", "BUILDING")),
    },
    ("metadataKey",),
)
TEXT_SEARCHES = Items(TEXT_SEARCH, 0, 10)
QUERY_TEXT = Structure(
    {"text": Text(1, 1024), "metadataKey": METADATA_KEY}, ("text", "metadataKey")
)
INDEX_MODE = Text(choices=("CLASSIC", "ENHANCED"))
RESOURCE_ARN = Text(0, 1011)

_BUCKET = {"vectorBucketName": BUCKET_NAME, "vectorBucketArn": BUCKET_ARN}
_INDEX = {"vectorBucketName": BUCKET_NAME, "indexName": INDEX_NAME, "indexArn": INDEX_ARN}

INPUTS: Mapping[str, Structure] = {
    "CreateVectorBucket": Structure(
        {
            "vectorBucketName": BUCKET_NAME,
            "encryptionConfiguration": ENCRYPTION,
            "tags": TAGS,
        },
        ("vectorBucketName",),
    ),
    "GetVectorBucket": Structure(_BUCKET),
    "ListVectorBuckets": Structure(
        {"maxResults": Integer(1, 500), "nextToken": Text(1, 512), "prefix": Text(1, 63)}
    ),
    "DeleteVectorBucket": Structure(_BUCKET),
    "CreateIndex": Structure(
        {
            **_BUCKET,
            "indexName": INDEX_NAME,
            "dataType": Text(choices=("float32",)),
            "dimension": Integer(1, 4096),
            "distanceMetric": Text(choices=("euclidean", "cosine")),
            "metadataConfiguration": Structure(
                {
                    "nonFilterableMetadataKeys": Items(METADATA_KEY, 0, 10),
                    "textSearchConfigurations": TEXT_SEARCHES,
                }
            ),
            "encryptionConfiguration": ENCRYPTION,
            "tags": TAGS,
        },
        ("indexName", "dataType", "dimension", "distanceMetric"),
    ),
    "GetIndex": Structure(_INDEX),
    "ListIndexes": Structure(
        {
            **_BUCKET,
            "maxResults": Integer(1, 500),
            "nextToken": Text(1, 512),
            "prefix": Text(1, 63),
        }
    ),
    "DeleteIndex": Structure(_INDEX),
    "PutVectors": Structure(
        {
            **_INDEX,
            "vectors": Items(
                Structure({"key": KEY, "data": VECTOR, "metadata": Document()}, ("key", "data")),
                1,
                limits.PUT_VECTORS,
            ),
        },
        ("vectors",),
    ),
    "GetVectors": Structure(
        {
            **_INDEX,
            "keys": Items(KEY, 1, limits.GET_VECTORS),
            "returnData": Flag(),
            "returnMetadata": Flag(),
        },
        ("keys",),
    ),
    "ListVectors": Structure(
        {
            **_INDEX,
            "maxResults": Integer(1, 1000),
            "nextToken": Text(1, 2048),
            "segmentCount": Integer(1, 16),
            "segmentIndex": Integer(0, 15),
            "returnData": Flag(),
            "returnMetadata": Flag(),
        }
    ),
    "DeleteVectors": Structure({**_INDEX, "keys": Items(KEY, 1, limits.PUT_VECTORS)}, ("keys",)),
    "QueryVectors": Structure(
        {
            **_INDEX,
            "topK": Integer(1),
            "queryVector": VECTOR,
            "filter": Document(),
            "queryMode": INDEX_MODE,
            "returnMetadata": Flag(),
            "returnDistance": Flag(),
            "queryTexts": Items(QUERY_TEXT, 1, 10),
            "returnScores": Flag(),
            "nextToken": Text(1, 4096),
        },
        ("topK",),
    ),
    "PutVectorBucketPolicy": Structure({**_BUCKET, "policy": Text()}, ("policy",)),
    "GetVectorBucketPolicy": Structure(_BUCKET),
    "DeleteVectorBucketPolicy": Structure(_BUCKET),
    "PutVectorBucketDefaultIndexMode": Structure(
        {**_BUCKET, "defaultIndexMode": INDEX_MODE}, ("defaultIndexMode",)
    ),
    "UpdateIndexMode": Structure({**_INDEX, "indexMode": INDEX_MODE}, ("indexMode",)),
    "UpdateMetadataConfiguration": Structure(
        {
            **_INDEX,
            "add": Structure({"textSearchConfigurations": TEXT_SEARCHES}),
            "delete": Structure(
                {
                    "textSearchConfigurations": Items(
                        Structure({"metadataKey": METADATA_KEY}, ("metadataKey",)), 1, 10
                    )
                }
            ),
        }
    ),
    "TagResource": Structure({"resourceArn": RESOURCE_ARN, "tags": TAGS}, ("resourceArn", "tags")),
    "UntagResource": Structure(
        {"resourceArn": RESOURCE_ARN, "tagKeys": Items(TAG_KEY)}, ("resourceArn", "tagKeys")
    ),
    "ListTagsForResource": Structure({"resourceArn": RESOURCE_ARN}, ("resourceArn",)),
}
"""The shape of the request of each operation."""
