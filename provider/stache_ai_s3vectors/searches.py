"""Search by vector or, where there are words and an index for them, by both."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from . import filters, limits, questions, rows
from .answers import ACTIVE, ENHANCED, Description, Match
from .errors import RejectedError, S3VectorsError
from .inputs import Numbers, check_top_k, check_vector
from .keys import TEXT
from .texts import printable
from .vector_index import VectorIndex

_LOG = logging.getLogger(__name__)

DEPTH: Final = 30
"""Results that a hybrid search asks for at least, whatever is wanted of them.

The service fuses rankings as deep as the number of results asked for, so with fewer the first ones
would be others. bench/hybrid has the measurements that chose it."""


def search(  # noqa: PLR0913, PLR0917 - a search has so many parts
    index: VectorIndex,
    description: Description,
    vector: Any,
    top_k: int,
    parts: list[filters.Filter],
    question: str | None = None,
) -> list[dict[str, Any]]:
    """The nearest vectors for which all conditions hold, as Stache reads them.

    Args:
        description: what the index is.
        question: the words to look for, too; None for search by vector only.

    Raises:
        InvalidInputError: the service could not take the question; nothing was sent.
    """
    numbers, top_k, condition = check(description, vector, top_k, parts)
    top_k = _at_most(top_k)
    if question and _has_text_search(index):
        texts = {TEXT: _cut(question)}
        try:
            matches, metric = index.query(numbers, max(top_k, DEPTH), condition, texts)
        except RejectedError:
            if _has_text_search(index):
                raise  # else it had text search when it was asked last
        else:
            return _found(matches, _fused_scores(matches, metric))[:top_k]
    matches, metric = index.query(numbers, top_k, condition)
    return _found(matches, [_nearness(match, metric) for match in matches])


def _found(matches: Sequence[Match], scores: Sequence[float]) -> list[dict[str, Any]]:
    return [
        rows.found(match.key, score, match.metadata)
        for match, score in zip(matches, scores, strict=True)
    ]


def _fused_scores(matches: Sequence[Match], metric: str) -> list[float]:
    """The scores of a hybrid search: what a vector search gives the nearest, and shares of it.

    A fused score says how a result is placed among the others, and nothing of how near it is. So
    the best result gets the score of the nearest, and the others what their fused scores are of
    the best one's. All of it depends on the question and what is stored, not on `top_k`, up to
    the depth.
    """
    near = [_nearness(match, metric) for match in matches if match.distance is not None]
    best = max((_number(match, match.fused) for match in matches), default=0.0) or 1.0
    return [max(near, default=0.0) * (_number(match, match.fused) / best) for match in matches]


def check(
    description: Description, vector: Any, top_k: Any, parts: list[filters.Filter]
) -> tuple[Numbers, int, filters.Filter]:
    """The vector, number and filter of a search, as they can be asked.

    Raises:
        InvalidInputError: an index of that description could not take them.
    """
    number = check_top_k(top_k)
    condition = {"$and": parts}
    filters.check_filterable(condition, description.non_filterable)
    filters.check_constraints(condition, classic=description.mode != ENHANCED)
    return check_vector(vector, description.dimension, description.metric), number, condition


def _nearness(match: Match, metric: str) -> float:
    return rows.score(_number(match, match.distance), metric)


def _number(match: Match, value: float | None) -> float:
    if value is None:
        raise S3VectorsError(f"QueryVectors answered without the score of {match.key!r}")
    return value


def _at_most(top_k: int) -> int:
    if top_k > limits.TOP_K:
        _warn_once(
            f"a search asked for more than the {limits.TOP_K:,} results that the service has at "
            "most; it gets those (this is said once)"
        )
    return min(top_k, limits.TOP_K)


def _cut(question: str) -> str:
    words = questions.cut(question)
    if len(words) < len(question.strip()):
        _warn_once(
            "a question was longer than the 1,024 characters that the service takes; hybrid "
            "search looks for as many of its words as fit, from its beginning and its end (this is "
            "said once)"
        )
    return words


def _has_text_search(index: VectorIndex) -> bool:
    status = index.text_search(TEXT)
    if status == ACTIVE:
        return True
    reason = "has no text search on 'text'" if status is None else f"is {status} its text search"
    _warn_once(
        f"S3VECTORS_SEARCH_MODE is hybrid, but index {printable(index.name)} {reason}: searching "
        "by vector only (this is said once; `stache-s3vectors indexes upgrade` adds it)"
    )
    return False


@lru_cache(maxsize=1000)
def _warn_once(message: str) -> None:
    _LOG.warning(message)
