"""Names and ARNs of vector buckets and indexes.

An S3 Vectors ARN is `arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/BUCKET` or
`…:bucket/BUCKET/index/INDEX`
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-access-management.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import AccessDeniedException, NotFoundException, ValidationException

DEFAULT_ACCOUNT: Final = "123456789012"
DEFAULT_REGION: Final = "us-east-1"

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_ARN_COLONS: Final = 5

_PARTITIONS: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
"""Beginnings of region names, as in botocore's list of partitions; else it is "aws"."""


@dataclass(frozen=True)
class Caller:
    """Whose request it is: vector buckets belong to one account in one region."""

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION

    @property
    def principal(self) -> str:
        """The ARN by which a denial calls the caller."""
        return f"arn:{_partition(self.region)}:iam::{self.account}:user/s3vectors-local"

    def bucket_arn(self, name: str) -> str:
        """The ARN of this caller's vector bucket of that name."""
        return f"arn:{_partition(self.region)}:s3vectors:{self.region}:{self.account}:bucket/{name}"

    def check_home(self, operation: str, request: Mapping[str, Any]) -> None:
        """Refuse an ARN of another account or region, as identity policies cannot allow it.

        Raises:
            AccessDeniedException: another account's.
            NotFoundException: another region's; an endpoint knows its own.
        """
        for member in ("vectorBucketArn", "indexArn", "resourceArn"):
            arn = request.get(member)
            if arn is None or arn.count(":") < _ARN_COLONS:
                continue
            region, account = arn.split(":")[3:5]
            if account != self.account:
                action = f"s3vectors:{operation}"
                raise AccessDeniedException(
                    f"User: {self.principal} is not authorized to perform: {action} on "
                    f"resource: {arn} because no resource-based policy allows the {action} action"
                )
            if region != self.region:
                kind = "index" if "/index/" in arn else "vector bucket"
                raise NotFoundException(f"The specified {kind} could not be found")

    def bucket_of(self, request: Mapping[str, Any]) -> str:
        """The ARN of the vector bucket that a request names, by name or by ARN.

        Raises:
            ValidationException: it names none, or in both ways.
        """
        name, arn = request.get("vectorBucketName"), request.get("vectorBucketArn")
        if name is None and arn is not None:
            return str(arn)
        if name is not None and arn is None:
            return self.bucket_arn(name)
        raise ValidationException(
            "Must specify either vectorBucketName or vectorBucketArn but not both"
        )

    def index_of(self, request: Mapping[str, Any]) -> str:
        """The ARN of the index that a request names, by both names or by ARN.

        Raises:
            ValidationException: it names none, or in both ways.
        """
        bucket, name = request.get("vectorBucketName"), request.get("indexName")
        arn = request.get("indexArn")
        if arn is not None and bucket is None and name is None:
            return str(arn)
        if arn is None and bucket is not None and name is not None:
            return f"{self.bucket_arn(bucket)}/index/{name}"
        raise ValidationException(
            "Must specify either indexArn or both vectorBucketName and indexName"
        )


def _partition(region: str) -> str:
    return next((p for start, p in _PARTITIONS.items() if region.startswith(start)), "aws")


def check_bucket_name(name: str) -> None:
    """Refuse a name that a vector bucket cannot have."""
    if not _BUCKET_NAME.fullmatch(name):
        message = "Invalid vector bucket name"
        raise ValidationException(message, ("vectorBucketName", message))


def check_index_name(name: str) -> None:
    """Refuse a name that an index cannot have."""
    if not _INDEX_NAME.fullmatch(name):
        message = "Invalid index name"
        raise ValidationException(message, ("indexName", message))
