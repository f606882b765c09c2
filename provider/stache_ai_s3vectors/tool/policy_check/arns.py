"""ARNs in a policy: what they cover, and why one is not an ARN of S3 Vectors. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import Final

from s3vectors_local.iam.patterns import matches_arn
from stache_ai_s3vectors.service.arns import BUCKET_ARN, INDEX_NAME, get_partition

SERVICE: Final = "s3vectors"
BUCKET: Final = "bucket"
INDEX: Final = "index"

_COLONS: Final = 5
_ARN: Final = re.compile(f"{BUCKET_ARN.pattern}(/index/{INDEX_NAME.pattern})?")
_EXAMPLE: Final = "arn:aws:s3vectors:us-east-1:123456789012:bucket/xxx/index/xxx"
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard outside of policy variables."""
    return re.search(r"[*?]", _VARIABLE.sub("", pattern)) is not None


def replace_variables(pattern: str) -> str:
    """A pattern with a "*" for each policy variable."""
    return _VARIABLE.sub("*", pattern)


def complete_arn(resource: str) -> str:
    """Complete an ARN as IAM does, with a "*" for each missing part and each policy variable."""
    pattern = replace_variables(resource)
    lacking = _COLONS - pattern.count(":") if pattern.startswith("arn:") else 0
    return pattern + ":*" * lacking


def can_cover(pattern: str, arn: str) -> bool:
    """Whether a resource matches an ARN, or can with a policy variable in it."""
    return matches_arn(replace_variables(pattern), arn)


def get_service(resource: str) -> str:
    """The service of an ARN; empty for other texts."""
    return f"{resource}::".split(":")[2] if resource.startswith("arn:") else ""


def is_like_service(service: str) -> bool:
    """Whether a service's name is that of S3 Vectors, or similar; s3tables is not."""
    return bool(get_close_matches(service.lower(), [SERVICE], cutoff=0.8))


@cache
def find_kinds(resource: str) -> frozenset[str]:
    """The kinds, "bucket" and "index", of ARNs that a resource may match; none for "*".

    None is left out that it matches.
    """
    pattern = complete_arn(resource)
    # What precedes the first wildcard must be the beginning of an ARN
    start, *rest = re.split(r"[*?]", pattern, maxsplit=1)
    ends = [_EXAMPLE[at:] for at in range(len(_EXAMPLE) + 1)] if rest else [""]
    if get_service(pattern) != SERVICE or not any(_ARN.fullmatch(start + end) for end in ends):
        return frozenset()
    _, partition, _, region, _, path = pattern.split(":", _COLONS)
    if partition != get_partition(region) and not is_wild(partition + region):
        return frozenset()
    index = [INDEX] if "/index/" in path or is_wild(path) else []
    return frozenset(index if path.count("/") > 1 else [BUCKET, *index])
