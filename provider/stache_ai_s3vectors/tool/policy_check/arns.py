"""ARNs in a policy: what they cover, and why one is not an ARN of S3 Vectors. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import Final

from s3vectors_local.iam.patterns import matches_arn
from stache_ai_s3vectors.service.arns import BUCKET_NAME, INDEX_NAME, get_partition

SERVICE: Final = "s3vectors"
BUCKET: Final = "bucket"
INDEX: Final = "index"

_COLONS: Final = 5
_FORMS: Final = {
    "partition": re.compile(r"aws[-a-z0-9]*"),
    "service": re.compile(SERVICE),
    "region": re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+"),
    "account": re.compile(r"\d{12}"),
}
_PATH: Final = re.compile(f"bucket/{BUCKET_NAME.pattern}(/index/{INDEX_NAME.pattern})?")
_EXAMPLE: Final = "bucket/xxx/index/xxx"
_EXPECTED: Final = "bucket/NAME or bucket/NAME/index/NAME, each NAME of 3 to 63 a-z, 0-9, - and ."
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard outside of policy variables."""
    return re.search(r"[*?]", _VARIABLE.sub("", pattern)) is not None


def find_variable(pattern: str) -> str | None:
    """The first policy variable in a pattern, for example "${aws:PrincipalTag/team}"."""
    variable = _VARIABLE.search(pattern)
    return variable[0] if variable else None


def replace_variables(pattern: str) -> str:
    """A pattern with a "*" for each policy variable."""
    return _VARIABLE.sub("*", pattern)


def complete_arn(resource: str) -> str:
    """The same with a "*" for each part that an ARN lacks, as IAM completes it."""
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
    path = complete_arn(resource).split(":", _COLONS)[-1]
    if get_service(resource) != SERVICE:
        return frozenset()
    if not is_wild(path):
        match = _PATH.fullmatch(path)
        return frozenset([INDEX if match[1] else BUCKET] if match else [])
    # What precedes the first wildcard must be the beginning of a path
    start = re.split(r"[*?]", path, maxsplit=1)[0]
    ends = (_EXAMPLE[at:] for at in range(len(_EXAMPLE) + 1))
    if not any(_PATH.fullmatch(start + end) for end in ends):
        return frozenset()
    return frozenset([INDEX] if path.count("/") > 1 else [BUCKET, INDEX])


def explain_arn(resource: str) -> str | None:
    """Why a resource matches nothing of S3 Vectors; None if it may match something."""
    pattern = complete_arn(resource)
    if pattern == "*":
        return None
    _, *head, path = pattern.split(":", _COLONS)
    for (name, form), part in zip(_FORMS.items(), head, strict=True):
        if not (form.fullmatch(part) or is_wild(part)):
            return f'its {name} is "{part}"'
    partition, _, region, _ = head
    right = get_partition(region)
    if partition != right and not is_wild(partition + region):
        return f'its partition is "{partition}", that of {region} is "{right}"'
    if find_kinds(resource):
        return None
    return f'it ends in "{path}", expected {_EXPECTED}'
