"""Search by vector or, where there are words and an index for them, by both."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from . import filters, limits, questions, rows
from .answers import ACTIVE, ENHANCED, Description, Match
from .errors import RejectedError, S3VectorsError
from .inputs import Numbers, check_top_k, check_vector
from .keys import TEXT
from .texts import printable
from .vector_index import VectorIndex

_LOG = logging.getLogger(__name__)


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
    texts = {TEXT: _cut(question)} if question and _has_text_search(index) else None
    try:
        matches, metric = index.query(numbers, top_k, condition, texts)
    except RejectedError:
        if texts is None or _has_text_search(index):
            raise
        texts = None  # it had text search when it was asked last
        matches, metric = index.query(numbers, top_k, condition)
    # Fused scores mean nothing by themselves; the best is the measure of the others
    best = _number(matches[0], matches[0].fused) or 1.0 if texts and matches else None
    return [rows.found(match.key, _score(match, metric, best), match.metadata) for match in matches]


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


def _score(match: Match, metric: str, best: float | None) -> float:
    if best is None:
        return rows.score(_number(match, match.distance), metric)
    return _number(match, match.fused) / best


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
            "search looks for its first words only (this is said once)"
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
