"""The IAM actions of each permission level, and their resources. Pure.

`terraform/iam.tf` and `sam/template.yaml` have copies, which tests compare with this list.

    read            for search, reads by id, lists, counts and export: it can read every vector
    read-write      for all that Stache does
    manage-indexes  for the operator's tool and S3VECTORS_CREATE_INDEX

Each level has the actions of the levels above it. QueryVectors with a filter, texts or
metadata, and ListVectors with data or metadata, also need GetVectors. ListIndexes and
GetVectorBucket are authorized on the bucket, all other actions on the index
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-access-management.html).

S3 Vectors uses a customer key with the caller's permissions: kms:Decrypt for each operation on
vectors, and kms:GenerateDataKey to create indexes. The condition `kms:ViaService` limits the grant
to that: the caller cannot decrypt other data of a shared key
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from .arns import BUCKET_ARN, format_via_service

VIA_SERVICE: Final = "kms:ViaService"

_READ: Final = ("GetIndex", "GetVectors", "ListVectors", "QueryVectors")
_WRITE: Final = ("DeleteVectors", "PutVectors")
_MANAGE: Final = ("CreateIndex", "UpdateIndexMode", "UpdateMetadataConfiguration")


@dataclass(frozen=True)
class Level:
    """Actions, without the prefix of their service, by the resource that authorizes them."""

    index: tuple[str, ...]
    bucket: tuple[str, ...]
    key: tuple[str, ...]


LEVELS: Final[Mapping[str, Level]] = MappingProxyType(
    {
        "read": Level(_READ, (), ("Decrypt",)),
        "read-write": Level((*_READ, *_WRITE), (), ("Decrypt",)),
        "manage-indexes": Level(
            (*_READ, *_WRITE, *_MANAGE),
            ("GetVectorBucket", "ListIndexes"),
            ("Decrypt", "GenerateDataKey"),
        ),
    }
)


def build_policy(
    level: str,
    bucket_arn: str,
    indexes: Sequence[str],
    keys: Sequence[str] = (),
    *,
    via_service: str | None = None,
) -> dict[str, Any]:
    """Build the least-privilege IAM policy of a level.

    Args:
        level: one of `LEVELS`.
        bucket_arn: `arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME`.
        indexes: the names of the indexes, and no others.
        keys: the ARNs of the customer keys that encrypt the bucket and the indexes.
        via_service: the name of S3 Vectors in `kms:ViaService`, for example
            `s3vectors.us-east-1.amazonaws.com`; by default it is derived from the bucket's ARN.
    """
    actions = LEVELS[level]
    statements = [
        _allow("s3vectors", actions.index, [f"{bucket_arn}/index/{name}" for name in indexes])
    ]
    if actions.bucket:
        statements.append(_allow("s3vectors", actions.bucket, [bucket_arn]))
    if keys:
        through = {"StringEquals": {VIA_SERVICE: via_service or _get_via_service(bucket_arn)}}
        statements.append({**_allow("kms", actions.key, keys), "Condition": through})
    return {"Version": "2012-10-17", "Statement": statements}


def build_bucket_policy(
    bucket_arn: str,
    indexes: Sequence[str],
    readers: Sequence[str] = (),
    writers: Sequence[str] = (),
) -> dict[str, Any]:
    """Build the policy of a vector bucket for other accounts, which need `build_policy` as well.

    Args:
        bucket_arn: `arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME`.
        indexes: the names of the indexes, and no others.
        readers: the ARNs of principals that get the level `read`.
        writers: the ARNs of principals that get the level `read-write`.
    """
    arns = [f"{bucket_arn}/index/{name}" for name in indexes]
    shared = {"Readers": (readers, LEVELS["read"]), "Writers": (writers, LEVELS["read-write"])}
    statements = [
        {"Sid": sid, "Principal": {"AWS": list(principals)}, **_allow("s3vectors", to.index, arns)}
        for sid, (principals, to) in shared.items()
        if principals
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def build_key_statement(principals: Sequence[str], via_service: str) -> dict[str, Any]:
    """Build the statement of a key's policy that lets other accounts read and write its vectors.

    Args:
        principals: their ARNs.
        via_service: the name of S3 Vectors in `kms:ViaService`, in the key's region.
    """
    return {
        "Sid": "AllowOtherAccounts",
        "Principal": {"AWS": list(principals)},
        **_allow("kms", LEVELS["read-write"].key, ["*"]),
        "Condition": {"StringEquals": {VIA_SERVICE: via_service}},
    }


def _get_via_service(bucket_arn: str) -> str:
    parsed = BUCKET_ARN.fullmatch(bucket_arn)
    if parsed is None:
        raise ValueError(f"{bucket_arn!r} is not the ARN of a vector bucket")
    return format_via_service(parsed["partition"], parsed["region"])


def _allow(service: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in sorted(actions)],
        "Resource": list(resources),
    }
