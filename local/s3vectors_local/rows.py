"""The vectors of an index in memory: their rows and keys, the matrix and the columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson

from .choices import Choices
from .columns import Columns, Mask
from .distance import Rows
from .filters import Filter
from .matrix import Matrix
from .validation import Vector

_STORED: Final = np.dtype("<f4")


class RowSet:
    """The rows of one index; `free` has those below the end without a vector."""

    def __init__(self, dimension: int, metric: str, choices: Choices) -> None:
        self.keys: list[str] = []
        self.row_of: dict[str, int] = {}
        self.free: list[int] = []
        self._dimension = dimension
        self._matrix = Matrix(dimension, metric)
        self._columns = Columns(choices)
        self._live = np.zeros(0, np.bool_)

    def allocate(self, count: int) -> None:
        """Allocate memory for the vectors that `load` will add."""
        self._matrix.allocate(count)

    def load(self, vectors: Sequence[tuple[int, str, bytes, bytes]]) -> None:
        """Add stored vectors (row, key, filterable, data), by row, above the present rows."""
        rows, keys, filterable, data = zip(*vectors, strict=True)
        metadata = list(map(orjson.loads, filterable))
        start = len(self.keys)
        self._extend(rows[-1] + 1)
        self._columns.put(rows, metadata, len(self.keys))
        stored = np.frombuffer(b"".join(data), _STORED).reshape(-1, self._dimension)
        self._matrix.write(np.array(rows, np.intp), stored)
        self._set_keys(rows, keys)
        self.free += (start + np.flatnonzero(~self._live[start : len(self.keys)])).tolist()

    def trim(self) -> None:
        """Release the memory that `load` did not need."""
        self._matrix.trim()

    def _set_keys(self, rows: Sequence[int], keys: Sequence[str]) -> None:
        self._live[list(rows)] = True
        for row, key in zip(rows, keys, strict=True):
            self.keys[row] = key
            self.row_of[key] = row

    def choose_rows(self, keys: Sequence[str]) -> list[int]:
        """Choose a row for each key: its present row, else the last free row, else a new one."""
        spare, end = len(self.free), len(self.keys)
        rows = []
        for key in keys:
            row = self.row_of.get(key)
            if row is None and spare:
                spare -= 1
                row = self.free[spare]
            elif row is None:
                row, end = end, end + 1
            rows.append(row)
        return rows

    def put(
        self,
        rows: Sequence[int],
        keys: Sequence[str],
        vectors: Vector,
        filterable: Iterable[Mapping[str, Any]],
    ) -> None:
        """Store vectors of shape (n, dimension) in rows from `choose_rows`."""
        self._take_rows(rows)
        row_array = np.array(rows, np.intp)
        self._columns.drop(row_array[self._live[row_array]].tolist())
        self._matrix.write(row_array, vectors)
        self._columns.put(rows, filterable, len(self.keys))
        self._set_keys(rows, keys)

    def _take_rows(self, rows: Sequence[int]) -> None:
        used = sum(not self._live[row] for row in rows if row < len(self.keys))
        del self.free[max(0, len(self.free) - used) :]
        self._extend(max(rows) + 1)

    def _extend(self, count: int) -> None:
        self.keys += [""] * (count - len(self.keys))
        if count > len(self._live):
            self._live = np.append(self._live, np.zeros(count + count // 8, np.bool_))

    def drop(self, rows: Sequence[int]) -> None:
        """Free rows."""
        for row in rows:
            del self.row_of[self.keys[row]]
            self.keys[row] = ""
        self._live[rows] = False
        self._columns.drop(rows)
        self._matrix.drop(rows)
        self.free += rows

    def match(self, tree: Filter | None) -> Mask:
        """Return which rows have a vector that matches a filter."""
        live = self._live[: len(self.keys)]
        if tree is None:
            return live
        return self._columns.match(tree, len(self.keys)) & live

    def find_nearest(self, query: Vector, count: int, allowed: Mask) -> tuple[Rows, Vector]:
        """Find the nearest of the allowed rows (from `match`); return rows and distances."""
        rows = np.flatnonzero(allowed)
        return self._matrix.find_nearest(query, count, rows)
