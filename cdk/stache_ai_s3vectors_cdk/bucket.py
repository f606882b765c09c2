"""The store's vector bucket and its name, checked at synth time."""

from __future__ import annotations

import json
import re
from typing import Final

from aws_cdk import RemovalPolicy, Stack, Stage, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3vectors as s3vectors
from constructs import Construct

from stache_ai_s3vectors.service.arns import BUCKET_NAME

_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_LONGEST: Final = 63 - len("-vectors-123456789012")
"""Characters of a prefix, at most: the whole name has 63."""


def choose_name(scope: Construct, prefix: str, name: str | None, *, existing: bool) -> str:
    """The bucket's name: `name`, or PREFIX-vectors-ACCOUNT.

    Raises:
        ValueError: it cannot be one.
    """
    if name is None:
        if existing:
            raise ValueError(
                "existing_bucket is True and bucket_name is not given; name the existing bucket"
            )
        _check_prefix(prefix)
        return f"{prefix}-vectors-{Stack.of(scope).account}"
    if not Token.is_unresolved(name) and not BUCKET_NAME.fullmatch(name):
        raise ValueError(
            f"bucket_name is {name!r}; it must be 3 to 63 lower-case letters, digits and hyphens, "
            "and begin and end with a letter or digit"
        )
    return name


def _check_prefix(prefix: str) -> None:
    if Token.is_unresolved(prefix):
        return
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            f"prefix is {prefix!r}; it must be lower-case letters, digits and hyphens, and begin "
            "with a letter or digit"
        )
    if len(prefix) > _LONGEST:
        raise ValueError(
            f"prefix is {prefix!r}, {len(prefix)} characters; -vectors- and the account leave "
            f"{_LONGEST} of the bucket's 63: shorten it, or give a bucket_name"
        )


def check_unique(scope: Construct, name: str) -> None:
    """Refuse a bucket that another construct of the app also creates in the same place.

    Two stages without a known account may have different ones.

    Raises:
        ValueError: there is one.
    """
    place = _describe_place(scope, name)
    for other in scope.node.root.node.find_all():
        if not isinstance(other, s3vectors.CfnVectorBucket):
            continue
        if other.vector_bucket_name and _describe_place(other, other.vector_bucket_name) == place:
            raise ValueError(
                f"the vector bucket of {scope.node.path} has the same name as that of "
                f"{other.node.path}, {json.dumps(Stack.of(scope).resolve(name))}. Give one of the "
                "stores another prefix or bucket_name"
            )


def _describe_place(scope: Construct, name: str) -> tuple[str, ...]:
    """The bucket's name, and what is known of its account and region."""
    stack = Stack.of(scope)
    where = [json.dumps(stack.resolve(each)) for each in (name, stack.account, stack.region)]
    unknown = any(map(Token.is_unresolved, (stack.account, stack.region)))
    stage = Stage.of(scope) if unknown else None
    return (*where, stage.node.path if stage else "")


def create_bucket(
    scope: Construct, name: str, key: kms.IKey | None, removal_policy: RemovalPolicy
) -> s3vectors.CfnVectorBucket:
    """A vector bucket, encrypted with the key, or with keys of S3's own."""
    bucket = s3vectors.CfnVectorBucket(
        scope,
        "Bucket",
        vector_bucket_name=name,
        encryption_configuration=s3vectors.CfnVectorBucket.EncryptionConfigurationProperty(
            sse_type="aws:kms" if key else "AES256", kms_key_arn=key.key_arn if key else None
        ),
    )
    bucket.apply_removal_policy(removal_policy)
    return bucket
