"""Vectors in memory, and the exactly nearest of them to a query.

A search narrows the rows down in up to three steps, each of which keeps every row that
could be among the nearest, by a bound on its own error, so the result is that of comparing
all rows exactly:

1. one byte per component: the rows' int8 shadow against the query's (a quarter of the
   memory traffic that bounds the next step). numkong multiplies the bytes; it comes with
   the extra `fast`, and without it a search starts with step 2;
2. float32, as BLAS multiplies;
3. float64, row by row, rounded to the float32 that is returned; equal distances go by row.
   So the nearest 10 are the first 10 of the nearest 20.

The bound of step 1: with x = s·q + e and y = t·p + f (q and p int8, e and f what rounding
left), |x·y - s·t·(q·p)| ≤ |e|·|y| + (|x| + |e|)·|f|, by Cauchy and Schwarz.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .distance import Rows, exact, nearest
from .validation import Vector

try:
    import numkong

    HAS_NUMKONG = True
except ImportError:
    HAS_NUMKONG = False

_CHUNK: Final = 64
"""Rows gathered or rounded at a time, so that they stay in the processor's cache."""

_GATHER: Final = 12
"""Gather the rows when at most one in this many is wanted; else multiply all."""

_SHADOW_FROM: Final = 2048
"""With fewer rows than this the shadow saves nothing."""

_SHORTEST: Final = 1e-12
_LONGEST: Final = 1e15
"""Between these lengths no product or square leaves the range in which float32 is precise;
beyond them, all rows are compared exactly."""

_ROUNDING: Final = 2.0**-23
"""Twice the relative error of one float32 operation, to be on the safe side."""


_SPARSE_FROM: Final = 4096
"""Compact when more than half of the slots are free, if there are so many."""


class Matrix:
    """Vectors of float32, as they were put, by row.

    A row that holds a vector has a slot in memory; mostly it is the one of the same number. Memory
    is held for the slots, so rows without a vector take none for long.

    Args:
        dimension: components of each row.
        metric: "cosine" or "euclidean".
    """

    def __init__(self, dimension: int, metric: str) -> None:
        self._metric = metric
        self._values = np.zeros((0, dimension), np.float32)
        self._lengths = np.zeros(0, np.float32)
        self._shortest, self._longest = _LONGEST, _SHORTEST
        self._shadow = _Shadow(dimension)
        self._slots = np.zeros(0, np.int32)  # of each row; -1 for none
        self._free: list[int] = []
        self._count = 0  # slots in use, or free
        self._moved = False  # whether a row may have a slot of another number

    def expect(self, count: int) -> None:
        """Have room for so many vectors; zeros that nobody has written take no memory."""
        self._values = np.zeros((count, self._values.shape[1]), np.float32)
        self._lengths = np.zeros(count, np.float32)

    def write(self, rows: Rows, vectors: Vector) -> None:
        """Set rows, new or not."""
        slots = self._take_slots(rows)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        self._values[slots] = vectors
        self._lengths[slots] = np.minimum(lengths, np.finfo(np.float32).max)
        self._longest = max(self._longest, float(lengths.max()))
        self._shortest = min(
            self._shortest, float(lengths.min(where=lengths > 0, initial=_LONGEST))
        )
        self._shadow.forget(slots, len(self._values))

    def _take_slots(self, rows: Rows) -> Rows:
        last = int(rows.max())
        if last >= len(self._slots):
            room = np.full(last + 1 + last // 8 - len(self._slots), -1, np.int32)
            self._slots = np.append(self._slots, room)
        new = rows[self._slots[rows] < 0]
        reused = min(len(new), len(self._free))
        # The last that became free first, as rows are used again
        taken = self._free[len(self._free) - reused :][::-1]
        taken += range(self._count, self._count + len(new) - reused)
        del self._free[len(self._free) - reused :]
        self._count += len(new) - reused
        self._reserve(self._count)
        self._slots[new] = taken
        self._moved = self._moved or not np.array_equal(new, taken)
        return self._slots[rows].astype(np.intp)

    def _reserve(self, count: int) -> None:
        # The allocator moves large blocks without copying; nobody else has a view on them
        if count > len(self._values):
            room = count + count // 8
            self._values.resize((room, self._values.shape[1]), refcheck=False)
            self._lengths.resize(room, refcheck=False)

    def trim(self) -> None:
        """Give room back that no vector has."""
        self._values.resize((self._count, self._values.shape[1]), refcheck=False)
        self._lengths.resize(self._count, refcheck=False)

    def drop(self, rows: Sequence[int]) -> None:
        """Free rows that hold a vector, and the memory of most of those that are free by now."""
        self._free += self._slots[rows].tolist()
        self._slots[rows] = -1
        if len(self._free) * 2 > self._count >= _SPARSE_FROM:
            self._compact()

    def _compact(self) -> None:
        rows = np.flatnonzero(self._slots >= 0)
        slots = self._slots[rows]
        self._values, self._lengths = self._values[slots], self._lengths[slots]
        self._slots[rows] = np.arange(len(rows), dtype=np.int32)
        self._free, self._count = [], len(rows)
        self._moved = True
        self._shadow = _Shadow(self._values.shape[1])
        self._shadow.forget(np.arange(len(rows)), len(rows))

    def nearest(self, query: Vector, count: int, rows: Rows) -> tuple[Rows, Vector]:
        """The `count` nearest of some rows, nearest first, ties by row.

        Args:
            query: shape (dimension,).
            count: how many are wanted.
            rows: the rows to choose from, ascending; each holds a vector.

        Returns:
            The rows, and their distances as float32.
        """
        slots = self._slots[rows].astype(np.intp) if self._moved else rows
        kept = np.arange(len(slots))
        if len(slots) > count and self._is_precise(query):
            many = len(slots) * _GATHER > self._count >= _SHADOW_FROM
            if HAS_NUMKONG and many and self._shadow.asked():
                kept = self._by_shadow(query, count, slots)
            kept = kept[self._by_product(query, count, slots[kept])]
        found = exact(self._values, slots[kept], query, self._metric)
        order = nearest(found, count)
        return rows[kept[order]], found[order]

    def _is_precise(self, query: Vector) -> bool:
        length = _length(query)
        shortest = min(self._shortest, length or _LONGEST)
        return shortest >= _SHORTEST and max(self._longest, length) <= _LONGEST

    def _by_shadow(self, query: Vector, count: int, slots: Rows) -> Rows:
        """The positions among some slots of those that may be among the nearest."""
        total = self._count
        products, errors, left = self._shadow.products(self._values, query, total)
        errors += np.float32(left + 8 * _ROUNDING * _length(query)) * self._lengths[:total]
        if len(slots) < total or self._moved:
            products, errors = products[slots], errors[slots]
        return self._narrowed(slots, products, errors, count, query)

    def _by_product(self, query: Vector, count: int, slots: Rows) -> Rows:
        """The positions among some slots of those that may be among the nearest."""
        if len(slots) * _GATHER > self._count:
            products: Vector = (self._values[: self._count] @ query)[slots]
        else:
            products = _gathered(self._values, slots, query)
        error = np.float32((len(query) + 8) * _ROUNDING * _length(query))
        return self._narrowed(slots, products, error * self._lengths[slots], count, query)

    def _narrowed(
        self, slots: Rows, products: Vector, errors: Vector, count: int, query: Vector
    ) -> Rows:
        """The positions of those that may be among the nearest, by their products with the query.

        The scores that are compared (the cosine times |y|, or x·y - |x|²/2) and their
        errors are rounded, too, and so is the distance by which rows are equal.
        """
        lengths, length = self._lengths[slots], _length(query)
        if self._metric == "cosine":
            scores = products / lengths
            errors = errors / lengths + np.float32(8 * _ROUNDING * length)
        else:
            squares = lengths**2
            scores = products - squares / 2
            errors = errors + np.float32(4 * _ROUNDING) * (squares + np.float32(length**2))
        worst = scores - errors
        bound = np.partition(worst, len(slots) - count)[len(slots) - count]
        kept: Rows = np.flatnonzero(scores + errors >= bound)
        return kept


def _gathered(values: Vector, rows: Rows, query: Vector) -> Vector:
    products = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        products[chunk] = values[rows[chunk]] @ query
    return products


class _Shadow:
    """The rows rounded to one byte a component, made when a search wants them."""

    def __init__(self, dimension: int) -> None:
        self._bytes = np.zeros((0, dimension), np.int8)
        self._scales = np.zeros(0, np.float32)
        self._errors = np.zeros(0, np.float32)
        self._stale = np.zeros(0, np.bool_)
        self._asked = False

    def asked(self) -> bool:
        """False the first time: a process that searches once need not make it."""
        before, self._asked = self._asked, True
        return before

    def forget(self, rows: Rows, capacity: int) -> None:
        """Rows have changed; `capacity` is how many there could be."""
        if capacity > len(self._stale):
            self._stale = np.append(self._stale, np.zeros(capacity - len(self._stale), np.bool_))
        self._stale[rows] = True

    def products(self, values: Vector, query: Vector, total: int) -> tuple[Vector, Vector, float]:
        """Products of the first `total` rows with the query, and how wrong each may be.

        Returns:
            The products; their errors for what rounding left of the rows; and the length of
            what it left of the query, which adds itself times the row's length.
        """
        self._renew(values, total)
        scale = _scales(query[None])[0]
        rounded = np.rint(query / scale).astype(np.int8)
        products = np.asarray(
            numkong.dot(self._bytes[:total], rounded, out_dtype="float32"), np.float32
        )
        products *= self._scales[:total]
        products *= scale
        left = _length(query - rounded * np.float64(scale))
        errors: Vector = self._errors[:total] * np.float32(_length(query) + left)
        return products, errors, left

    def _renew(self, values: Vector, total: int) -> None:
        capacity = len(values)
        if not len(self._bytes):
            self._bytes = np.zeros((capacity, values.shape[1]), np.int8)
            self._scales, self._errors = np.zeros((2, capacity), np.float32)
        if total > len(self._bytes):
            self._bytes.resize((capacity, values.shape[1]), refcheck=False)
            self._scales = np.resize(self._scales, capacity)
            self._errors = np.resize(self._errors, capacity)
        stale = np.flatnonzero(self._stale[:total])
        for start in range(0, len(stale), _CHUNK):
            rows = stale[start : start + _CHUNK]
            self._bytes[rows], self._scales[rows], self._errors[rows] = _rounded(values[rows])
        self._stale[stale] = False


def _rounded(values: Vector) -> tuple[npt.NDArray[np.int8], Vector, Vector]:
    """Rows as int8, their scales, and the lengths of what rounding left."""
    scales = _scales(values)
    scaled = values / scales[:, None]
    whole = np.rint(scaled)
    scaled -= whole
    errors = np.sqrt(np.einsum("ij,ij->i", scaled, scaled)) * scales
    errors *= np.float32(1 + values.shape[1] * _ROUNDING)
    return whole.astype(np.int8), scales, errors


def _scales(values: Vector) -> Vector:
    scales: Vector = np.abs(values).max(axis=1) / np.float32(127)
    scales[scales == 0] = 1
    return scales


def _length(vector: npt.NDArray[Any]) -> float:
    wide = vector.astype(np.float64)
    return float(np.sqrt(wide @ wide))
