"""Checks a request against the shapes of the API model.

All broken constraints are reported in one error, with the wording of AWS's protocol libraries ("2
validation errors detected. Value at '/dimension' failed to satisfy constraint: …"). A wrong JSON
type is a SerializationException, as on AWS.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, TypeAlias

import numpy as np

from .errors import SerializationException, ValidationException
from .shapes import (
    TAG_PATTERN,
    Flag,
    Floats,
    Integer,
    Items,
    Pairs,
    Shape,
    Structure,
    Text,
)

Problems: TypeAlias = list[tuple[str, str]]


def check(shape: Structure, request: Any) -> None:
    """Refuse a request that does not match its shape.

    Raises:
        SerializationException: a member has the wrong JSON type.
        ValidationException: a length, range, pattern, enum or required member; `fields` has all.
    """
    problems: Problems = []
    _check(shape, request, "", problems)
    if problems:
        count = len(problems)
        noun = "error" if count == 1 else "errors"
        text = "; ".join(message for _, message in problems)
        raise ValidationException(f"{count} validation {noun} detected. {text}", *problems)


def _check(shape: Shape, value: Any, path: str, problems: Problems) -> None:
    match shape:
        case Structure():
            _check_structure(shape, value, path, problems)
        case Items():
            _check_items(shape, value, path, problems)
        case Pairs():
            _check_pairs(shape, value, path, problems)
        case Text():
            _check_text(shape, value, path, problems)
        case Integer():
            _check_integer(shape, value, path, problems)
        case Flag():
            _expect(bool, value, path)
        case Floats():
            if not isinstance(value, np.ndarray):  # from `parsing`
                _expect(list, value, path)


def _check_structure(shape: Structure, value: Any, path: str, problems: Problems) -> None:
    members = _expect(dict, value, path)
    for name in shape.required:
        if members.get(name) is None:
            _add_problem(problems, f"{path}/{name}", "Value", "Member must not be null")
    for name, member in shape.members.items():
        if members.get(name) is not None:
            _check(member, members[name], f"{path}/{name}", problems)


def _check_items(shape: Items, value: Any, path: str, problems: Problems) -> None:
    items = _expect(list, value, path)
    rule = _find_broken_bound("length", shape.minimum, shape.maximum, len(items))
    if rule:
        _add_problem(problems, path, f"Value with length {len(items)}", rule)
        return  # there may be a million items
    for position, item in enumerate(items):
        _check(shape.of, item, f"{path}/{position}", problems)


def _check_pairs(shape: Pairs, value: Any, path: str, problems: Problems) -> None:
    for name, text in _expect(dict, value, path).items():
        _check_text(shape.key, name, f"{path}/{name}", problems)
        _check_text(shape.value, text, f"{path}/{name}", problems)


def _check_text(shape: Text, value: Any, path: str, problems: Problems) -> None:
    text = _expect(str, value, path)
    rule = _find_broken_bound("length", shape.minimum, shape.maximum, len(text))
    if rule:
        _add_problem(problems, path, f"Value with length {len(text)}", rule)
    if shape.choices and text not in shape.choices:
        choices = ", ".join(shape.choices)
        _add_problem(problems, path, "Value", f"Member must satisfy enum value set: [{choices}]")
    if shape.pattern and not _match_pattern(shape.pattern, text):
        rule = f"Member must satisfy regular expression pattern: {shape.pattern}"
        _add_problem(problems, path, "Value", rule)


def _check_integer(shape: Integer, value: Any, path: str, problems: Problems) -> None:
    number = _expect(int, value, path)
    rule = _find_broken_bound("value", shape.minimum, shape.maximum, number)
    if rule:
        _add_problem(problems, path, "Value", rule)


def _expect(kind: type, value: Any, path: str) -> Any:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise SerializationException(
        f"{_describe_type(value)} at '{path or '/'}' is not expected there"
    )


def _describe_type(value: Any) -> str:
    for kind, name in ((bool, "a boolean"), (str, "a string"), (list, "an array")):
        if isinstance(value, kind):
            return name
    if value is None:
        return "null"
    return "an object" if isinstance(value, dict) else "a number"


def _find_broken_bound(
    measure: str, minimum: int | None, maximum: int | None, value: int
) -> str | None:
    if (minimum is None or value >= minimum) and (maximum is None or value <= maximum):
        return None
    have = "have length" if measure == "length" else "be"
    if maximum is None:
        return f"Member must {have} greater than or equal to {minimum}"
    return f"Member must {have} between {minimum} and {maximum}, inclusive"


def _match_pattern(pattern: str, text: str) -> bool:
    if pattern == TAG_PATTERN:  # `re` does not support \p{…}
        return all(unicodedata.category(c)[0] in "LZN" or c in "_.:/=+-@" for c in text)
    return re.fullmatch(pattern, text) is not None


def _add_problem(problems: Problems, path: str, subject: str, rule: str) -> None:
    problems.append((path, f"{subject} at '{path}' failed to satisfy constraint: {rule}"))
