"""The filterable metadata of an index in memory: one column per key, one code per row.

A column numbers its distinct values (its vocabulary). Each row has the code of its value, 0 for
none. A comparison is evaluated on the vocabulary, mostly with one look-up, and then applied to the
codes of all rows at once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .choices import Choices
from .filters import AllOf, AnyOf, Comparison, Filter

Codes: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]

_SPARSE: Final = 16
"""A column with values in fewer than 1 of 16 rows is stored as a dict."""

_FEW: Final = 4
"""Up to 4 codes are compared with all rows; for more, the codes of the rows index a table."""

_SLACK: Final = 1024
"""A vocabulary is cleaned when it exceeds twice its last clean size by this much."""

_PLAIN: Final = frozenset({str, int, float})
"""Types whose values are their own identity."""

_TRUE: Final = object()
_FALSE: Final = object()
"""In Python, True equals 1; in JSON it does not."""


class Vocabulary:
    """The distinct values of a column, numbered from 1: strings, numbers, booleans, arrays."""

    def __init__(self) -> None:
        self.values: list[Any] = [None]
        self._code_of: dict[Any, int] = {}
        self._arrays_with: dict[int, list[int]] = {}
        self._numbers = np.full(1, np.nan)
        self._sorted: tuple[list[str], list[int]] = ([], [])
        self._sorted_up_to = 1

    def __len__(self) -> int:
        return len(self.values)

    def assign_code(self, value: Any) -> int:
        """Return the code of a value; a new value gets one."""
        identity = _to_identity(value)
        code = self._code_of.get(identity)
        if code is None:
            # The elements of an array get their codes first, so that these are lower
            elements = (
                {self.assign_code(element) for element in value} if type(value) is list else ()
            )
            code = self._code_of[identity] = len(self.values)
            self.values.append(value)
            for element in elements:
                self._arrays_with.setdefault(element, []).append(code)
        return code

    def assign_codes(self, values: Iterable[Any]) -> list[int]:
        """Return the code of each value."""
        values = list(values)
        if not {*map(type, values)} <= _PLAIN:
            return [self.assign_code(value) for value in values]
        known = zip(values, map(self._code_of.get, values), strict=True)
        return [self.assign_code(value) if code is None else code for value, code in known]

    def find_equal(self, operand: Any) -> list[int]:
        """Return the codes of a value and of the arrays that contain it."""
        code = self._code_of.get(_to_identity(operand))
        return [] if code is None else [code, *self._arrays_with.get(code, ())]

    def find_prefix(self, prefix: str) -> list[int]:
        """Return the codes of the strings with a prefix and of the arrays that contain one."""
        strings, codes = self._sort_strings()
        start = bisect_left(strings, prefix)
        end = bisect_right(strings, prefix, lo=start, key=lambda text: text[: len(prefix)])
        matches = codes[start:end]
        return matches + [array for code in matches for array in self._arrays_with.get(code, ())]

    def find_ordered(self, operator: str, operand: float) -> npt.NDArray[np.intp]:
        """Return the codes of the numbers above or below another; arrays have no order."""
        numbers, bound = self._to_floats(), _to_float(operand)
        mask = numbers > bound if operator in ("$gt", "$gte") else numbers < bound
        # Integers beyond 2**53 may be equal only as floats
        for code in np.flatnonzero(numbers == bound).tolist():
            mask[code] = _COMPARE[operator](self.values[code], operand)
        return np.flatnonzero(mask)

    def _sort_strings(self) -> tuple[list[str], list[int]]:
        if self._sorted_up_to < len(self.values):
            texts = [(v, code) for code, v in enumerate(self.values) if type(v) is str]
            texts.sort()
            self._sorted = [text for text, _ in texts], [code for _, code in texts]
            self._sorted_up_to = len(self.values)
        return self._sorted

    def _to_floats(self) -> npt.NDArray[np.float64]:
        known = len(self._numbers)
        if known < len(self.values):
            new = [_to_float(v) if _is_number(v) else np.nan for v in self.values[known:]]
            self._numbers = np.append(self._numbers, new)
        return self._numbers


def _to_identity(value: Any) -> Any:
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    return tuple(value) if type(value) is list else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _to_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return float("inf") if number > 0 else float("-inf")


_COMPARE: Final[Mapping[str, Any]] = {
    "$gt": lambda value, operand: value > operand,
    "$gte": lambda value, operand: value >= operand,
    "$lt": lambda value, operand: value < operand,
    "$lte": lambda value, operand: value <= operand,
}


class Column:
    """The values of one metadata key, by row."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self._clean_size = 1
        self._sparse: dict[int, int] | None = {}
        self._dense: Codes = np.zeros(0, np.int32)

    def put(self, rows: Sequence[int], values: Iterable[Any], count: int) -> None:
        """Set the values of rows; `count` is the number of rows of the index."""
        self._assign(rows, self.vocabulary.assign_codes(values), count)
        if len(self.vocabulary) > 2 * self._clean_size + _SLACK:
            self._clean()

    def drop(self, rows: Sequence[int]) -> None:
        """Remove the values of rows."""
        if self._sparse is None:
            rows = [row for row in rows if row < len(self._dense)]
            self._dense[rows] = 0
            return
        for row in rows:
            self._sparse.pop(row, None)

    @property
    def is_empty(self) -> bool:
        """Whether no row has a value; a dense column is never empty."""
        return self._sparse is not None and not self._sparse

    def get_codes(self, count: int) -> Codes:
        """Return the codes of the first `count` rows."""
        if self._sparse is not None:
            codes = np.zeros(count, np.int32)
            codes[list(self._sparse)] = list(self._sparse.values())
            return codes
        self._reserve(count)
        return self._dense[:count]

    def _assign(self, rows: Sequence[int], codes: Sequence[int], count: int) -> None:
        if self._sparse is not None:
            if (len(self._sparse) + len(rows)) * _SPARSE < count:
                self._sparse.update(zip(rows, codes, strict=True))
                return
            self._dense, self._sparse = self.get_codes(count), None
        self._reserve(count)
        self._dense[rows] = codes

    def _reserve(self, count: int) -> None:
        if count > len(self._dense):
            grown = np.zeros(count + count // 8, np.int32)
            grown[: len(self._dense)] = self._dense
            self._dense = grown

    def _clean(self) -> None:
        """Remove the values that no row has."""
        old, self.vocabulary = self.vocabulary.values, Vocabulary()
        codes = np.fromiter((self._sparse or {}).values(), np.int32)
        used = np.unique(self._dense if self._sparse is None else codes).tolist()
        renumbered = np.zeros(len(old), np.int32)
        renumbered[used] = [self.vocabulary.assign_code(old[code]) if code else 0 for code in used]
        if self._sparse is None:
            self._dense = renumbered[self._dense]
        else:
            self._sparse = {row: int(renumbered[code]) for row, code in self._sparse.items()}
        self._clean_size = len(self.vocabulary)


class Columns:
    """The filterable metadata of all rows of an index."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._columns: dict[str, Column] = {}

    def put(self, rows: Sequence[int], metadata: Iterable[Mapping[str, Any]], count: int) -> None:
        """Set the metadata of rows that have none; `count` is the number of rows."""
        by_key: defaultdict[str, dict[int, Any]] = defaultdict(dict)
        for row, entry in zip(rows, metadata, strict=True):
            for key, value in entry.items():
                by_key[key][row] = value
        for key, values in by_key.items():
            self._columns.setdefault(key, Column()).put(list(values), values.values(), count)

    def drop(self, rows: Sequence[int]) -> None:
        """Remove the metadata of rows."""
        for key, column in list(self._columns.items()):
            column.drop(rows)
            if column.is_empty:
                del self._columns[key]

    def match(self, tree: Filter, count: int) -> Mask:
        """Return which of the first `count` rows match; rows without a vector may match."""
        match tree:
            case Comparison():
                return self._compare(tree, count)
            case AllOf(parts):
                mask = self.match(parts[0], count)
                for part in parts[1:]:
                    mask &= self.match(part, count)
                return mask
            case AnyOf(parts):
                mask = self.match(parts[0], count)
                for part in parts[1:]:
                    mask |= self.match(part, count)
                return mask

    def _compare(self, comparison: Comparison, count: int) -> Mask:
        column = self._columns.get(comparison.key) or Column()
        codes = column.get_codes(count)
        if comparison.operator == "$exists":
            exists: Mask = (codes != 0) if comparison.operand else (codes == 0)
            return exists
        if comparison.operator in ("$ne", "$nin"):
            excluded = self._find_excluded(column.vocabulary, comparison)
            mask = ~_match_codes(codes, excluded, column.vocabulary)
            if self._choices.missing_key == "no-match":
                mask &= codes != 0
            return mask
        return _match_codes(
            codes, _find_matching_codes(column.vocabulary, comparison), column.vocabulary
        )

    def _find_excluded(self, vocabulary: Vocabulary, comparison: Comparison) -> list[int]:
        """Return the codes that `$ne` or `$nin` excludes."""
        equal: list[int] = _find_matching_codes(vocabulary, comparison)
        if self._choices.array_negation == "no-element":
            return equal
        accepted = set(equal)
        return [code for code in equal if _has_only(vocabulary, code, accepted)]


def _has_only(vocabulary: Vocabulary, code: int, accepted: set[int]) -> bool:
    value = vocabulary.values[code]
    # A look-up: the elements of an array have codes before the array has one
    return type(value) is not list or all(
        vocabulary.assign_code(item) in accepted for item in value
    )


def _find_matching_codes(vocabulary: Vocabulary, comparison: Comparison) -> Any:
    """The codes that match the comparison; for `$ne` and `$nin`, as for `$eq` and `$in`."""
    match comparison:
        case Comparison(_, "$eq" | "$ne", operand):
            return vocabulary.find_equal(operand)
        case Comparison(_, "$in" | "$nin", operand):
            return [code for item in operand for code in vocabulary.find_equal(item)]
        case Comparison(_, "$startsWith", operand):
            return vocabulary.find_prefix(operand)
    return vocabulary.find_ordered(comparison.operator, comparison.operand)


def _match_codes(codes: Codes, accepted: Any, vocabulary: Vocabulary) -> Mask:
    if len(accepted) <= _FEW:
        mask: Mask = np.zeros(len(codes), np.bool_)
        for code in accepted:
            mask |= codes == code
        return mask
    table = np.zeros(len(vocabulary), np.bool_)
    table[accepted] = True
    return table[codes]
