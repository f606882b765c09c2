"""Parses and checks metadata filters.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html

    filter     = { KEY: operand } | { KEY: { OPERATOR: operand, … } }
               | { "$and": [filter, …] } | { "$or": [filter, …] }
    OPERATOR   = $eq $ne $gt $gte $lt $lte $in $nin $exists $startsWith

A filter object has exactly one key. All operators of one key must match. `parse` returns a tree
that is valid; `columns` finds the rows that match it. The console matches with `columns` as well
(`console/conditions.py`). The provider has an evaluator of its own for scans
(`chunks/filters.build_predicate`). `tests/local/test_filters.py` has a reference implementation.

Where AWS does not document its behavior, the engine takes the simplest:
- a missing key matches `$ne` and `$nin` (they negate `$eq` and `$in`) and `$exists: false`, and no
  other operator;
- an array matches `$eq`, `$in` and `$startsWith` if any element does; `$ne` and `$nin` negate that;
  an array never matches `$gt`, `$gte`, `$lt` and `$lte`.
`choices` has the alternatives: `missing_key` and `array_negation` for `$ne` and `$nin`, `numbers`
for the precision of every number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from .errors import ValidationException
from .limits import FILTER_CONSTRAINTS, FILTER_DEPTH


@dataclass(frozen=True)
class Comparison:
    """One operator on one metadata key."""

    key: str
    operator: str
    operand: Any


@dataclass(frozen=True)
class AllOf:
    """All parts must match."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part must match."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = Comparison | AllOf | AnyOf


def _is_primitive(operand: Any) -> bool:
    return isinstance(operand, (str, bool, int, float))


def _is_number(operand: Any) -> bool:
    return isinstance(operand, (int, float)) and not isinstance(operand, bool)


def _is_list(operand: Any) -> bool:
    return isinstance(operand, list) and bool(operand) and all(map(_is_primitive, operand))


_OPERANDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "$eq": _is_primitive,
    "$ne": _is_primitive,
    "$gt": _is_number,
    "$gte": _is_number,
    "$lt": _is_number,
    "$lte": _is_number,
    "$in": _is_list,
    "$nin": _is_list,
    "$exists": lambda operand: isinstance(operand, bool),
    "$startsWith": lambda operand: isinstance(operand, str),
}


def parse(document: Any, non_filterable: frozenset[str], *, enhanced: bool) -> Filter:
    """Check a filter and convert it to a tree.

    Args:
        document: the `filter` of the request.
        non_filterable: the non-filterable metadata keys of the index, which a filter cannot use.
        enhanced: whether the query runs in ENHANCED mode, which allows `$startsWith` and limits the
            values to `limits.FILTER_CONSTRAINTS`.

    Raises:
        ValidationException: the filter is invalid; AWS's text is always "Invalid filter".
    """
    tree = build_tree(document)
    comparisons = list_comparisons(tree)
    for comparison in comparisons:
        if comparison.key in non_filterable:
            raise _build_error()
        if comparison.operator == "$startsWith" and not enhanced:
            raise _build_error()
    if enhanced and sum(map(_count_values, comparisons)) > FILTER_CONSTRAINTS:
        raise _build_error()
    return tree


def _build_error() -> ValidationException:
    return ValidationException("Invalid filter", ("filter", "Invalid filter"))


def build_tree(document: Any, depth: int = 0) -> Filter:
    """Convert a filter to a tree, without the checks that depend on the index.

    Raises:
        ValidationException: the filter is invalid.
    """
    if not isinstance(document, dict) or len(document) != 1 or depth > FILTER_DEPTH:
        raise _build_error()
    [(key, operand)] = document.items()
    if key in ("$and", "$or"):
        if not isinstance(operand, list) or not operand:
            raise _build_error()
        parts = tuple(build_tree(part, depth + 1) for part in operand)
        return AllOf(parts) if key == "$and" else AnyOf(parts)
    if key.startswith("$"):
        raise _build_error()
    if not isinstance(operand, dict):
        return _parse_comparison(key, "$eq", operand)
    if not operand:
        raise _build_error()
    parts = tuple(_parse_comparison(key, operator, value) for operator, value in operand.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _parse_comparison(key: str, operator: str, operand: Any) -> Comparison:
    accepts = _OPERANDS.get(operator)
    if accepts is None or not accepts(operand):
        raise _build_error()
    return Comparison(key, operator, operand)


def list_comparisons(tree: Filter) -> list[Comparison]:
    """Return the comparisons of a filter, from left to right."""
    if isinstance(tree, Comparison):
        return [tree]
    return [comparison for part in tree.parts for comparison in list_comparisons(part)]


def replace_operands(tree: Filter, change: Callable[[Any], Any]) -> Filter:
    """Return the tree with changed operands."""
    if isinstance(tree, Comparison):
        return Comparison(tree.key, tree.operator, change(tree.operand))
    return type(tree)(tuple(replace_operands(part, change) for part in tree.parts))


def _count_values(comparison: Comparison) -> int:
    return len(comparison.operand) if comparison.operator in ("$in", "$nin") else 1
