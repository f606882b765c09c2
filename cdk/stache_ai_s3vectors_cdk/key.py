"""Customer keys: one that is made for a bucket, and those that are given."""

from __future__ import annotations

import json
from typing import Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

INDEXING: Final = "indexing.s3vectors.amazonaws.com"
"""Writes the indexes in the background; without the key's consent CreateIndex is refused
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html)."""


def created_key(scope: Construct, bucket_arn: str, removal_policy: RemovalPolicy) -> kms.Key:
    """A key that rotates, and goes or stays with the data."""
    key = kms.Key(
        scope,
        "Key",
        description="Encrypts Stache's vectors",
        enable_key_rotation=True,
        removal_policy=removal_policy,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AllowIndexing",
            principals=[iam.ServicePrincipal(INDEXING)],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],  # in a key's policy: this key
            conditions={
                "StringEquals": {"aws:SourceAccount": Stack.of(scope).account},
                "ArnLike": {"aws:SourceArn": [bucket_arn, f"{bucket_arn}/*"]},
            },
        )
    )
    return key


def check_key(scope: Construct, prop: str, key: kms.IKey | None) -> None:
    """Refuse an alias: the service takes a key's own ARN only.

    Raises:
        TypeError: it is the ARN itself.
        ValueError: it is an alias.
    """
    if isinstance(key, str):
        raise TypeError(f"{prop} is {key!r}; give a key: kms.Key.from_key_arn(scope, id, {key!r})")
    arn = "" if key is None else json.dumps(Stack.of(scope).resolve(key.key_arn))
    if ":alias/" in arn:
        raise ValueError(
            f"{prop} is an alias, {arn}; S3 Vectors takes the ARN of a key: "
            "kms.Key.from_key_arn(...), or kms.Key.from_lookup(..., alias_name=...)"
        )
