"""Ranks the texts of an FTS5 table by BM25, with the inverse document frequency (idf) of Lucene.

FTS5's own idf is almost zero for a term that half of the texts or more contain, so in a small index
a common word may outrank a rare one. Lucene's idf, ln(1 + (N - df + 0.5) / (df + 0.5)), stays
positive and decreases steadily. AWS documents that rarer terms weigh more. FTS5's `bm25` of one
phrase is its idf times the rest of the formula, so each phrase is queried alone and its score is
rescaled. Rare phrases come first. Common phrases are scored only for the texts that can still be
among the best.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

_K1: Final = 1.2
"""The k1 of FTS5 and of Lucene; both use 0.75 for b."""

_FTS5_MIN_IDF: Final = 1e-6
"""FTS5's idf for a phrase that half of the texts or more contain."""

_MIN_TEXTS_TO_NARROW: Final = 1000
"""For a phrase in fewer texts, finding the candidates costs more than it saves."""

_ROUNDING: Final = 1 - 1e-9
"""Tolerance for texts whose score equals the limit."""

Read: TypeAlias = Callable[..., sqlite3.Cursor]
"""Runs a SELECT with parameters (`storage.Storage.read`)."""

_Scores: TypeAlias = npt.NDArray[np.float64]


class _Phrase(NamedTuple):
    """A phrase of a query: how many texts contain it, and its weight, which is Lucene's idf."""

    expression: str
    texts: int
    weight: float
    rescale: float


class Ranking:
    """One search of an FTS5 table.

    Args:
        read: runs a SELECT.
        table: the name of the FTS5 table.
        count: the maximum number of rows; -1 for all.
        allowed: one byte per row, 1 for the rows to search; None for all.
    """

    def __init__(self, read: Read, table: str, count: int, allowed: bytes | None) -> None:
        self._read = read
        self._table = table
        self._count = count
        self._allowed = allowed
        # Two queries: SQLite optimizes each, but not both in one
        (self._texts,) = read(f"SELECT count(*) FROM {table}_docsize").fetchone()
        (size,) = read(f"SELECT coalesce(max(id) + 1, 0) FROM {table}_docsize").fetchone()
        self._scores: _Scores = np.zeros(size)

    def rank(self, expressions: Sequence[str]) -> list[tuple[int, float]]:
        """Return the rows that best match any phrase, with their scores; ties by row.

        Args:
            expressions: FTS5 expressions, one distinct phrase each.
        """
        phrases = [phrase for phrase in map(self._weigh, expressions) if phrase.texts]
        phrases.sort(key=lambda phrase: -phrase.weight)
        left = sum(phrase.weight for phrase in phrases)
        limit = self._count if len(phrases) == 1 else -1
        for phrase in phrases:
            self._add(phrase, self._find_candidates(phrase, left), limit)
            left -= phrase.weight
        return self._select_best()

    def _weigh(self, expression: str) -> _Phrase:
        statement = f"SELECT count(*) FROM {self._table} WHERE {self._table} MATCH ?"
        (count,) = self._read(statement, expression).fetchone()
        odds = (self._texts - count + 0.5) / (count + 0.5)
        weight = math.log1p(odds)
        fts5 = math.log(odds)
        rescale = weight / ((fts5 if fts5 > 0 else _FTS5_MIN_IDF) * (_K1 + 1))
        return _Phrase(expression, count, weight, rescale)

    def _find_candidates(self, phrase: _Phrase, left: float) -> bytes | None:
        """Return the rows that the remaining weight can lift to the best; None for all."""
        if self._count < 0 or phrase.texts < _MIN_TEXTS_TO_NARROW:
            return self._allowed
        ranked = self._scores[self._scores > 0]
        if len(ranked) < self._count:
            return self._allowed
        last = np.partition(ranked, -self._count)[-self._count]
        if left >= last:  # a row without any rarer phrase can be among the best
            return self._allowed
        possible: npt.NDArray[np.bool_] = self._scores >= (last - left) * _ROUNDING
        return possible.tobytes()

    def _add(self, phrase: _Phrase, candidates: bytes | None, limit: int) -> None:
        condition = "" if candidates is None else " AND substr(?, rowid + 1, 1) = x'01'"
        order = "" if limit < 0 else f" ORDER BY 2 DESC, 1 LIMIT {limit}"
        rows = self._read(
            f"SELECT rowid, -bm25({self._table}) FROM {self._table}"
            f" WHERE {self._table} MATCH ?{condition}{order}",
            *(phrase.expression, *(() if candidates is None else (candidates,))),
        )
        pairs: npt.NDArray[Any] = np.fromiter(rows, np.dtype([("row", "i8"), ("score", "f8")]))
        self._scores[pairs["row"]] += pairs["score"] * phrase.rescale

    def _select_best(self) -> list[tuple[int, float]]:
        rows = np.flatnonzero(self._scores)
        scores = self._scores[rows]
        if 0 <= self._count < len(rows):
            last = np.partition(scores, -self._count)[-self._count]
            rows, scores = rows[scores >= last], scores[scores >= last]
        order = np.argsort(-scores, kind="stable")
        order = order if self._count < 0 else order[: self._count]
        return list(zip(rows[order].tolist(), scores[order].tolist(), strict=True))
