"""Names and ARNs of vector buckets. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
BUCKET_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[-a-z0-9]*):s3vectors:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    rf":bucket/(?P<name>{BUCKET_NAME.pattern})"
)

INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
INDEX_ARN: Final = re.compile(
    rf"(?P<bucket>{BUCKET_ARN.pattern})/index/(?P<index>{INDEX_NAME.pattern})"
)

KEY_ARN: Final = re.compile(
    r"arn:aws[-a-z0-9]*:kms:(?P<region>[a-z0-9-]+):\d{12}:key/(?P<key>[A-Za-z0-9-]+)"
)
"""One KMS key, not a pattern for several: a UUID, or `mrk-` and 32 digits."""

PRINCIPAL_ARN: Final = re.compile(
    r"arn:aws[-a-z0-9]*:iam::\d{12}:(root|(role|user)/[\w+=,.@/-]+)", re.ASCII
)
"""A role, a user or a whole account, as a bucket policy names them."""

_PARTITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cn-": "aws-cn",
        "us-gov-": "aws-us-gov",
        "us-iso-": "aws-iso",
        "us-isob-": "aws-iso-b",
        "eu-isoe-": "aws-iso-e",
        "us-isof-": "aws-iso-f",
        "eusc-": "aws-eusc",
    }
)
"""Beginnings of region names, as in botocore's list of partitions; else it is "aws"."""

DNS_SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws": "amazonaws.com",
        "aws-cn": "amazonaws.com.cn",
        "aws-iso": "c2s.ic.gov",
        "aws-iso-b": "sc2s.sgov.gov",
        "aws-iso-e": "cloud.adc-e.uk",
        "aws-iso-f": "csp.hci.ic.gov",
        "aws-eusc": "amazonaws.eu",
    }
)
"""The ends of host names by partition, as in botocore's list of partitions."""


def get_dns_suffix(partition: str) -> str:
    """Get the end of host names in a partition, which CloudFormation calls `AWS::URLSuffix`."""
    return DNS_SUFFIXES.get(partition, DNS_SUFFIXES["aws"])


def get_partition(region: str) -> str:
    """Get the AWS partition of a region."""
    return next((p for start, p in _PARTITIONS.items() if region.startswith(start)), "aws")


def format_via_service(partition: str, region: str) -> str:
    """Format the name of S3 Vectors in a region, as `kms:ViaService` has it.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    return f"s3vectors.{region}.{get_dns_suffix(partition)}"
