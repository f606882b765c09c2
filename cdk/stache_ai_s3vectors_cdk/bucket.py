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
_PREFIX_LENGTH: Final = 63 - len("-vectors-123456789012")
"""The maximum length of a prefix: the whole name has 63 characters."""


def choose_name(scope: Construct, prefix: str, name: str | None, *, existing: bool) -> str:
    """Return the bucket's name: `name`, or PREFIX-vectors-ACCOUNT.

    Raises:
        ValueError: it is not a valid name.
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
    if len(prefix) > _PREFIX_LENGTH:
        raise ValueError(
            f"prefix is {prefix!r}, {len(prefix)} characters; it must have at most "
            f"{_PREFIX_LENGTH}, because the bucket's name ends with -vectors-ACCOUNT and "
            "has at most 63: shorten it, or give a bucket_name"
        )


def check_unique(scope: Construct, name: str) -> None:
    """Refuse a bucket if another construct of the app creates one of the same name.

    Only in the same account and region. Two stages without a known account may have different ones.

    Raises:
        ValueError: another construct creates it.
    """
    identity = _get_identity(scope, name)
    for other in scope.node.root.node.find_all():
        if not isinstance(other, s3vectors.CfnVectorBucket):
            continue
        if other.vector_bucket_name and _get_identity(other, other.vector_bucket_name) == identity:
            raise ValueError(
                f"the vector bucket of {scope.node.path} has the same name as that of "
                f"{other.node.path}, {json.dumps(Stack.of(scope).resolve(name))}. Give one of the "
                "stores another prefix or bucket_name"
            )


def _get_identity(scope: Construct, name: str) -> tuple[str, ...]:
    """Return the bucket's name, and what is known of its account and region."""
    stack = Stack.of(scope)
    parts = [json.dumps(stack.resolve(each)) for each in (name, stack.account, stack.region)]
    unknown = any(map(Token.is_unresolved, (stack.account, stack.region)))
    stage = Stage.of(scope) if unknown else None
    return (*parts, stage.node.path if stage else "")


def create_bucket(
    scope: Construct, name: str, key: kms.IKey | None, removal_policy: RemovalPolicy
) -> s3vectors.CfnVectorBucket:
    """Create a vector bucket that is encrypted with the key or, without one, with S3's own keys."""
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
