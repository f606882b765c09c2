"""IAM's wildcards: `*` stands for any text, `?` for one character."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_ARN_PARTS: Final = 6


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern stands for a text; upper and lower case differ.

    In time that grows with their lengths: patterns and texts come from whoever calls.
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
    # The leftmost place of each part leaves the most room for those behind it
    for part in middle:
        found = _find(part, text[:end], position)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _find(part: str, text: str, start: int) -> int:
    """The first place of a part, whose `?` stand for any character, in a text; -1 for none."""
    if "?" not in part:
        return text.find(part, start)
    found = _any_characters(part).search(text, start)
    return found.start() if found else -1


@lru_cache(maxsize=256)
def _any_characters(part: str) -> re.Pattern[str]:
    return re.compile("".join("." if c == "?" else re.escape(c) for c in part), re.DOTALL)


def matches_action(pattern: str, action: str) -> bool:
    """The same for actions, where upper and lower case do not differ."""
    return matches(pattern.lower(), action.lower())


def matches_arn(pattern: str, arn: str) -> bool:
    """The same for ARNs, part by part.

    AWS's `*` at the end of a part may reach over the colon, too; of a whole ARN, which has all
    five, none would be left for the rest of it
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).
    """
    if pattern == "*":
        return True
    wanted, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(parts) == len(wanted) and all(map(matches, wanted, parts))


def whole_arn(pattern: str) -> bool:
    """Whether a pattern has all six parts of an ARN, or is "*"."""
    return pattern == "*" or len(pattern.split(":", _ARN_PARTS - 1)) == _ARN_PARTS
