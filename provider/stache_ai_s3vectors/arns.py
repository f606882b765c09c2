"""Names and ARNs of vector buckets. Pure."""

from __future__ import annotations

import re
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
