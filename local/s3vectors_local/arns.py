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

BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

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
"""Region prefix to partition, from botocore's list; any other region is in "aws"."""


_PRINCIPAL: Final = re.compile(
    r"arn:[a-z-]+:(?:iam::(\d{12}):(root|(?:user|role)/[\w+=,.@/-]+)"
    r"|sts::(\d{12}):(assumed-role/[\w+=,.@-]+/[\w+=,.@-]+))"
)
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?")
_SESSION: Final = "s3vectors-local"


@dataclass(frozen=True)
class Caller:
    """The sender of a request. A vector bucket belongs to one account in one region.

    Args:
        account: 12 digits. For a service, the account that it works for.
        region: the region of the endpoint.
        identity: the identity in the account: `root`, `user/NAME`, `role/NAME` or
            `assumed-role/ROLE/SESSION`; or the name of a service like `lambda.amazonaws.com`.
    """

    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    identity: str = f"user/{_SESSION}"

    @classmethod
    def from_principal(cls, principal: str) -> Caller:
        """Create a caller from the name of a principal.

        Args:
            principal: an account id, the ARN of a root user, user, role or role session, or
                the name of a service.

        Raises:
            ValueError: it is not a principal.
        """
        if re.fullmatch(r"\d{12}", principal):
            return cls(principal)
        if is_service(principal):
            return cls(identity=principal)
        match = _PRINCIPAL.fullmatch(principal)
        if match is None:
            raise ValueError(
                f'"{principal}" is not a principal. Give an account id of 12 digits, the ARN of a '
                "user, role or role session, or a service like lambda.amazonaws.com"
            )
        account, identity, session_account, session = match.groups()
        return cls(account or session_account, identity=identity or session)

    @property
    def is_service(self) -> bool:
        """Whether the caller is an AWS service, which has no identity policies."""
        return is_service(self.identity)

    @property
    def principal(self) -> str:
        """The ARN in the error of a denied request; for a service, its name."""
        if self.is_service:
            return self.identity
        if self.identity.startswith("role/"):
            return self._format_arn(
                "sts", f"assumed-role/{self.identity.split('/')[-1]}/{_SESSION}"
            )
        service = "sts" if self.identity.startswith("assumed-role/") else "iam"
        return self._format_arn(service, self.identity)

    @property
    def policy_holder(self) -> tuple[str, str]:
        """The account and identity that has the policies: for a session, the role without path."""
        kind, _, name = self.identity.partition("/")
        if kind == "role":
            return self.account, f"role/{name.split('/')[-1]}"
        if kind == "assumed-role":
            return self.account, f"role/{name.split('/')[0]}"
        return self.account, self.identity

    @property
    def role(self) -> str | None:
        """The ARN of the role of a session; None for other callers.

        The ARN of a session does not have the path of its role.
        """
        kind, _, name = self.identity.partition("/")
        if kind == "role":
            return self._format_arn("iam", self.identity)
        return (
            self._format_arn("iam", f"role/{name.split('/')[0]}")
            if kind == "assumed-role"
            else None
        )

    def _format_arn(self, service: str, identity: str) -> str:
        return f"arn:{_find_partition(self.region)}:{service}::{self.account}:{identity}"

    def format_bucket_arn(self, name: str) -> str:
        """Return the ARN of a vector bucket in the account and region of the caller."""
        partition = _find_partition(self.region)
        return f"arn:{partition}:s3vectors:{self.region}:{self.account}:bucket/{name}"

    def check_account(self, operation: str, request: Mapping[str, Any]) -> None:
        """Refuse an ARN of another account.

        Raises:
            AccessDeniedException: the ARN has another account.
        """
        for arn in _list_arns(request):
            if parse_account(arn) not in (None, self.account):
                action = f"s3vectors:{operation}"
                raise AccessDeniedException(
                    f"User: {self.principal} is not authorized to perform: {action} on "
                    f"resource: {arn} because no resource-based policy allows the {action} action "
                    "(s3vectors-local enforces bucket policies only with identity policies)"
                )

    def check_region(self, request: Mapping[str, Any]) -> None:
        """Refuse an ARN of another region.

        Raises:
            NotFoundException: the ARN has another region; an endpoint only has its own.
        """
        for arn in _list_arns(request):
            parts = arn.split(":")
            if len(parts) > _ARN_COLONS and parts[3] != self.region:
                kind = "index" if "/index/" in arn else "vector bucket"
                raise NotFoundException(f"The specified {kind} could not be found")

    def resolve_bucket_arn(self, request: Mapping[str, Any]) -> str:
        """Return the ARN of the vector bucket that a request names.

        Raises:
            ValidationException: it has both a name and an ARN, or neither.
        """
        name, arn = request.get("vectorBucketName"), request.get("vectorBucketArn")
        if name is None and arn is not None:
            return str(arn)
        if name is not None and arn is None:
            return self.format_bucket_arn(name)
        raise ValidationException(
            "Must specify either vectorBucketName or vectorBucketArn but not both"
        )

    def resolve_index_arn(self, request: Mapping[str, Any]) -> str:
        """Return the ARN of the index that a request names.

        Raises:
            ValidationException: it has both names and an ARN, or neither.
        """
        bucket, name = request.get("vectorBucketName"), request.get("indexName")
        arn = request.get("indexArn")
        if arn is not None and bucket is None and name is None:
            return str(arn)
        if arn is None and bucket is not None and name is not None:
            return f"{self.format_bucket_arn(bucket)}/index/{name}"
        raise ValidationException(
            "Must specify either indexArn or both vectorBucketName and indexName"
        )


def is_service(principal: str) -> bool:
    """Whether a principal is an AWS service."""
    return _SERVICE.fullmatch(principal) is not None


def parse_account(arn: str) -> str | None:
    """Return the account in an ARN; None if the ARN is incomplete."""
    parts = arn.split(":")
    return parts[4] if len(parts) > _ARN_COLONS else None


def _list_arns(request: Mapping[str, Any]) -> list[str]:
    """Return the ARNs in a request."""
    members = ("vectorBucketArn", "indexArn", "resourceArn")
    return [request[member] for member in members if request.get(member) is not None]


def _find_partition(region: str) -> str:
    return next((p for start, p in _PARTITIONS.items() if region.startswith(start)), "aws")


def check_bucket_name(name: str) -> None:
    """Refuse a name that a vector bucket cannot have."""
    if not BUCKET_NAME.fullmatch(name):
        message = "Invalid vector bucket name"
        raise ValidationException(message, ("vectorBucketName", message))


def check_index_name(name: str) -> None:
    """Refuse a name that an index cannot have."""
    if not INDEX_NAME.fullmatch(name):
        message = "Invalid index name"
        raise ValidationException(message, ("indexName", message))
