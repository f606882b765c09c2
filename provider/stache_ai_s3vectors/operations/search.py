"""Search by vector or, with a question and an index with text search, by vector and text."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

from stache_ai_s3vectors.aws.descriptions import (
    ENHANCED,
    TEXT_SEARCH_ACTIVE,
    IndexDescription,
    Match,
)
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.chunks import filters, results
from stache_ai_s3vectors.chunks.arguments import check_top_k
from stache_ai_s3vectors.chunks.vectors import Numbers, check_vector, count_dimensions
from stache_ai_s3vectors.errors import RejectedError, S3VectorsError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import TEXT
from stache_ai_s3vectors.service.printable import to_printable

from . import query_text
from .preparation import prepare_input

_LOG = logging.getLogger(__name__)

HYBRID_DEPTH: Final = 30
"""The smallest `topK` of a hybrid search.

The service fuses rankings as deep as `topK`, so a smaller one would change the first results.
bench/hybrid has the measurements behind the number."""

PHRASE_DEPTH: Final = 100
"""The smallest `topK` if the question has a quoted phrase: one page of results."""


@dataclass(frozen=True)
class Query:
    """A query that was checked against the index's description."""

    description: IndexDescription
    vector: Numbers
    top_k: int
    condition: filters.Filter | None


def search(
    index: VectorIndex,
    vector: Any,
    top_k: Any,
    conditions: list[filters.Filter],
    question: str | None = None,
) -> list[dict[str, Any]]:
    """The nearest vectors for which all conditions hold, as Stache reads them.

    Args:
        question: the words to look for; None for search by vector only.

    Raises:
        ConfigurationError: vectors, settings and index do not have the same dimension.
        InvalidInputError: the service could not take the query; nothing was sent.
    """
    query = prepare_input(
        index,
        count_dimensions(vector, "query_vector"),
        partial(check_query, vector=vector, top_k=top_k, conditions=conditions),
    )
    ranking = fetch_ranking(index, query, question)
    return [results.to_search_result(match.key, score, match.metadata) for match, score in ranking]


def check_query(
    description: IndexDescription, vector: Any, top_k: Any, conditions: list[filters.Filter]
) -> Query:
    """Check a query.

    Raises:
        InvalidInputError: an index of that description could not take it.
    """
    number = check_top_k(top_k)
    condition = filters.build_query_filter(
        conditions, description.non_filterable, classic=description.mode != ENHANCED
    )
    numbers = check_vector(vector, description.dimension, description.metric)
    return Query(description, numbers, number, condition)


def fetch_ranking(
    index: VectorIndex, query: Query, question: str | None
) -> list[tuple[Match, float]]:
    """The nearest vectors, each with its score for Stache, the best first."""
    top_k = _limit_top_k(query.top_k)
    description = index.refresh(query.description) if question else query.description
    texts = _choose_texts(index, description, question)
    phrases = query_text.find_phrases(question or "") if texts else []
    depth = max(top_k, PHRASE_DEPTH if phrases else HYBRID_DEPTH) if texts else top_k
    try:
        matches, metric = index.query(description, query.vector, depth, query.condition, texts)
    except RejectedError:
        if not question:
            raise
        description = index.describe_or_create()
        latest = _choose_texts(index, description, question)
        if latest == texts:
            raise
        texts = latest  # the index's text searches have changed since it was described
        matches, metric = index.query(description, query.vector, depth, query.condition, texts)
    if texts:
        scores = _compute_scores(matches, metric)
        _LOG.debug("%s", _Scores(index.name, matches[:top_k]))
    else:
        scores = [_score_distance(match, metric) for match in matches]
    ranking = [*zip(matches, scores, strict=True)]
    return _filter_by_phrases(ranking, phrases)[:top_k]


def _filter_by_phrases(
    ranking: list[tuple[Match, float]], phrases: list[str]
) -> list[tuple[Match, float]]:
    """Those results whose texts hold all phrases; all of them if none does."""
    holding = [
        (match, score)
        for match, score in ranking
        if all(
            query_text.contains_phrase(str(match.metadata.get(TEXT, "")), phrase)
            for phrase in phrases
        )
    ]
    return holding or ranking


class _Scores:
    """The scores of results, formatted only if the log level needs them."""

    def __init__(self, index_name: str, matches: Sequence[Match]) -> None:
        self._index_name = index_name
        self._matches = matches

    def __str__(self) -> str:
        return f"scores on {to_printable(self._index_name)}: " + "; ".join(
            map(_format_scores, self._matches)
        )


def _format_scores(match: Match) -> str:
    parts = {"distance": match.distance, "fused": match.fused}
    parts |= {f"bm25 {key}": score for key, score in match.bm25.items()}
    shown = ", ".join(f"{name} {value:.4g}" for name, value in parts.items() if value is not None)
    return f"{to_printable(match.key)} {shown}"


def _compute_scores(matches: Sequence[Match], metric: str) -> list[float]:
    """The scores of a hybrid search.

    A fused score ranks results, but does not show how near they are. So the best result gets the
    score that a vector search gives the nearest one, and the others get a share of it, in the
    ratio of their fused scores. Up to the depth, scores do not depend on `top_k`.
    """
    near = [_score_distance(match, metric) for match in matches if match.distance is not None]
    best = max((_require_score(match, match.fused) for match in matches), default=0.0) or 1.0
    return [
        max(near, default=0.0) * (_require_score(match, match.fused) / best) for match in matches
    ]


def _score_distance(match: Match, metric: str) -> float:
    """Convert a distance to a score from 0 to 1; higher is nearer."""
    distance = _require_score(match, match.distance)
    return min(1.0, max(0.0, 1.0 - distance)) if metric == "cosine" else 1.0 / (1.0 + distance)


def _require_score(match: Match, value: float | None) -> float:
    if value is None:
        raise S3VectorsError(f"QueryVectors returned no score for {match.key!r}")
    return value


def _limit_top_k(top_k: int) -> int:
    if top_k > limits.TOP_K:
        _warn_once(
            f"a search asked for more than {limits.TOP_K:,} results, the service's limit; it gets "
            f"the first {limits.TOP_K:,} (logged once)"
        )
    return min(top_k, limits.TOP_K)


def _shorten(question: str) -> str:
    words = query_text.shorten_question(question)
    if len(words) < len(question.strip()):
        _warn_once(
            f"a question was longer than {limits.QUERY_TEXT_LENGTH:,} characters, the service's "
            "limit; hybrid search looks for the words that fit, from its beginning and its end "
            "(logged once)"
        )
    return words


def _choose_texts(
    index: VectorIndex, description: IndexDescription, question: str | None
) -> dict[str, str] | None:
    """Choose the text for each metadata key with text search; None without any."""
    if not question:
        return None
    statuses = {key: description.text_searches.get(key) for key in index.options.text_keys}
    active = [key for key, status in statuses.items() if status == TEXT_SEARCH_ACTIVE]
    instead = "without it" if active else "by vector only"
    for key, status in statuses.items():
        if status == TEXT_SEARCH_ACTIVE:
            continue
        has = f"has no text search on {key!r}" if status is None else f"is {status} its text search"
        _warn_once(
            f"S3VECTORS_SEARCH_MODE is hybrid, but index {to_printable(index.name)} {has}: "
            f"searching {instead} (logged once; `stache-s3vectors indexes upgrade` adds it)"
        )
    return dict.fromkeys(active, _shorten(question)) or None


@lru_cache(maxsize=1000)
def _warn_once(message: str) -> None:
    _LOG.warning(message)
