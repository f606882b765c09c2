"""IAM's wildcards: `*` stands for any text, `?` for one character. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from string import ascii_lowercase, digits
from typing import Final, TypeAlias

_Form: TypeAlias = Sequence[tuple[str, str]]
"""Texts of one form: which characters a place takes, and "+" or "*" if it takes several."""

_ARN_COLONS: Final = 5
_WILD: Final = re.compile(r"[*?]")
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")


def _text(text: str) -> _Form:
    return [(character, "") for character in text]


_NAME: Final = ascii_lowercase + digits
_BUCKET: Final[_Form] = [
    *_text("arn:aws"),
    (_NAME + "-", "*"),
    *_text(":s3vectors:"),
    (_NAME + "-", "+"),
    *_text(":"),
    *[(digits, "")] * 12,
    *_text(":bucket/"),
    *[(_NAME, ""), (_NAME + "-", "+"), (_NAME, "")],
]
_INDEX: Final[_Form] = [
    *_BUCKET,
    *_text("/index/"),
    *[(_NAME, ""), (_NAME + "-.", "+"), (_NAME, "")],
]
_FORMS: Final = {"bucket": _BUCKET, "index": _INDEX}


def wild(pattern: str) -> bool:
    """Whether there is a wildcard in it; one in a policy variable's place is none."""
    return _WILD.search(_VARIABLE.sub("", pattern)) is not None


def variable(pattern: str) -> str | None:
    """The first policy variable in it, such as "${aws:PrincipalTag/team}"."""
    found = _VARIABLE.search(pattern)
    return found[0] if found else None


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern stands for a text; upper and lower case differ."""
    return _meet(pattern, _text(text))


def matches_action(pattern: str, action: str) -> bool:
    """The same for actions, where upper and lower case do not differ."""
    return matches(pattern.lower(), action.lower())


def covers(pattern: str, arn: str) -> bool:
    """Whether a resource stands for an ARN, or, with a policy variable in it, can."""
    return any(_meet(whole, _text(arn)) for whole in _whole(pattern))


def kinds(pattern: str) -> frozenset[str]:
    """What of S3 Vectors a resource can stand for: "bucket", "index", both or nothing."""
    return frozenset(
        kind
        for kind, form in _FORMS.items()
        if any(_meet(whole, form) for whole in _whole(pattern))
    )


def _whole(pattern: str) -> Iterator[str]:
    """IAM completes an ARN that has fewer than six parts with wildcards."""
    pattern = _VARIABLE.sub("*", pattern)
    yield pattern
    if pattern.startswith("arn:") and pattern.count(":") < _ARN_COLONS:
        yield pattern + ":*" * (_ARN_COLONS - pattern.count(":"))


def _meet(pattern: str, form: _Form) -> bool:
    """Whether a pattern stands for some text of a form.

    Walks all ways through both at once, so that no pattern takes long.
    """
    todo, seen = [(0, 0)], {(0, 0)}
    while todo:
        i, j = todo.pop()
        if i == len(pattern) and j == len(form):
            return True
        for state in _next(pattern, form, i, j):
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return False


def _next(pattern: str, form: _Form, i: int, j: int) -> Iterator[tuple[int, int]]:
    wanted = pattern[i : i + 1]
    taken, several = form[j] if j < len(form) else ("", "")
    if wanted == "*":
        yield i + 1, j
    if several == "*":
        yield i, j + 1
    if taken and wanted and (wanted in "*?" or wanted in taken):
        after = i if wanted == "*" else i + 1
        yield after, j + 1
        if several:
            yield after, j
