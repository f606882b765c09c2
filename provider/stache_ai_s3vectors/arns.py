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


def partition_of(region: str) -> str:
    """The partition of AWS that a region is in."""
    return next((p for start, p in _PARTITIONS.items() if region.startswith(start)), "aws")
