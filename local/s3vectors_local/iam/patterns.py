"""IAM's wildcards: `*` matches any text, `?` matches one character."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_ARN_PARTS: Final = 6


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches a text, case-sensitively.

    Without backtracking, because patterns and texts come from outside.
    """
    first, *others = pattern.split("*")
    if not others:
        return len(first) == len(text) and _find(first, text, 0) == 0
    *middle, last = others
    end = len(text) - len(last)
    if (
        end < len(first)
        or _find(first, text[: len(first)], 0) != 0
        or _find(last, text, end) != end
    ):
        return False
    position = len(first)
    # The leftmost match of each part leaves the most text for the next parts
    for part in middle:
        start = _find(part, text[:end], position)
        if start < 0:
            return False
        position = start + len(part)
    return True


def _find(part: str, text: str, start: int) -> int:
    """Return the first position where a part, which may have `?`, matches; -1 if none."""
    if "?" not in part:
        return text.find(part, start)
    match = _compile_part(part).search(text, start)
    return match.start() if match else -1


@lru_cache(maxsize=256)
def _compile_part(part: str) -> re.Pattern[str]:
    return re.compile("".join("." if c == "?" else re.escape(c) for c in part), re.DOTALL)


def matches_action(pattern: str, action: str) -> bool:
    """Whether a pattern matches an action, case-insensitively."""
    return matches(pattern.lower(), action.lower())


def matches_arn(pattern: str, arn: str) -> bool:
    """Whether a pattern matches an ARN, part by part.

    On AWS, a `*` at the end of a part may also match a colon. A complete ARN has all five colons,
    so none would be left for its other parts. Parts that a pattern lacks match anything
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).
    """
    if not is_complete_arn(pattern):
        return matches(pattern, arn) or matches(f"{pattern}:*", arn)
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return pattern == "*" or (len(parts) == len(patterns) and all(map(matches, patterns, parts)))


def is_complete_arn(pattern: str) -> bool:
    """Whether a pattern has all six parts of an ARN, or is "*"."""
    return pattern == "*" or len(pattern.split(":", _ARN_PARTS - 1)) == _ARN_PARTS
