"""Ranks the texts of an FTS5 table by BM25, with the inverse document frequency of Lucene.

FTS5's own `bm25` takes a frequency that is next to nothing from half of the texts up, so that in
a small index a common word may outrank a rare one. Lucene's, ln(1 + (N - df + 0.5) / (df + 0.5)),
stays positive and falls steadily, as AWS documents it: rarer terms weigh more. `bm25` of one phrase
is that frequency times the rest of the formula, so a phrase at a time is asked for and rescaled.
Rare phrases come first; what common ones add is worked out only for the texts that can still be
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
"""FTS5's, and Lucene's; both take 0.75 for b, too."""

_FTS5_LEAST: Final = 1e-6
"""What FTS5 takes for a phrase that half of the texts have, or more."""

_WORTH_NARROWING: Final = 1000
"""From so many texts with a phrase on, it is worth to find out which of them can win."""

_ROUNDING: Final = 1 - 1e-9
"""Leaves a text in whose score is the limit but for the last digits."""

Read: TypeAlias = Callable[..., sqlite3.Cursor]
"""Runs a SELECT with parameters (`storage.Storage.read`)."""

_Scores: TypeAlias = npt.NDArray[np.float64]


class _Phrase(NamedTuple):
    """A phrase of a question: in how many texts it is, and its weight, which is Lucene's idf."""

    expression: str
    texts: int
    weight: float
    rescale: float


class Ranking:
    """One search of an FTS5 table.

    Args:
        read: runs a SELECT.
        table: the name of the FTS5 table.
        count: how many rows are wanted, at most; -1 for all.
        allowed: one byte per row, 1 for those that may be found; None for all.
    """

    def __init__(self, read: Read, table: str, count: int, allowed: bytes | None) -> None:
        self._read = read
        self._table = table
        self._count = count
        self._allowed = allowed
        # Two questions, because SQLite has a quick answer to each, and a slow one to both
        (self._texts,) = read(f"SELECT count(*) FROM {table}_docsize").fetchone()
        (size,) = read(f"SELECT coalesce(max(id) + 1, 0) FROM {table}_docsize").fetchone()
        self._scores: _Scores = np.zeros(size)

    def best(self, expressions: Sequence[str]) -> list[tuple[int, float]]:
        """The rows that best match any of the phrases, and their scores; ties by row.

        Args:
            expressions: of FTS5, one phrase each and none twice.
        """
        phrases = [phrase for phrase in map(self._phrase, expressions) if phrase.texts]
        phrases.sort(key=lambda phrase: -phrase.weight)
        left = sum(phrase.weight for phrase in phrases)
        limit = self._count if len(phrases) == 1 else -1
        for phrase in phrases:
            self._add(phrase, self._candidates(phrase, left), limit)
            left -= phrase.weight
        return self._winners()

    def _phrase(self, expression: str) -> _Phrase:
        matching = f"SELECT count(*) FROM {self._table} WHERE {self._table} MATCH ?"
        (count,) = self._read(matching, expression).fetchone()
        odds = (self._texts - count + 0.5) / (count + 0.5)
        weight = math.log1p(odds)
        fts5 = math.log(odds)
        rescale = weight / ((fts5 if fts5 > 0 else _FTS5_LEAST) * (_K1 + 1))
        return _Phrase(expression, count, weight, rescale)

    def _candidates(self, phrase: _Phrase, left: float) -> bytes | None:
        """The rows that this phrase and the `left` weight can bring among the best; None: all."""
        if self._count < 0 or phrase.texts < _WORTH_NARROWING:
            return self._allowed
        ranked = self._scores[self._scores > 0]
        if len(ranked) < self._count:
            return self._allowed
        last = np.partition(ranked, -self._count)[-self._count]
        if left >= last:  # then a row without any of the rarer phrases can
            return self._allowed
        possible: npt.NDArray[np.bool_] = self._scores >= (last - left) * _ROUNDING
        return possible.tobytes()

    def _add(self, phrase: _Phrase, candidates: bytes | None, limit: int) -> None:
        passing = "" if candidates is None else " AND substr(?, rowid + 1, 1) = x'01'"
        best = "" if limit < 0 else f" ORDER BY 2 DESC, 1 LIMIT {limit}"
        found = self._read(
            f"SELECT rowid, -bm25({self._table}) FROM {self._table}"
            f" WHERE {self._table} MATCH ?{passing}{best}",
            *(phrase.expression, *(() if candidates is None else (candidates,))),
        )
        pairs: npt.NDArray[Any] = np.fromiter(found, np.dtype([("row", "i8"), ("score", "f8")]))
        self._scores[pairs["row"]] += pairs["score"] * phrase.rescale

    def _winners(self) -> list[tuple[int, float]]:
        rows = np.flatnonzero(self._scores)
        scores = self._scores[rows]
        if 0 <= self._count < len(rows):
            last = np.partition(scores, -self._count)[-self._count]
            rows, scores = rows[scores >= last], scores[scores >= last]
        order = np.argsort(-scores, kind="stable")
        order = order if self._count < 0 else order[: self._count]
        return list(zip(rows[order].tolist(), scores[order].tolist(), strict=True))
