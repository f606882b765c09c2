"""Exact distances between one query and many vectors, and the nearest of them.

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
Distances: TypeAlias = npt.NDArray[np.float64]

_CHUNK: Final = 64
"""Rows handled at a time in float64, so that they stay in the processor's cache."""


def searchable(vectors: Vector, metric: str) -> Vector:
    """Vectors as `exact` wants them: of unit length under cosine, else as they are.

    Cosine does not depend on a vector's length, however large or small; float64 keeps
    the square of any float32 in range.

    Args:
        vectors: shape (n, dimension).
        metric: "cosine" or "euclidean".
    """
    if metric != "cosine":
        return vectors
    units = np.empty_like(vectors)
    for start in range(0, len(vectors), _CHUNK):
        wide = vectors[start : start + _CHUNK].astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        lengths[lengths == 0] = 1  # a free row
        units[start : start + _CHUNK] = wide / lengths[:, None]
    return units


def exact(vectors: Vector, rows: Rows, query: Vector, metric: str) -> Distances:
    """Distance of some rows of `vectors` (n, dimension) to `query` (dimension,).

    Both must come from `searchable`. A row's distance is the same, bit for bit, whatever
    other rows are asked for.

    Returns:
        Float64 distances in the range of float32, one for each of `rows`.
    """
    wide = query.astype(np.float64)
    found = np.empty(len(rows), np.float64)
    for start in range(0, len(rows), _CHUNK):
        chunk = vectors[rows[start : start + _CHUNK]].astype(np.float64)
        if metric == "cosine":
            found[start : start + _CHUNK] = 1 - (chunk * wide).sum(axis=1)
        else:
            chunk -= wide
            found[start : start + _CHUNK] = np.sqrt((chunk * chunk).sum(axis=1))
    if metric == "cosine":
        return np.clip(found, 0, 2)
    return np.minimum(found, np.finfo(np.float32).max)


def nearest(found: Distances, count: int) -> Rows:
    """Positions of the `count` smallest distances, nearest first, ties by position."""
    return np.argsort(found, kind="stable")[:count]
