"""What filters see of an index's metadata: one column per key, one number per row.

A column numbers its distinct values (its vocabulary) and gives each row the number of its
value, 0 for none. A condition is worked out on the vocabulary, mostly by looking one value
up, and then holds or not for all rows at once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .choices import Choices
from .filters import AllOf, AnyOf, Condition, Filter

Codes: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]

_SPARSE: Final = 16
"""A column that holds a value in fewer than one of this many rows is kept as a dict."""

_FEW: Final = 4
"""Compare the rows with each code, up to this many; else look each row's code up in a table."""

_SLACK: Final = 1024
"""A vocabulary may outgrow twice its last clean size by this much before it is cleaned."""

_PLAIN: Final = frozenset({str, int, float})
"""Types whose values are their own identity."""

_TRUE: Final = object()
_FALSE: Final = object()
"""Python takes True for 1; JSON does not."""


class Vocabulary:
    """The distinct values of a column, numbered from 1; strings, numbers, booleans, arrays."""

    def __init__(self) -> None:
        self.values: list[Any] = [None]
        self._code_of: dict[Any, int] = {}
        self._arrays_with: dict[int, list[int]] = {}
        self._numbers = np.full(1, np.nan)
        self._sorted: tuple[list[str], list[int]] = ([], [])
        self._sorted_up_to = 1

    def __len__(self) -> int:
        return len(self.values)

    def code(self, value: Any) -> int:
        """The number of a value, new or not."""
        identity = _identity(value)
        code = self._code_of.get(identity)
        if code is None:
            # An array's elements come first, so that every code of one is below its own
            elements = {self.code(element) for element in value} if type(value) is list else ()
            code = self._code_of[identity] = len(self.values)
            self.values.append(value)
            for element in elements:
                self._arrays_with.setdefault(element, []).append(code)
        return code

    def codes(self, values: Iterable[Any]) -> list[int]:
        """The number of each value."""
        told = list(values)
        if not {*map(type, told)} <= _PLAIN:
            return [self.code(value) for value in told]
        known = zip(told, map(self._code_of.get, told), strict=True)
        return [self.code(value) if code is None else code for value, code in known]

    def equal(self, operand: Any) -> list[int]:
        """The codes of a value and of the arrays that contain it."""
        code = self._code_of.get(_identity(operand))
        return [] if code is None else [code, *self._arrays_with.get(code, ())]

    def starting_with(self, prefix: str) -> list[int]:
        """The codes of the strings that begin so, and of the arrays that contain one."""
        strings, codes = self._strings()
        start = bisect_left(strings, prefix)
        end = bisect_right(strings, prefix, lo=start, key=lambda text: text[: len(prefix)])
        found = codes[start:end]
        return found + [array for code in found for array in self._arrays_with.get(code, ())]

    def ordered(self, operator: str, operand: float) -> npt.NDArray[np.intp]:
        """The codes of the numbers above or below another; arrays have no order."""
        numbers, bound = self._as_floats(), _as_float(operand)
        found = numbers > bound if operator in ("$gt", "$gte") else numbers < bound
        # Whole numbers beyond 2**53 may be equal as floats only
        for code in np.flatnonzero(numbers == bound).tolist():
            found[code] = _COMPARE[operator](self.values[code], operand)
        return np.flatnonzero(found)

    def _strings(self) -> tuple[list[str], list[int]]:
        if self._sorted_up_to < len(self.values):
            texts = [(v, code) for code, v in enumerate(self.values) if type(v) is str]
            texts.sort()
            self._sorted = [text for text, _ in texts], [code for _, code in texts]
            self._sorted_up_to = len(self.values)
        return self._sorted

    def _as_floats(self) -> npt.NDArray[np.float64]:
        known = len(self._numbers)
        if known < len(self.values):
            new = [_as_float(v) if _is_number(v) else np.nan for v in self.values[known:]]
            self._numbers = np.append(self._numbers, new)
        return self._numbers


def _identity(value: Any) -> Any:
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    return tuple(value) if type(value) is list else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_float(number: float) -> float:
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
        """Give rows their values; `count` is how many rows the index has."""
        self._assign(rows, self.vocabulary.codes(values), count)
        if len(self.vocabulary) > 2 * self._clean_size + _SLACK:
            self._clean()

    def drop(self, rows: Sequence[int]) -> None:
        """Take the values of rows away."""
        if self._sparse is None:
            kept = [row for row in rows if row < len(self._dense)]
            self._dense[kept] = 0
            return
        for row in rows:
            self._sparse.pop(row, None)

    @property
    def empty(self) -> bool:
        """Whether no row has a value; a dense column does not look."""
        return self._sparse is not None and not self._sparse

    def codes(self, count: int) -> Codes:
        """The code of each of the first `count` rows."""
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
            self._dense, self._sparse = self.codes(count), None
        self._reserve(count)
        self._dense[rows] = codes

    def _reserve(self, count: int) -> None:
        if count > len(self._dense):
            grown = np.zeros(count + count // 8, np.int32)
            grown[: len(self._dense)] = self._dense
            self._dense = grown

    def _clean(self) -> None:
        """Forget the values that no row has any more."""
        old, self.vocabulary = self.vocabulary.values, Vocabulary()
        codes = np.fromiter((self._sparse or {}).values(), np.int32)
        used = np.unique(self._dense if self._sparse is None else codes).tolist()
        renumbered = np.zeros(len(old), np.int32)
        renumbered[used] = [self.vocabulary.code(old[code]) if code else 0 for code in used]
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
        """Give rows, which have none, their metadata; `count` is how many rows there are."""
        by_key: defaultdict[str, dict[int, Any]] = defaultdict(dict)
        for row, entry in zip(rows, metadata, strict=True):
            for key, value in entry.items():
                by_key[key][row] = value
        for key, values in by_key.items():
            self._columns.setdefault(key, Column()).put(list(values), values.values(), count)

    def drop(self, rows: Sequence[int]) -> None:
        """Take the metadata of rows away."""
        for key, column in list(self._columns.items()):
            column.drop(rows)
            if column.empty:
                del self._columns[key]

    def matching(self, tree: Filter, count: int) -> Mask:
        """Which of the first `count` rows pass a filter; rows without a vector may, too."""
        match tree:
            case Condition():
                return self._condition(tree, count)
            case AllOf(parts):
                mask = self.matching(parts[0], count)
                for part in parts[1:]:
                    mask &= self.matching(part, count)
                return mask
            case AnyOf(parts):
                mask = self.matching(parts[0], count)
                for part in parts[1:]:
                    mask |= self.matching(part, count)
                return mask

    def _condition(self, condition: Condition, count: int) -> Mask:
        column = self._columns.get(condition.key) or Column()
        codes = column.codes(count)
        if condition.operator == "$exists":
            exists: Mask = (codes != 0) if condition.operand else (codes == 0)
            return exists
        if condition.operator in ("$ne", "$nin"):
            refused = self._refused(column.vocabulary, condition)
            mask = ~_rows_with(codes, refused, column.vocabulary)
            if self._choices.missing_key == "no-match":
                mask &= codes != 0
            return mask
        return _rows_with(codes, _accepted(column.vocabulary, condition), column.vocabulary)

    def _refused(self, vocabulary: Vocabulary, condition: Condition) -> list[int]:
        """The codes that `$ne` or `$nin` leaves out."""
        found: list[int] = _accepted(vocabulary, condition)
        if self._choices.array_negation == "no-element":
            return found
        wanted = set(found)
        return [code for code in found if _all_within(vocabulary, code, wanted)]


def _all_within(vocabulary: Vocabulary, code: int, wanted: set[int]) -> bool:
    value = vocabulary.values[code]
    return type(value) is not list or all(vocabulary.code(item) in wanted for item in value)


def _accepted(vocabulary: Vocabulary, condition: Condition) -> Any:
    match condition:
        case Condition(_, "$eq" | "$ne", operand):
            return vocabulary.equal(operand)
        case Condition(_, "$in" | "$nin", operand):
            return [code for item in operand for code in vocabulary.equal(item)]
        case Condition(_, "$startsWith", operand):
            return vocabulary.starting_with(operand)
    return vocabulary.ordered(condition.operator, condition.operand)


def _rows_with(codes: Codes, wanted: Any, vocabulary: Vocabulary) -> Mask:
    if len(wanted) <= _FEW:
        mask: Mask = np.zeros(len(codes), np.bool_)
        for code in wanted:
            mask |= codes == code
        return mask
    table = np.zeros(len(vocabulary), np.bool_)
    table[wanted] = True
    return table[codes]
