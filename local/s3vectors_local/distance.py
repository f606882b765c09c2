"""Exact distances between one query and some vectors, and the nearest of them.

Cosine distance is `1 - cosine similarity`, from 0 to 2, as on AWS. Euclidean distance is
the plain one, with the square root; whether AWS returns its square is not documented (see
`choices`), and the ranking is the same.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .validation import Vector

Rows: TypeAlias = npt.NDArray[np.intp]

_CHUNK: Final = 64
"""Rows handled at a time in float64, so that they stay in the processor's cache."""


def exact(vectors: Vector, rows: Rows, query: Vector, metric: str) -> Vector:
    """Distance of some rows of `vectors` (n, dimension) to `query` (dimension,).

    It is computed in float64, which holds the square of any float32, and a row's distance
    is the same, bit for bit, whatever other rows are asked for.

    Returns:
        Float32 distances, one for each of `rows`.
    """
    wide = query.astype(np.float64)
    found = np.empty(len(rows), np.float64)
    for start in range(0, len(rows), _CHUNK):
        chunk = vectors[rows[start : start + _CHUNK]].astype(np.float64)
        compare = _cosine if metric == "cosine" else _euclidean
        found[start : start + _CHUNK] = compare(chunk, wide)
    return np.minimum(found, np.finfo(np.float32).max).astype(np.float32)


def _cosine(
    vectors: npt.NDArray[np.float64], query: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    lengths = np.sqrt((vectors * vectors).sum(axis=1)) * np.sqrt((query * query).sum())
    found: npt.NDArray[np.float64] = np.clip(1 - (vectors * query).sum(axis=1) / lengths, 0, 2)
    found[found < len(query) * np.finfo(np.float64).eps] = 0  # the same direction, but for rounding
    return found


def _euclidean(
    vectors: npt.NDArray[np.float64], query: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    difference = vectors - query
    distances: npt.NDArray[np.float64] = np.sqrt((difference * difference).sum(axis=1))
    return distances


def nearest(found: Vector, count: int) -> Rows:
    """Positions of the `count` smallest distances, nearest first, ties by position."""
    return np.argsort(found, kind="stable")[:count]
