"""What boto knows beside S3 Vectors: whose credentials these are, and which regions there are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import boto3
from botocore.config import Config

from .client import translate_errors

_STS: Final = ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")
"""Either says that STS is somewhere else, too."""


@dataclass(frozen=True)
class Credentials:
    """Where credentials come from, in boto's words, and their access key id."""

    method: str
    key_id: str


def find_credentials() -> Credentials | None:
    """What boto3 finds in the surroundings; None when that is nothing.

    Raises:
        S3VectorsError: a profile that does not exist, a role that cannot be assumed, a login
            that has ended, a program that fails.
    """
    with translate_errors("boto3 cannot get credentials"):
        source = boto3.session.Session().get_credentials()
        key = source.get_frozen_credentials().access_key if source else None
        return Credentials(source.method, key) if source and key else None


def has_sts(*, aws: bool) -> bool:
    """Whether somebody can be asked: beside another server than AWS there may be no STS."""
    return aws or any(name in os.environ for name in _STS)


def get_caller(region: str) -> tuple[str, str]:
    """The account and the ARN of whoever signs.

    Raises:
        AccessDeniedError: the credentials are no (longer) good.
        UnavailableError: STS does not answer.
    """
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    with translate_errors("GetCallerIdentity"):
        sts = boto3.session.Session().client("sts", region, config=config)
        identity = sts.get_caller_identity()
    return identity["Account"], identity["Arn"]


def list_regions(partition: str) -> list[str]:
    """Where S3 is in a partition; botocore does not know where S3 Vectors is."""
    return list(boto3.session.Session().get_available_regions("s3", partition_name=partition))
