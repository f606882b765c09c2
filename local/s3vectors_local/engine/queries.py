"""QueryVectors: the nearest vectors, the best texts, or both rankings fused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from s3vectors_local import filters, limits, tokens
from s3vectors_local.arns import Caller
from s3vectors_local.configuration import TextSearch
from s3vectors_local.errors import ValidationException
from s3vectors_local.filters import Filter
from s3vectors_local.index import Hit, Index
from s3vectors_local.text import fuse
from s3vectors_local.validation import Vector, parse_query_vector, to_single

from .state import Request, Response, State


def query_vectors(state: State, request: Request, caller: Caller) -> Response:
    """QueryVectors: the exact ranking of those that pass the filter, a page at a time."""
    index = state.index(request, caller)
    told = index.configuration
    _check(request, index)
    vector = None
    if "queryVector" in request:
        vector = parse_query_vector(request["queryVector"], told.dimension, told.metric)
    texts = _texts(request, index)
    condition = _condition(state, request, index)
    question = _digest(request, vector, texts)
    mode = request.get("queryMode", "")
    scope = ["QueryVectors", told.arn, told.created, question.hex(), mode]
    token = request.get("nextToken")
    start = tokens.position(state.storage.secret, scope, token) if token else 0
    found = index.ranked(
        question, lambda: _search(index, request["topK"], vector, texts, condition)
    )
    end = start + limits.QUERY_PAGE
    response: Response = {
        "vectors": [_output(index, hit, request) for hit in found[start:end]],
        "distanceMetric": told.metric,
    }
    if len(found) > end:
        response["nextToken"] = tokens.seal(state.storage.secret, scope, end)
    return response


def _check(request: Request, index: Index) -> None:
    if request["topK"] > limits.TOP_K:
        rule = f"Member must be less than or equal to {limits.TOP_K}"
        message = f"Value at '/topK' failed to satisfy constraint: {rule}"
        raise ValidationException(f"1 validation error detected. {message}", ("/topK", message))
    if not {"queryVector", "queryTexts"} & request.keys():
        raise ValidationException("Must specify queryVector, queryTexts, or both")
    if request.get("queryMode") == "CLASSIC" and index.configuration.enhanced:
        raise ValidationException("queryMode cannot be CLASSIC when indexMode is ENHANCED")


def _texts(request: Request, index: Index) -> list[tuple[TextSearch, str]]:
    """What to look for in the text of which metadata keys."""
    told = request.get("queryTexts", [])
    if told and not index.configuration.enhanced:
        raise ValidationException("queryTexts can only be used when indexMode is ENHANCED")
    known = {text.key: text for text in index.configuration.texts}
    keys = [entry["metadataKey"] for entry in told]
    if len(set(keys)) < len(keys):
        raise _invalid("each metadataKey can appear at most once")
    for key in keys:
        if key not in known:
            raise _invalid(f"the metadata key '{key}' is not configured for text search")
        if known[key].status != "ACTIVE":
            raise _invalid(f"the text search configuration of '{key}' is {known[key].status}")
    return [(known[entry["metadataKey"]], entry["text"]) for entry in told]


def _invalid(reason: str) -> ValidationException:
    message = f"Invalid queryTexts: {reason}"
    return ValidationException(message, ("queryTexts", message))


def _condition(state: State, request: Request, index: Index) -> Filter | None:
    if "filter" not in request:
        return None
    told = index.configuration
    enhanced = told.enhanced or request.get("queryMode") == "ENHANCED"
    tree = filters.parse(request["filter"], told.hidden, enhanced=enhanced)
    return filters.with_operands(tree, to_single) if state.choices.numbers == "single" else tree


def _digest(request: Request, vector: Vector | None, texts: list[tuple[TextSearch, str]]) -> bytes:
    """What a page token is bound to: whatever changes the ranking."""
    told = [[text.key, text.language, text.slot, question] for text, question in texts]
    asked = [request["topK"], request.get("filter"), told]
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS))
    if vector is not None:
        digest.update(np.ascontiguousarray(vector).tobytes())
    return digest.digest()


def _search(
    index: Index,
    count: int,
    vector: Vector | None,
    texts: list[tuple[TextSearch, str]],
    condition: Filter | None,
) -> list[Hit]:
    passing = index.passing(condition)
    near = [] if vector is None else index.search(vector, count, passing)
    if not texts:
        return near
    allowed = None if condition is None else passing.tobytes()
    # Several texts without a vector are ranked by the sum of their scores, so all must be known
    depth = count if vector is not None or len(texts) == 1 else -1
    best = {text.key: index.search_text(text, q, depth, allowed) for text, q in texts}
    scores: dict[int, dict[str, float]] = {}
    for key, ranking in best.items():
        for row, score in ranking:
            scores.setdefault(row, {})[key] = score
    if vector is None:
        order = sorted(scores, key=lambda row: (-sum(scores[row].values()), row))
        return [Hit(row, index.key(row), bm25=scores[row]) for row in order[:count]]
    distances = {hit.row: hit.distance for hit in near}
    fused = fuse([list(distances), *([row for row, _ in ranking] for ranking in best.values())])
    order = sorted(fused, key=lambda row: (-fused[row], row))
    return [
        Hit(row, index.key(row), distances.get(row), scores.get(row, {}), fused[row])
        for row in order[:count]
    ]


def _output(index: Index, hit: Hit, request: Request) -> Response:
    found: Response = {"key": hit.key}
    if request.get("returnDistance") and hit.distance is not None:
        found["distance"] = hit.distance
    if request.get("returnMetadata"):
        found["metadata"] = index.vector(hit.row).metadata
    if request.get("returnScores") and hit.bm25 is not None:
        found["scores"] = _scores(hit, hybrid="queryVector" in request)
    return found


def _scores(hit: Hit, *, hybrid: bool) -> Mapping[str, Any]:
    scores: Response = {
        "bm25Scores": [
            {"metadataKey": key, "score": score} for key, score in (hit.bm25 or {}).items()
        ]
    }
    if hybrid:
        scores["fused"] = hit.fused
        if hit.distance is not None:
            scores["vectorDistance"] = hit.distance
    return scores
