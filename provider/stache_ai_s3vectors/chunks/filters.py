"""Filters: the caller's, the namespace and soft delete as one S3 Vectors filter. Pure.

Stache's filters are Mongo-like documents, `{"doc_id": "a", "page": {"$gte": 2}}`. The
service takes one condition per object, so every condition becomes an object of its own,
joined by `$and`. Nothing depends on undocumented behavior: where a missing key matters, the
filter has an explicit `$exists`.

`build_predicate` applies the same filter to metadata in memory, because ListVectors has no filter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import (
    NAMESPACE,
    NON_FILTERABLE,
    SOFT_DELETED,
    STATUS,
    SUMMARY,
    TYPE,
)

from .arguments import check_namespace
from .metadata_values import is_number, is_text, to_native, to_plain

Filter: TypeAlias = dict[str, Any]
Predicate: TypeAlias = Callable[[Mapping[str, Any]], bool]

EXACT: Final = "exact:"
CHILDREN: Final = "/*"

NOT_DELETED: Final[Filter] = {
    "$or": [{STATUS: {"$exists": False}}, {STATUS: {"$nin": [*SOFT_DELETED]}}]
}
"""Not soft-deleted. Vectors of the oldest packages have no status."""

IS_SUMMARY: Final[Filter] = {TYPE: SUMMARY}
NO_SUMMARY: Final[Filter] = {"$or": [{TYPE: {"$exists": False}}, {TYPE: {"$ne": SUMMARY}}]}


def match_namespace(namespace: str | None) -> list[Filter]:
    """Build the conditions for the namespace of a search: `name`, `exact:name`, or `name/*`.

    `name/*` is the namespace and all below it.
    """
    if namespace is None:
        return []
    namespace = check_namespace(namespace)
    if namespace.startswith(EXACT):
        return [{NAMESPACE: _check_pattern(namespace, namespace.removeprefix(EXACT))}]
    if namespace.endswith(CHILDREN):
        parent = _check_pattern(namespace, namespace.removesuffix(CHILDREN))
        below = {NAMESPACE: {"$startsWith": f"{parent}/"}}
        return [{"$or": [{NAMESPACE: parent}, below]}]
    return [{NAMESPACE: namespace}]


def match_exact_namespace(namespace: str | None) -> list[Filter]:
    """Build the conditions for exactly this namespace, without patterns.

    Operations that change or delete vectors use it: a namespace may be called `exact:a` or `a/*`.
    """
    return [] if namespace is None else [{NAMESPACE: check_namespace(namespace)}]


def _check_pattern(pattern: str, name: str) -> str:
    if not name:
        raise InvalidInputError(
            f"the namespace is {pattern!r}, which has no name; give exact:name or name/*"
        )
    return name


def parse_filter(document: Mapping[str, Any] | None) -> list[Filter]:
    """Parse the caller's filter into conditions that must all hold, each with one key.

    A list as a value means `$in`.

    Raises:
        InvalidInputError: it has an operator or a value that the service does not accept.
    """
    if document is None:
        return []
    if not isinstance(document, Mapping):
        raise InvalidInputError(f"the filter is {document!r:.80}, not a dictionary")
    try:
        return [_parse_condition(key, operand) for key, operand in document.items()]
    except RecursionError as error:
        raise InvalidInputError("the filter is nested too deeply") from error


def join_conditions(parts: Sequence[Filter]) -> Filter | None:
    """Join conditions into one filter; None when there are none."""
    if len(parts) > 1:
        return {"$and": list(parts)}
    return parts[0] if parts else None


def build_query_filter(
    parts: Sequence[Filter], non_filterable: frozenset[str], *, classic: bool
) -> Filter | None:
    """Join conditions into the filter of a query; None when there are none.

    Args:
        parts: the conditions.
        non_filterable: the index's non-filterable keys.
        classic: whether the index is in CLASSIC mode, which takes any number of values.

    Raises:
        InvalidInputError: the service could not evaluate the filter on this index.
    """
    document = join_conditions(parts)
    if document is not None:
        check_filterable(document, non_filterable)
        _check_constraints(document, classic=classic)
    return document


def check_filterable(document: Filter | None, non_filterable: frozenset[str]) -> None:
    """Refuse a filter on keys that the index declares non-filterable."""
    hidden = sorted(collect_keys(document) & non_filterable)
    if hidden:
        error = InvalidInputError(
            f"the filter uses {', '.join(hidden)}, which the index declares non-filterable; use "
            "other keys"
        )
        error.about_index = not collect_keys(document) & {
            *NON_FILTERABLE
        }  # so they are in all of ours
        raise error


def _check_constraints(document: Filter, *, classic: bool) -> None:
    """Refuse a filter with more values than the service evaluates."""
    if not is_for_enhanced(document) and (not classic or _has_prefix_test(document)):
        raise InvalidInputError(
            f"the filter compares with {_count_constraints(document)} values, including those for "
            "soft delete, summaries and the namespace; S3 Vectors takes "
            f"{limits.FILTER_CONSTRAINTS}. Split the search into several"
        )


def is_for_enhanced(document: Filter) -> bool:
    """Whether the service evaluates the filter in ENHANCED mode."""
    return _count_constraints(document) <= limits.FILTER_CONSTRAINTS


def _has_prefix_test(document: Filter) -> bool:
    """Whether there is a `$startsWith`, which CLASSIC mode does not have."""
    [(key, operand)] = document.items()
    if key in ("$and", "$or"):
        return any(map(_has_prefix_test, operand))
    return isinstance(operand, Mapping) and "$startsWith" in operand


def collect_keys(document: Filter | None) -> set[str]:
    """Collect the metadata keys that a filter uses."""
    if document is None:
        return set()
    [(key, operand)] = document.items()
    if key in ("$and", "$or"):
        return set().union(*map(collect_keys, operand))
    return {key}


def _count_constraints(document: Filter) -> int:
    [(key, operand)] = document.items()
    if key in ("$and", "$or"):
        return sum(map(_count_constraints, operand))
    values = operand.values() if isinstance(operand, Mapping) else [operand]
    return sum(len(value) if isinstance(value, list) else 1 for value in values)


def _parse_condition(key: Any, operand: Any) -> Filter:
    if key in ("$and", "$or"):
        return _parse_combination(key, operand)
    if not is_text(key) or key.startswith("$"):
        raise InvalidInputError(
            f"filter operator {key!r:.80} is not allowed at this place; use $and or $or, or a "
            "metadata key"
        )
    key = to_plain(key)
    if isinstance(operand, Mapping):
        if not operand:
            raise InvalidInputError(
                f"the filter on {key!r} is empty; give an operator, for example $eq"
            )
        checked = {name: _parse_operand(key, name, value) for name, value in operand.items()}
        return _write_out_missing(key, checked)
    if isinstance(operand, (list, tuple)):
        return {key: {"$in": _parse_operand(key, "$in", operand)}}
    return {key: _parse_operand(key, "$eq", operand)}


def _write_out_missing(key: str, tests: dict[str, Any]) -> Filter:
    """Add explicit conditions for vectors without the key.

    `$ne` and `$nin` match if the key is missing, as in MongoDB and in `build_predicate`; AWS does
    not document what the service does. AWS also does not document how they treat an array, and no
    other filter expresses it. In `build_predicate`, no element may be equal.
    """
    negations = {name: tests[name] for name in _NEGATIONS if name in tests}
    if not negations:
        return {key: tests}
    missing_or = {"$or": [{key: {"$exists": False}}, {key: negations}]}
    rest = {name: value for name, value in tests.items() if name not in negations}
    return {"$and": [missing_or, {key: rest}]} if rest else missing_or


def _parse_combination(key: str, operand: Any) -> Filter:
    if not isinstance(operand, (list, tuple)) or not operand:
        raise InvalidInputError(
            f"{key} in a filter takes a non-empty list of filters, not {operand!r:.80}"
        )
    parts = [join_conditions(parse_filter(part)) for part in operand]
    if None in parts:
        raise InvalidInputError(f"{key} in a filter has an empty filter in its list; remove it")
    return {key: parts}


def _parse_operand(key: str, operator: str, value: Any) -> Any:
    value = [to_native(v) for v in value] if isinstance(value, (list, tuple)) else to_native(value)
    if operator not in _OPERANDS:
        known = " ".join(_OPERANDS)
        raise InvalidInputError(
            f"filter operator {operator!r} on {key!r} does not exist; use one of {known}"
        )
    accepts, expected = _OPERANDS[operator]
    if not accepts(value):
        hint = "; for a missing key use {'$exists': False}" if value is None else ""
        raise InvalidInputError(
            f"the filter on {key!r} compares with {value!r:.80}; {operator} takes {expected}{hint}"
        )
    return to_plain(value)


def _is_primitive(value: Any) -> bool:
    return isinstance(value, bool) or is_text(value) or _is_number(value)


def _is_number(value: Any) -> bool:
    return is_number(value, sys.float_info.max)


def _is_primitive_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(map(_is_primitive, value))


_NEGATIONS: Final = ("$ne", "$nin")
_PRIMITIVE: Final = (_is_primitive, "a string, a finite number or a boolean")
_NUMBER: Final = (_is_number, "a finite number")
_LIST: Final = (_is_primitive_list, "a non-empty list of strings, finite numbers and booleans")
_OPERANDS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "$eq": _PRIMITIVE,
    "$ne": _PRIMITIVE,
    "$gt": _NUMBER,
    "$gte": _NUMBER,
    "$lt": _NUMBER,
    "$lte": _NUMBER,
    "$in": _LIST,
    "$nin": _LIST,
    "$exists": (lambda value: isinstance(value, bool), "a boolean"),
    "$startsWith": (is_text, "a string"),
}


def build_predicate(document: Filter | None) -> Predicate:
    """Build a function that applies a filter of `parse_filter` and `join_conditions` to metadata.

    A scan calls it for every vector, so all that does not depend on the vector is computed here.
    """
    if document is None:
        return lambda _: True
    [(key, operand)] = document.items()
    if key == "$and":
        return _match_all([build_predicate(part) for part in operand])
    if key == "$or":
        return _match_any([build_predicate(part) for part in operand])
    tests = operand if isinstance(operand, Mapping) else {"$eq": operand}
    return _match_all([_build_test(key, operator, value) for operator, value in tests.items()])


def _match_all(parts: list[Predicate]) -> Predicate:
    def holds(metadata: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110 - all() with a generator takes three times as long
            if not part(metadata):
                return False
        return True

    return parts[0] if len(parts) == 1 else holds


def _match_any(parts: list[Predicate]) -> Predicate:
    def holds(metadata: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if part(metadata):
                return True
        return False

    return holds


def _build_test(key: str, operator: str, operand: Any) -> Predicate:
    if operator == "$exists":
        return lambda metadata: (key in metadata) is operand
    if operator in _NEGATIONS:
        equal = _build_equality(operand)
        return lambda metadata: key not in metadata or not equal(metadata[key])
    holds = _TESTS[operator](operand)
    return lambda metadata: key in metadata and holds(metadata[key])


def _build_equality(operand: Any) -> Callable[[Any], bool]:
    """An array matches if one of its elements does."""
    values = frozenset(map(_to_comparable, operand if isinstance(operand, list) else [operand]))

    def equal(value: Any) -> bool:
        return isinstance(value, (str, int, float)) and _to_comparable(value) in values

    return lambda value: any(map(equal, value)) if isinstance(value, list) else equal(value)


def _to_comparable(value: Any) -> tuple[bool, Any]:
    # JSON's true is not 1, though Python's is
    return isinstance(value, bool), value


def _build_prefix_test(operand: str) -> Callable[[Any], bool]:
    def starts(value: Any) -> bool:
        values = value if isinstance(value, list) else [value]
        return any(isinstance(one, str) and one.startswith(operand) for one in values)

    return starts


_TESTS: Final[Mapping[str, Callable[[Any], Callable[[Any], bool]]]] = {
    "$eq": _build_equality,
    "$in": _build_equality,
    "$startsWith": _build_prefix_test,
    "$gt": lambda operand: lambda value: _is_number(value) and value > operand,
    "$gte": lambda operand: lambda value: _is_number(value) and value >= operand,
    "$lt": lambda operand: lambda value: _is_number(value) and value < operand,
    "$lte": lambda operand: lambda value: _is_number(value) and value <= operand,
}
