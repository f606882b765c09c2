"""Customer keys: create one for a bucket, and check a given one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stache_ai_s3vectors.service.arns import KEY_ARN

INDEXING: Final = "indexing.s3vectors.amazonaws.com"
"""The service that builds indexes in the background. CreateIndex fails if it may not use the key
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html)."""


def create_key(
    scope: Construct,
    bucket_arn: str,
    removal_policy: RemovalPolicy,
    statements: Iterable[Mapping[str, Any]],
) -> kms.Key:
    """Create a key that rotates.

    Args:
        scope: the construct's scope.
        bucket_arn: the bucket whose indexes S3 Vectors may encrypt with it.
        removal_policy: what happens to the key when the stack is deleted.
        statements: additional statements of the key policy.
    """
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
            resources=["*"],  # in a key policy: this key
            conditions={
                "StringEquals": {"aws:SourceAccount": Stack.of(scope).account},
                "ArnLike": {"aws:SourceArn": [bucket_arn, f"{bucket_arn}/*"]},
            },
        )
    )
    for statement in statements:
        key.add_to_resource_policy(iam.PolicyStatement.from_json(statement))
    return key


def check_key(
    scope: Construct, prop: str, key: kms.IKey | None, *, region: str | None = None
) -> None:
    """Refuse a value that is not one key in the bucket's region.

    Args:
        scope: the store.
        prop: the name of the argument.
        key: the key, or none.
        region: the bucket's; by default the stack's.

    Raises:
        TypeError: it is an ARN as a string.
        ValueError: it is an alias, a pattern for several keys, or a key of another region.
    """
    if isinstance(key, str):
        raise TypeError(f"{prop} is {key!r}; give a key: kms.Key.from_key_arn(scope, id, {key!r})")
    if key is None:
        return
    stack = Stack.of(scope)
    resolved = stack.resolve(key.key_arn)
    arn = json.dumps(resolved)
    if ":alias/" in arn:
        raise ValueError(
            f"{prop} is an alias, {arn}; S3 Vectors accepts only the ARN of a key: "
            "kms.Key.from_key_arn(...), or kms.Key.from_lookup(..., alias_name=...)"
        )
    if isinstance(resolved, str) and not KEY_ARN.fullmatch(resolved):
        raise ValueError(
            f"{prop} is {arn}; it must be the ARN of one key, arn:aws:kms:REGION:ACCOUNT:key/ID, "
            "without wildcards"
        )
    regions = (key.env.region, region or stack.region)
    if not any(map(Token.is_unresolved, regions)) and len({*regions}) > 1:
        raise ValueError(
            f"{prop} is a key in {regions[0]}, and the bucket is in {regions[1]}; S3 Vectors "
            "accepts only keys in the bucket's region: use one of that region"
        )
