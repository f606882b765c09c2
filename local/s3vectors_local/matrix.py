"""Vectors in memory, and the exact nearest neighbors of a query.

A search has up to three steps. The first two exclude rows that cannot be among the nearest, by a
bound on their rounding errors, so the result is exact:

1. int8: the quantized rows are multiplied with the quantized query. This reads a quarter of the
   memory of step 2. It needs numkong, which the extra `fast` installs; without it, a search starts
   with step 2;
2. float32: BLAS multiplies the rows with the query;
3. float64: the distances are computed row by row and rounded to the float32 that is returned. Equal
   distances are ordered by row, so the nearest 10 are the first 10 of the nearest 20.

The bound of step 1: with x = s·q + e and y = t·p + f (q and p are int8, e and f are the rounding
errors), |x·y - s·t·(q·p)| ≤ |e|·|y| + (|x| + |e|)·|f|, by the Cauchy-Schwarz inequality.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .distance import Rows, find_nearest, measure_distances
from .validation import Vector

try:
    import numkong

    HAS_NUMKONG = True
except ImportError:
    HAS_NUMKONG = False

_CHUNK: Final = 64
"""Rows in one step, so that they stay in the processor's cache."""

_COPY_BELOW: Final = 12
"""If at most 1 in 12 rows is searched, copy those rows; else multiply all rows."""

_QUANTIZE_FROM: Final = 2048
"""With fewer rows, quantization saves no time."""

_SHORTEST: Final = 1e-12
_LONGEST: Final = 1e15
"""Vectors with lengths in this range have products and squares that float32 holds precisely. If a
vector is outside of it, all rows are compared in float64."""

_ROUNDING: Final = 2.0**-23
"""Twice the relative error of one float32 operation, as a margin."""


_COMPACT_FROM: Final = 4096
"""With this many slots or more, compact the matrix when more than half of them are free."""


class Matrix:
    """Float32 vectors by row.

    Each row with a vector has a slot in memory, usually the slot with the same number. Memory is
    allocated for slots, so rows without a vector use little.

    Args:
        dimension: the number of components of a vector.
        metric: "cosine" or "euclidean".
    """

    def __init__(self, dimension: int, metric: str) -> None:
        self._metric = metric
        self._values = np.zeros((0, dimension), np.float32)
        self._lengths = np.zeros(0, np.float32)
        self._shortest, self._longest = _LONGEST, _SHORTEST
        self._quantized = _QuantizedRows(dimension)
        self._slots = np.zeros(0, np.int32)  # slot of each row; -1 for none
        self._free: list[int] = []
        self._count = 0  # slots, used or free
        self._moved = False  # whether a row may have a slot with another number

    def allocate(self, count: int) -> None:
        """Allocate slots for `count` vectors; unwritten zeros use no memory."""
        self._values = np.zeros((count, self._values.shape[1]), np.float32)
        self._lengths = np.zeros(count, np.float32)

    def write(self, rows: Rows, vectors: Vector) -> None:
        """Set the vectors of rows, new or not."""
        slots = self._take_slots(rows)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        self._values[slots] = vectors
        self._lengths[slots] = np.minimum(lengths, np.finfo(np.float32).max)
        self._longest = max(self._longest, float(lengths.max()))
        self._shortest = min(
            self._shortest, float(lengths.min(where=lengths > 0, initial=_LONGEST))
        )
        self._quantized.invalidate(slots, len(self._values))

    def _take_slots(self, rows: Rows) -> Rows:
        last = int(rows.max())
        if last >= len(self._slots):
            room = np.full(last + 1 + last // 8 - len(self._slots), -1, np.int32)
            self._slots = np.append(self._slots, room)
        new = rows[self._slots[rows] < 0]
        reused = min(len(new), len(self._free))
        # The last freed slot first, in the order in which rows are reused
        taken = self._free[len(self._free) - reused :][::-1]
        taken += range(self._count, self._count + len(new) - reused)
        del self._free[len(self._free) - reused :]
        self._count += len(new) - reused
        self._reserve(self._count)
        self._slots[new] = taken
        self._moved = self._moved or not np.array_equal(new, taken)
        return self._slots[rows].astype(np.intp)

    def _reserve(self, count: int) -> None:
        # Large blocks are moved without copying; nothing else has a view of them
        if count > len(self._values):
            room = count + count // 8
            self._values.resize((room, self._values.shape[1]), refcheck=False)
            self._lengths.resize(room, refcheck=False)

    def trim(self) -> None:
        """Release unused memory."""
        self._values.resize((self._count, self._values.shape[1]), refcheck=False)
        self._lengths.resize(self._count, refcheck=False)

    def drop(self, rows: Sequence[int]) -> None:
        """Free the slots of rows; compact the matrix when most slots are free."""
        self._free += self._slots[rows].tolist()
        self._slots[rows] = -1
        if len(self._free) * 2 > self._count >= _COMPACT_FROM:
            self._compact()

    def _compact(self) -> None:
        rows = np.flatnonzero(self._slots >= 0)
        slots = self._slots[rows]
        self._values, self._lengths = self._values[slots], self._lengths[slots]
        self._slots[rows] = np.arange(len(rows), dtype=np.int32)
        self._free, self._count = [], len(rows)
        self._moved = True
        self._quantized = _QuantizedRows(self._values.shape[1])
        self._quantized.invalidate(np.arange(len(rows)), len(rows))

    def find_nearest(self, query: Vector, count: int, rows: Rows) -> tuple[Rows, Vector]:
        """Find the `count` nearest of some rows, nearest first, ties by row.

        Args:
            query: shape (dimension,).
            count: the maximum number of results.
            rows: the rows to search, ascending; each has a vector.

        Returns:
            The rows, and their distances as float32.
        """
        slots = self._slots[rows].astype(np.intp) if self._moved else rows
        candidates = np.arange(len(slots))
        if len(slots) > count and self._is_precise(query):
            many = len(slots) * _COPY_BELOW > self._count >= _QUANTIZE_FROM
            if HAS_NUMKONG and many and self._quantized.record_search():
                candidates = self._filter_quantized(query, count, slots)
            candidates = candidates[self._filter_products(query, count, slots[candidates])]
        distances = measure_distances(self._values, slots[candidates], query, self._metric)
        order = find_nearest(distances, count)
        return rows[candidates[order]], distances[order]

    def _is_precise(self, query: Vector) -> bool:
        length = _measure_length(query)
        shortest = min(self._shortest, length or _LONGEST)
        return shortest >= _SHORTEST and max(self._longest, length) <= _LONGEST

    def _filter_quantized(self, query: Vector, count: int, slots: Rows) -> Rows:
        """Return the positions of the slots that may be among the nearest."""
        total = self._count
        products, errors, left = self._quantized.multiply(self._values, query, total)
        errors += np.float32(left + 8 * _ROUNDING * _measure_length(query)) * self._lengths[:total]
        if len(slots) < total or self._moved:
            products, errors = products[slots], errors[slots]
        return self._find_candidates(slots, products, errors, count, query)

    def _filter_products(self, query: Vector, count: int, slots: Rows) -> Rows:
        """Return the positions of the slots that may be among the nearest."""
        if len(slots) * _COPY_BELOW > self._count:
            products: Vector = (self._values[: self._count] @ query)[slots]
        else:
            products = _multiply_rows(self._values, slots, query)
        error = np.float32((len(query) + 8) * _ROUNDING * _measure_length(query))
        return self._find_candidates(slots, products, error * self._lengths[slots], count, query)

    def _find_candidates(
        self, slots: Rows, products: Vector, errors: Vector, count: int, query: Vector
    ) -> Rows:
        """Return the positions of the slots that may be among the nearest, by their products.

        The bound also covers the rounding of the scores (the cosine times |y|, or x·y - |x|²/2), of
        their errors, and of the returned distances.
        """
        lengths, length = self._lengths[slots], _measure_length(query)
        if self._metric == "cosine":
            scores = products / lengths
            errors = errors / lengths + np.float32(8 * _ROUNDING * length)
        else:
            squares = lengths**2
            scores = products - squares / 2
            errors = errors + np.float32(4 * _ROUNDING) * (squares + np.float32(length**2))
        worst = scores - errors
        bound = np.partition(worst, len(slots) - count)[len(slots) - count]
        candidates: Rows = np.flatnonzero(scores + errors >= bound)
        return candidates


def _multiply_rows(values: Vector, rows: Rows, query: Vector) -> Vector:
    products = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        products[chunk] = values[rows[chunk]] @ query
    return products


class _QuantizedRows:
    """The rows quantized to int8, on demand."""

    def __init__(self, dimension: int) -> None:
        self._bytes = np.zeros((0, dimension), np.int8)
        self._scales = np.zeros(0, np.float32)
        self._errors = np.zeros(0, np.float32)
        self._stale = np.zeros(0, np.bool_)
        self._searched = False

    def record_search(self) -> bool:
        """Return whether there was a search before: the first alone is faster without this."""
        searched, self._searched = self._searched, True
        return searched

    def invalidate(self, rows: Rows, capacity: int) -> None:
        """Mark changed rows; `capacity` is the number of slots."""
        if capacity > len(self._stale):
            self._stale = np.append(self._stale, np.zeros(capacity - len(self._stale), np.bool_))
        self._stale[rows] = True

    def multiply(self, values: Vector, query: Vector, total: int) -> tuple[Vector, Vector, float]:
        """Multiply the first `total` rows with the query.

        Returns:
            The products; the error bounds from rounding the rows; and the length of the rounding
            error of the query, which adds that length times the length of the row.
        """
        self._renew(values, total)
        scale = _compute_scales(query[None])[0]
        rounded = np.rint(query / scale).astype(np.int8)
        products = np.asarray(
            numkong.dot(self._bytes[:total], rounded, out_dtype="float32"), np.float32
        )
        products *= self._scales[:total]
        products *= scale
        left = _measure_length(query - rounded * np.float64(scale))
        errors: Vector = self._errors[:total] * np.float32(_measure_length(query) + left)
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
            self._bytes[rows], self._scales[rows], self._errors[rows] = _quantize(values[rows])
        self._stale[stale] = False


def _quantize(values: Vector) -> tuple[npt.NDArray[np.int8], Vector, Vector]:
    """Return rows as int8, their scales, and the lengths of their rounding errors."""
    scales = _compute_scales(values)
    scaled = values / scales[:, None]
    whole = np.rint(scaled)
    scaled -= whole
    errors = np.sqrt(np.einsum("ij,ij->i", scaled, scaled)) * scales
    errors *= np.float32(1 + values.shape[1] * _ROUNDING)
    return whole.astype(np.int8), scales, errors


def _compute_scales(values: Vector) -> Vector:
    scales: Vector = np.abs(values).max(axis=1) / np.float32(127)
    scales[scales == 0] = 1
    return scales


def _measure_length(vector: npt.NDArray[Any]) -> float:
    wide = vector.astype(np.float64)
    return float(np.sqrt(wide @ wide))
