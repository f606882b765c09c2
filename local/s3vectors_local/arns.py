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


_PRINCIPAL: Final = re.compile(
    r"arn:[a-z-]+:(?:iam::(\d{12}):(root|(?:user|role)/[\w+=,.@/-]+)"
    r"|sts::(\d{12}):(assumed-role/[\w+=,.@-]+/[\w+=,.@-]+))"
)
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?")
_SESSION: Final = "s3vectors-local"


@dataclass(frozen=True)
class Caller:
    """Whose request it is: vector buckets belong to one account in one region.

    Args:
        account: twelve digits; of a service, the account for which it works.
        region: where the request arrives.
        identity: who in the account: `root`, `user/NAME`, `role/NAME` or
            `assumed-role/ROLE/SESSION`; or the name of a service, such as
            `lambda.amazonaws.com`.
    """

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    identity: str = f"user/{_SESSION}"

    @classmethod
    def named(cls, principal: str, region: str = DEFAULT_REGION) -> Caller:
        """The caller that a principal's name stands for.

        Args:
            principal: an account's id, the ARN of a root user, user, role or role session, or
                the name of a service.
            region: where its requests arrive.

        Raises:
            ValueError: it is none of them.
        """
        if re.fullmatch(r"\d{12}", principal):
            return cls(principal, region)
        if is_service(principal):
            return cls(DEFAULT_ACCOUNT, region, principal)
        found = _PRINCIPAL.fullmatch(principal)
        if found is None:
            raise ValueError(
                f'"{principal}" is not a principal. Give an account id of 12 digits, the ARN of a '
                "user, role or role session, or a service such as lambda.amazonaws.com"
            )
        account, identity, session_account, session = found.groups()
        return cls(account or session_account, region, identity or session)

    @property
    def is_service(self) -> bool:
        """Whether a service of AWS calls, which has no identity policies."""
        return is_service(self.identity)

    @property
    def principal(self) -> str:
        """The ARN by which a denial calls the caller; a service's name."""
        if self.is_service:
            return self.identity
        if self.identity.startswith("role/"):
            return self._arn("sts", f"assumed-role/{self.identity.split('/')[-1]}/{_SESSION}")
        service = "sts" if self.identity.startswith("assumed-role/") else "iam"
        return self._arn(service, self.identity)

    @property
    def who(self) -> tuple[str, str]:
        """The account, and who in it has the policies: of a session, its role, without a path."""
        kind, _, name = self.identity.partition("/")
        if kind == "role":
            return self.account, f"role/{name.split('/')[-1]}"
        if kind == "assumed-role":
            return self.account, f"role/{name.split('/')[0]}"
        return self.account, self.identity

    @property
    def role(self) -> str | None:
        """The ARN of the role whose session calls; None when it is not a role's.

        A session does not say which path its role has.
        """
        kind, _, name = self.identity.partition("/")
        if kind == "role":
            return self._arn("iam", self.identity)
        return self._arn("iam", f"role/{name.split('/')[0]}") if kind == "assumed-role" else None

    def _arn(self, service: str, identity: str) -> str:
        return f"arn:{_partition(self.region)}:{service}::{self.account}:{identity}"

    def bucket_arn(self, name: str) -> str:
        """The ARN of this caller's vector bucket of that name."""
        return f"arn:{_partition(self.region)}:s3vectors:{self.region}:{self.account}:bucket/{name}"

    def check_account(self, operation: str, request: Mapping[str, Any]) -> None:
        """Refuse an ARN of another account.

        Raises:
            AccessDeniedException: it is another account's.
        """
        for arn in _named(request):
            if account_of(arn) not in (None, self.account):
                action = f"s3vectors:{operation}"
                raise AccessDeniedException(
                    f"User: {self.principal} is not authorized to perform: {action} on "
                    f"resource: {arn} because no resource-based policy allows the {action} action "
                    "(s3vectors-local enforces bucket policies only when it has identity policies)"
                )

    def check_region(self, request: Mapping[str, Any]) -> None:
        """Refuse an ARN of another region.

        Raises:
            NotFoundException: it is another region's; an endpoint knows its own.
        """
        for arn in _named(request):
            parts = arn.split(":")
            if len(parts) > _ARN_COLONS and parts[3] != self.region:
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


def is_service(principal: str) -> bool:
    """Whether a principal's name is that of a service of AWS."""
    return _SERVICE.fullmatch(principal) is not None


def account_of(arn: str) -> str | None:
    """The account in an ARN; None when it is not a whole ARN."""
    parts = arn.split(":")
    return parts[4] if len(parts) > _ARN_COLONS else None


def _named(request: Mapping[str, Any]) -> list[str]:
    """The ARNs by which a request names its resource."""
    members = ("vectorBucketArn", "indexArn", "resourceArn")
    return [request[member] for member in members if request.get(member) is not None]


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
