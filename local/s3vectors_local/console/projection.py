"""Vectors in two dimensions: their first two principal components."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from s3vectors_local.validation import Vector

Numbers = npt.NDArray[np.float64]

_AXES: Final = 2

_ROWS: Final = 500
"""The vectors of one step; in double precision they need 16 MB or less."""

_BLOCK: Final = 8
_DEPTH: Final = 8
"""Directions that are tried at a time, and how often each is multiplied before the best are taken.
More of either needs fewer rounds and makes each slower."""

_ROUNDS: Final = 50
_PRECISION: Final = 1e-7
"""An axis is precise if the residual of its product is this small, relative to the longest."""


class Projection(NamedTuple):
    """Points of a map.

    Args:
        points: shape (n, 2).
        variance: the share of the variance that each axis has.
    """

    points: Numbers
    variance: tuple[float, float]


def project(vectors: Vector) -> Generator[None, None, Projection]:
    """Project vectors onto their first two principal components, step by step.

    The same vectors give the same points: of each axis, the point that is farthest from the middle
    is on the positive side.

    Args:
        vectors: shape (n, dimension).
    """
    points = np.zeros((len(vectors), _AXES))
    center = vectors.mean(axis=0, dtype=np.float64) if len(vectors) else 0.0
    covariance = np.zeros((vectors.shape[1], vectors.shape[1]))
    for rows, _ in _center(vectors, center):
        covariance += rows.T @ rows
        yield
    total = float(covariance.trace())
    if total == 0:
        return Projection(points, (0.0, 0.0))
    axes = yield from _find_axes(covariance)
    for rows, start in _center(vectors, center):
        points[start : start + _ROWS, : axes.shape[1]] = rows @ axes
    farthest = points[np.abs(points).argmax(axis=0), range(_AXES)]
    points *= np.where(farthest < 0, -1.0, 1.0)
    first, second = ((points * points).sum(axis=0) / total).tolist()
    return Projection(points, (first, second))


def _center(vectors: Vector, center: Any) -> Iterator[tuple[Numbers, int]]:
    """Yield the vectors around their center, some at a time, and where they begin."""
    for start in range(0, len(vectors), _ROWS):
        yield vectors[start : start + _ROWS].astype(np.float64) - center, start


def _find_axes(covariance: Numbers) -> Generator[None, None, Numbers]:
    """Find the principal axes, the longest first, one a column.

    Block Krylov iteration with restarts: an embedding has thousands of axes, and finding all takes
    a hundred times as long.
    """
    if len(covariance) <= _BLOCK * _DEPTH:
        return np.linalg.eigh(covariance)[1][:, : -_AXES - 1 : -1]
    block = np.random.default_rng(0).standard_normal((len(covariance), _BLOCK))
    for _ in range(_ROUNDS):
        blocks = [np.linalg.qr(block)[0]]
        while len(blocks) < _DEPTH:
            blocks.append(np.linalg.qr(covariance @ blocks[-1])[0])
        basis = np.linalg.qr(np.hstack(blocks))[0]
        product = covariance @ basis
        values, turns = np.linalg.eigh(basis.T @ product)
        best, longest = turns[:, : -_BLOCK - 1 : -1], values[: -_BLOCK - 1 : -1]
        block = basis @ best
        outside = (product @ best - block * longest)[:, :_AXES]
        if np.linalg.norm(outside) <= _PRECISION * longest[0]:
            break
        yield
    return block[:, :_AXES]
