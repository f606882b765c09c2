"""Exact distances between one query and many vectors, and the nearest of them.

Cosine distance is `1 - cosine similarity`, from 0 to 2, as on AWS. Euclidean distance is
the plain one, with the square root: AWS does not document which it returns, and the
ranking is the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .validation import Vector

_CHUNK = 1024
"""Rows handled at a time in float64, so that they stay in the processor's cache."""


def searchable(vectors: Vector, metric: str) -> Vector:
    """Vectors as `distances` wants them: of unit length under cosine, else as they are.

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


def distances(vectors: Vector, query: Vector, metric: str) -> Vector:
    """Distance of each row of `vectors` (n, dimension) to `query` (dimension,).

    Both must come from `searchable`.

    Returns:
        Float32 distances, shape (n,).
    """
    if metric == "cosine":
        cosine: Vector = np.clip(np.float32(1) - vectors @ query, 0, 2)
        return cosine
    found = np.empty(len(vectors), np.float64)
    for start in range(0, len(vectors), _CHUNK):
        difference = vectors[start : start + _CHUNK].astype(np.float64) - query
        found[start : start + _CHUNK] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return np.minimum(found, np.finfo(np.float32).max).astype(np.float32)


def nearest(found: Vector, count: int) -> npt.NDArray[np.intp]:
    """Positions of the `count` smallest distances, nearest first, ties by position.

    So the nearest 10 are the first 10 of the nearest 20, and pages do not overlap.
    """
    positions = np.arange(len(found))
    if count < len(found):
        farthest = np.partition(found, count - 1)[count - 1]
        positions = np.flatnonzero(found <= farthest)
    return positions[np.argsort(found[positions], kind="stable")][:count]
