"""Exact distances between a query and vectors, and the nearest vectors.

Cosine distance is `1 - cosine similarity`, from 0 to 2, as on AWS. Euclidean distance has the
square root. AWS does not document whether it returns the square (see `choices`); the ranking is the
same.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .validation import Vector

Rows: TypeAlias = npt.NDArray[np.intp]

_CHUNK_ROWS: Final = 64
"""Rows in one step, so that their float64 values stay in the processor's cache."""


def measure_distances(vectors: Vector, rows: Rows, query: Vector, metric: str) -> Vector:
    """Measure the distance of rows of `vectors` (n, dimension) to `query` (dimension,).

    It is computed in float64, which can hold the square of any float32. The distance of a row is
    the same, bit for bit, whatever the other rows are.

    Returns:
        A float32 distance for each of `rows`.
    """
    wide = query.astype(np.float64)
    distances = np.empty(len(rows), np.float64)
    for start in range(0, len(rows), _CHUNK_ROWS):
        chunk = vectors[rows[start : start + _CHUNK_ROWS]].astype(np.float64)
        compare = _measure_cosine if metric == "cosine" else _measure_euclidean
        distances[start : start + _CHUNK_ROWS] = compare(chunk, wide)
    return np.minimum(distances, np.finfo(np.float32).max).astype(np.float32)


def square_distances(distances: Vector) -> npt.NDArray[np.float64]:
    """Square euclidean distances; the largest is that of float32."""
    squares: npt.NDArray[np.float64] = np.minimum(
        distances.astype(np.float64) ** 2, np.finfo(np.float32).max
    )
    return squares


def _measure_cosine(
    vectors: npt.NDArray[np.float64], query: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    lengths = np.sqrt((vectors * vectors).sum(axis=1)) * np.sqrt((query * query).sum())
    distances: npt.NDArray[np.float64] = np.clip(1 - (vectors * query).sum(axis=1) / lengths, 0, 2)
    distances[distances < len(query) * np.finfo(np.float64).eps] = (
        0  # the same direction, apart from rounding
    )
    return distances


def _measure_euclidean(
    vectors: npt.NDArray[np.float64], query: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    difference = vectors - query
    distances: npt.NDArray[np.float64] = np.sqrt((difference * difference).sum(axis=1))
    return distances


def find_nearest(distances: Vector, count: int) -> Rows:
    """Return the positions of the `count` smallest distances, in order, ties by position."""
    return np.argsort(distances, kind="stable")[:count]
