"""IAM's wildcards: `*` stands for any text, `?` for one character."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_ARN_PARTS: Final = 6


@cache
def _wildcard(pattern: str) -> re.Pattern[str]:
    special = {"*": ".*", "?": "."}
    return re.compile("".join(special.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern stands for a text; upper and lower case differ."""
    return _wildcard(pattern).fullmatch(text) is not None


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
