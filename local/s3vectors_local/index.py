"""One index: what it was created with, its vectors in memory, its rows in storage.

Rows are numbered; row i of one float32 matrix is the vector in row i. A deleted row is
used again, an overwritten vector keeps its row: a listing goes by row number, so it
neither repeats nor loses a vector that nobody touched meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from .distance import distances, nearest, searchable
from .filters import Filter, predicate
from .storage import Storage, StoredVector
from .validation import Record, Vector

_FEW = 4
"""Gather the matching rows when at most one in this many matches; else compare all."""


@dataclass(frozen=True)
class IndexConfiguration:
    """The attributes of an index, as CreateIndex set them."""

    bucket: str
    name: str
    arn: str
    created: float
    dimension: int
    metric: str
    non_filterable: tuple[str, ...]
    encryption: Mapping[str, str]
    mode: str
    tags: Mapping[str, str]

    def record(self) -> dict[str, Any]:
        """The JSON document that storage keeps."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> IndexConfiguration:
        """Back from that document."""
        return cls(**{**record, "non_filterable": tuple(record["non_filterable"])})

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The non-filterable keys, for look-ups."""
        return frozenset(self.non_filterable)

    @property
    def enhanced(self) -> bool:
        """Whether filters come before the search, and know `$startsWith`."""
        return self.mode == "ENHANCED"


class Index:
    """The vectors of one index. Not thread-safe: the engine holds its lock."""

    def __init__(self, storage: Storage, table: int, configuration: IndexConfiguration) -> None:
        self.configuration = configuration
        self.table = table
        self._storage = storage

    @cached_property
    def _rows(self) -> _Rows:
        """Read from storage when first needed, so that opening a directory is quick."""
        rows = _Rows(self.configuration.dimension, self._storage.row_count(self.table))
        for row, key, filterable, data in self._storage.vectors(self.table):
            rows.matrix[row] = np.frombuffer(data, "<f4")
            rows.name(row, key, orjson.loads(filterable))
        rows.matrix = searchable(rows.matrix, self.configuration.metric)
        rows.free = np.flatnonzero(~rows.live).tolist()
        return rows

    def put(self, records: Sequence[Record]) -> None:
        """Store vectors, replacing those with the same keys; the last of equal keys wins.

        What can fail for want of memory comes before the write.
        """
        latest = list({record.key: record for record in records}.values())
        places = self._rows.places([record.key for record in latest])
        split = [self._split(record.metadata) for record in latest]
        vectors = np.stack([record.vector for record in latest])
        comparable = searchable(vectors, self.configuration.metric)
        self._rows.reserve(max(places) + 1)
        self._storage.put_vectors(
            self.table,
            (
                _stored(row, record, filterable, rest)
                for row, record, (filterable, rest) in zip(places, latest, split, strict=True)
            ),
        )
        self._rows.occupy(places)
        self._rows.matrix[places] = comparable
        for row, record, (filterable, _) in zip(places, latest, split, strict=True):
            self._rows.name(row, record.key, filterable)

    def _split(self, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        hidden = self.configuration.hidden
        filterable = {key: value for key, value in metadata.items() if key not in hidden}
        return filterable, {key: value for key, value in metadata.items() if key in hidden}

    def delete(self, keys: Sequence[str]) -> None:
        """Delete vectors; keys that hold none are passed over."""
        rows = [row for key in dict.fromkeys(keys) if (row := self.row(key)) is not None]
        self._storage.delete_vectors(self.table, rows)
        self._rows.drop(rows)

    def row(self, key: str) -> int | None:
        """The row of a key, if it holds a vector."""
        return self._rows.row_of.get(key)

    def vector(self, row: int) -> StoredVector:
        """What a row holds, as it was put."""
        return self._storage.vector(self.table, row)

    def rows_after(self, row: int, segment: int, segments: int) -> Iterator[int]:
        """Rows above `row` that hold a vector and belong to a segment, in order."""
        keys = self._rows.keys
        start = row + 1 + (segment - row - 1) % segments
        return (at for at in range(start, len(keys), segments) if keys[at])

    def search(
        self, query: Vector, count: int, condition: Filter | None
    ) -> list[tuple[int, float]]:
        """The `count` nearest (row, distance) among the vectors that pass the filter."""
        rows, data, metric = self._matching(condition), self._rows, self.configuration.metric
        query = searchable(query[None], metric)[0]
        if len(rows) * _FEW <= len(data.keys):
            found = distances(data.matrix[rows], query, metric)
        else:
            found = distances(data.matrix[: len(data.keys)], query, metric)[rows]
        order = nearest(found, count)
        return list(zip(rows[order].tolist(), found[order].tolist(), strict=True))

    def _matching(self, condition: Filter | None) -> npt.NDArray[np.intp]:
        data = self._rows
        rows = np.flatnonzero(data.live[: len(data.keys)])
        if condition is None:
            return rows
        passes = predicate(condition)
        return np.fromiter((row for row in rows.tolist() if passes(data.filterable[row])), np.intp)


def _stored(
    row: int, record: Record, filterable: dict[str, Any], rest: dict[str, Any]
) -> StoredVector:
    data = record.vector.astype("<f4").tobytes()
    return StoredVector(row, record.key, orjson.dumps(filterable), orjson.dumps(rest), data)


class _Rows:
    """The matrix and what belongs to its rows; `free` are those below the end without a key."""

    def __init__(self, dimension: int, count: int) -> None:
        self.matrix: Vector = np.zeros((count, dimension), np.float32)
        self.live: npt.NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.keys: list[str] = [""] * count
        self.filterable: list[Mapping[str, Any]] = [{}] * count
        self.row_of: dict[str, int] = {}
        self.free: list[int] = []

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

    def reserve(self, count: int) -> None:
        """Have capacity for `count` rows; it doubles, so that growing is cheap."""
        if count > len(self.matrix):
            room = max(count, 2 * len(self.matrix), 64) - len(self.matrix)
            empty = np.zeros((room, self.matrix.shape[1]), np.float32)
            self.matrix = np.concatenate([self.matrix, empty])
            self.live = np.concatenate([self.live, np.zeros(room, np.bool_)])

    def occupy(self, places: Sequence[int]) -> None:
        """Take rows that `places` chose: off the free ones, or past the end."""
        used = sum(not self.live[row] for row in places if row < len(self.keys))
        del self.free[len(self.free) - used :]
        missing = max(0, max(places) + 1 - len(self.keys))
        self.keys += [""] * missing
        self.filterable += [{}] * missing

    def name(self, row: int, key: str, filterable: Mapping[str, Any]) -> None:
        """Say whose a row is, and what filters see of it."""
        self.keys[row] = key
        self.live[row] = True
        self.filterable[row] = filterable
        self.row_of[key] = row

    def drop(self, rows: Sequence[int]) -> None:
        """Free rows."""
        for row in rows:
            del self.row_of[self.keys[row]]
            self.keys[row] = ""
            self.live[row] = False
            self.filterable[row] = {}
        self.free += rows
