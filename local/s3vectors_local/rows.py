"""The vectors of an index in memory: which rows hold one, its key, and what searches compare."""

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
    """The rows of one index; `free` are those below the end that hold no vector."""

    def __init__(self, dimension: int, metric: str, choices: Choices) -> None:
        self.keys: list[str] = []
        self.row_of: dict[str, int] = {}
        self.free: list[int] = []
        self._dimension = dimension
        self._matrix = Matrix(dimension, metric)
        self._columns = Columns(choices)
        self._live = np.zeros(0, np.bool_)

    def expect(self, count: int) -> None:
        """Have room for as many vectors as `load` will add, at most."""
        self._matrix.expect(count)

    def load(self, vectors: Sequence[tuple[int, str, bytes, bytes]]) -> None:
        """Add stored vectors, (row, key, filterable, data), above those that are there, by row."""
        rows, keys, filterable, data = zip(*vectors, strict=True)
        metadata = list(map(orjson.loads, filterable))
        start = len(self.keys)
        self._extend(rows[-1] + 1)
        self._columns.put(rows, metadata, len(self.keys))
        stored = np.frombuffer(b"".join(data), _STORED).reshape(-1, self._dimension)
        self._matrix.write(np.array(rows, np.intp), stored)
        self._name(rows, keys)
        self.free += (start + np.flatnonzero(~self._live[start : len(self.keys)])).tolist()

    def trim(self) -> None:
        """Give room back that `load` did not need."""
        self._matrix.trim()

    def _name(self, rows: Sequence[int], keys: Sequence[str]) -> None:
        self._live[list(rows)] = True
        for row, key in zip(rows, keys, strict=True):
            self.keys[row] = key
            self.row_of[key] = row

    def places(self, keys: Sequence[str]) -> list[int]:
        """The row for each key: its own, else the last free one, else one past the end."""
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
        """Take the rows that `places` chose, for vectors of shape (n, dimension)."""
        self._occupy(rows)
        at = np.array(rows, np.intp)
        self._columns.drop(at[self._live[at]].tolist())
        self._matrix.write(at, vectors)
        self._columns.put(rows, filterable, len(self.keys))
        self._name(rows, keys)

    def _occupy(self, rows: Sequence[int]) -> None:
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

    def passing(self, condition: Filter | None) -> Mask:
        """Which rows hold a vector that passes the filter."""
        live = self._live[: len(self.keys)]
        if condition is None:
            return live
        return self._columns.matching(condition, len(self.keys)) & live

    def nearest(self, query: Vector, count: int, allowed: Mask) -> tuple[Rows, Vector]:
        """The rows nearest to a query among those that `passing` allows, and their distances."""
        rows = np.flatnonzero(allowed)
        return self._matrix.nearest(query, count, rows)
