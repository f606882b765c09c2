"""The metadata filter language: parse and check a filter, then match metadata.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html

    filter     = { KEY: operand } | { KEY: { OPERATOR: operand, … } }
               | { "$and": [filter, …] } | { "$or": [filter, …] }
    OPERATOR   = $eq $ne $gt $gte $lt $lte $in $nin $exists $startsWith

A filter object holds exactly one key; several operators under one key must all hold.
`parse` turns it into a tree that cannot fail any more; `columns` finds the rows that pass.

Where AWS's behaviour is not documented, the plainest reading is taken:
- a missing key satisfies `$ne` and `$nin` (they negate `$eq` and `$in`) and
  `$exists: false`, and no other operator;
- on an array, `$eq`, `$in` and `$startsWith` hold when they hold for any element, `$ne`
  and `$nin` negate that, and the ordering operators never hold.
`choices` has the other reading of `$ne` and `$nin`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from .errors import ValidationException
from .limits import FILTER_CONSTRAINTS, FILTER_DEPTH


@dataclass(frozen=True)
class Condition:
    """One operator on one metadata key."""

    key: str
    operator: str
    operand: Any


@dataclass(frozen=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = Condition | AllOf | AnyOf


def _primitive(operand: Any) -> bool:
    return isinstance(operand, (str, bool, int, float))


def _number(operand: Any) -> bool:
    return isinstance(operand, (int, float)) and not isinstance(operand, bool)


def _primitives(operand: Any) -> bool:
    return isinstance(operand, list) and bool(operand) and all(map(_primitive, operand))


_OPERANDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "$eq": _primitive,
    "$ne": _primitive,
    "$gt": _number,
    "$gte": _number,
    "$lt": _number,
    "$lte": _number,
    "$in": _primitives,
    "$nin": _primitives,
    "$exists": lambda operand: isinstance(operand, bool),
    "$startsWith": lambda operand: isinstance(operand, str),
}


def parse(document: Any, non_filterable: frozenset[str], *, enhanced: bool) -> Filter:
    """Check a filter and turn it into a tree.

    Args:
        document: the request's `filter`.
        non_filterable: the index's non-filterable metadata keys; none may be used.
        enhanced: whether the query runs in ENHANCED mode, which allows `$startsWith`
            and limits the values compared with to `limits.FILTER_CONSTRAINTS`.

    Raises:
        ValidationException: as AWS words it, "Invalid filter", whatever is wrong.
    """
    tree = _parse(document)
    conditions = list_conditions(tree)
    for condition in conditions:
        if condition.key in non_filterable:
            raise _invalid()
        if condition.operator == "$startsWith" and not enhanced:
            raise _invalid()
    if enhanced and sum(map(_constraints, conditions)) > FILTER_CONSTRAINTS:
        raise _invalid()
    return tree


def _invalid() -> ValidationException:
    return ValidationException("Invalid filter", ("filter", "Invalid filter"))


def _parse(document: Any, depth: int = 0) -> Filter:
    if not isinstance(document, dict) or len(document) != 1 or depth > FILTER_DEPTH:
        raise _invalid()
    [(key, operand)] = document.items()
    if key in ("$and", "$or"):
        if not isinstance(operand, list) or not operand:
            raise _invalid()
        parts = tuple(_parse(part, depth + 1) for part in operand)
        return AllOf(parts) if key == "$and" else AnyOf(parts)
    if key.startswith("$"):
        raise _invalid()
    if not isinstance(operand, dict):
        return _condition(key, "$eq", operand)
    if not operand:
        raise _invalid()
    parts = tuple(_condition(key, operator, value) for operator, value in operand.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _condition(key: str, operator: str, operand: Any) -> Condition:
    accepts = _OPERANDS.get(operator)
    if accepts is None or not accepts(operand):
        raise _invalid()
    return Condition(key, operator, operand)


def list_conditions(tree: Filter) -> list[Condition]:
    """Return the conditions of a filter, from left to right."""
    if isinstance(tree, Condition):
        return [tree]
    return [condition for part in tree.parts for condition in list_conditions(part)]


def with_operands(tree: Filter, change: Callable[[Any], Any]) -> Filter:
    """The same tree with other operands."""
    if isinstance(tree, Condition):
        return Condition(tree.key, tree.operator, change(tree.operand))
    return type(tree)(tuple(with_operands(part, change) for part in tree.parts))


def _constraints(condition: Condition) -> int:
    return len(condition.operand) if condition.operator in ("$in", "$nin") else 1
