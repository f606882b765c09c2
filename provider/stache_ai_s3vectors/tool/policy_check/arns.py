"""The ARNs in a policy: their kinds, and the ARNs that they cover. Pure.

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
    "region": re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+"),
    "account": re.compile(r"\d{12}"),
    "path": re.compile(f"bucket/{BUCKET_NAME.pattern}(/index/{INDEX_NAME.pattern})?"),
}
_PATHS: Final = {BUCKET: "bucket/+", INDEX: "bucket/+/index/+"}
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
"""The characters of names."""

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
    """The kinds, "bucket" and "index", of ARNs that a resource can match; none for "*"."""
    parts = complete_arn(resource).split(":", _COLONS)
    if len(parts) <= _COLONS:
        return frozenset()
    _, partition, service, region, account, path = parts
    texts = {"partition": partition, "region": region, "account": account, "path": path}
    sound = all(is_wild(text) or _FORMS[name].fullmatch(text) for name, text in texts.items())
    foreign = partition != get_partition(region) and not is_wild(partition + region)
    if service != SERVICE or not sound or foreign:
        return frozenset()
    return frozenset(kind for kind, form in _PATHS.items() if _can_have_form(path, form))


def _can_have_form(pattern: str, form: str) -> bool:
    """Whether a text that a pattern matches can have a form, in which each "+" is a name."""
    positions = {0}
    for character in pattern:
        if character == "*":
            positions = set(range(min(positions), len(form) + 1))
        else:
            matched = {at for at in positions if _can_be(character, form[at : at + 1])}
            positions = {at + 1 for at in matched} | {at for at in matched if form[at] == "+"}
        if not positions:
            return False
    return len(form) in positions


def _can_be(character: str, part: str) -> bool:
    return bool(part) and character in ("?", *(_LETTERS if part == "+" else part))
