"""Credentials, the caller's identity, and regions, as boto3 finds them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import boto3
from botocore.config import Config

from .client import translate_errors

_STS: Final = ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")
"""The variables that set an endpoint of STS."""


@dataclass(frozen=True)
class Credentials:
    """The source of credentials, as boto3 names it, and their access key id."""

    method: str
    key_id: str


def find_credentials() -> Credentials | None:
    """Find boto3's credentials in the environment; None without any.

    Raises:
        S3VectorsError: a profile does not exist, a role cannot be assumed, a login has expired,
            a program fails.
    """
    with translate_errors("boto3 cannot get credentials"):
        source = boto3.session.Session().get_credentials()
        key = source.get_frozen_credentials().access_key if source else None
        return Credentials(source.method, key) if source and key else None


def has_sts(*, aws: bool) -> bool:
    """Whether there is an STS to call: a server other than AWS may not have one."""
    return aws or any(name in os.environ for name in _STS)


def get_caller(region: str) -> tuple[str, str]:
    """Get the account and the ARN of the credentials.

    Raises:
        AccessDeniedError: the credentials are not valid (any more).
        UnavailableError: STS does not respond.
    """
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    with translate_errors("GetCallerIdentity"):
        sts = boto3.session.Session().client("sts", region, config=config)
        identity = sts.get_caller_identity()
    return identity["Account"], identity["Arn"]


def list_regions(partition: str) -> list[str]:
    """List the regions of S3 in a partition; botocore does not list those of S3 Vectors."""
    return list(boto3.session.Session().get_available_regions("s3", partition_name=partition))
