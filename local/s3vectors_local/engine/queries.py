"""QueryVectors: the nearest vectors, the best texts, or a fusion of both rankings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from s3vectors_local import filters, limits, page_tokens
from s3vectors_local.arns import Caller
from s3vectors_local.configuration import TextSearch
from s3vectors_local.errors import ValidationException
from s3vectors_local.filters import Filter
from s3vectors_local.index import Hit, Index
from s3vectors_local.text import fuse
from s3vectors_local.validation import Vector, parse_query_vector, to_single

from .state import Request, Response, State


def query_vectors(state: State, request: Request, caller: Caller) -> Response:
    """QueryVectors: one page of the exact ranking of the vectors that match the filter."""
    index = state.find_index(request, caller)
    configuration = index.configuration
    _check_query(request, index)
    vector = None
    if "queryVector" in request:
        vector = parse_query_vector(
            request["queryVector"], configuration.dimension, configuration.metric
        )
    texts = _parse_texts(request, index)
    tree = _parse_filter(state, request, index)
    digest = _hash_query(request, vector, texts)
    mode = request.get("queryMode", "")
    scope = ["QueryVectors", configuration.arn, configuration.created, digest.hex(), mode]
    token = request.get("nextToken")
    start = page_tokens.decode(state.storage.secret, scope, token) if token else 0
    hits = index.rank(digest, lambda: _search(index, request["topK"], vector, texts, tree))
    end = start + limits.QUERY_PAGE
    response: Response = {
        "vectors": [_build_result(index, hit, request) for hit in hits[start:end]],
        "distanceMetric": configuration.metric,
    }
    if len(hits) > end:
        response["nextToken"] = page_tokens.encode(state.storage.secret, scope, end)
    return response


def _check_query(request: Request, index: Index) -> None:
    if request["topK"] > limits.TOP_K:
        rule = f"Member must be less than or equal to {limits.TOP_K}"
        message = f"Value at '/topK' failed to satisfy constraint: {rule}"
        raise ValidationException(f"1 validation error detected. {message}", ("/topK", message))
    if not {"queryVector", "queryTexts"} & request.keys():
        raise ValidationException("Must specify queryVector, queryTexts, or both")
    if request.get("queryMode") == "CLASSIC" and index.configuration.is_enhanced:
        raise ValidationException("queryMode cannot be CLASSIC when indexMode is ENHANCED")


def _parse_texts(request: Request, index: Index) -> list[tuple[TextSearch, str]]:
    """Return the text searches of the index to use, each with its query text."""
    entries = request.get("queryTexts", [])
    if entries and not index.configuration.is_enhanced:
        raise ValidationException("queryTexts can only be used when indexMode is ENHANCED")
    searches = {search.key: search for search in index.configuration.texts}
    keys = [entry["metadataKey"] for entry in entries]
    if len(set(keys)) < len(keys):
        raise _build_error("each metadataKey can appear at most once")
    for key in keys:
        if key not in searches:
            raise _build_error(f"the metadata key '{key}' is not configured for text search")
        if searches[key].status != "ACTIVE":
            raise _build_error(
                f"the text search configuration of '{key}' is {searches[key].status}"
            )
    return [(searches[entry["metadataKey"]], entry["text"]) for entry in entries]


def _build_error(reason: str) -> ValidationException:
    message = f"Invalid queryTexts: {reason}"
    return ValidationException(message, ("queryTexts", message))


def _parse_filter(state: State, request: Request, index: Index) -> Filter | None:
    if "filter" not in request:
        return None
    configuration = index.configuration
    enhanced = configuration.is_enhanced or request.get("queryMode") == "ENHANCED"
    tree = filters.parse(request["filter"], configuration.non_filterable_set, enhanced=enhanced)
    return filters.replace_operands(tree, to_single) if state.choices.numbers == "single" else tree


def _hash_query(
    request: Request, vector: Vector | None, texts: list[tuple[TextSearch, str]]
) -> bytes:
    """Hash all that changes the ranking; a page token is valid only for the same hash."""
    searches = [[search.key, search.language, search.slot, query] for search, query in texts]
    members = [request["topK"], request.get("filter"), searches]
    digest = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS))
    if vector is not None:
        digest.update(np.ascontiguousarray(vector).tobytes())
    return digest.digest()


def _search(
    index: Index,
    count: int,
    vector: Vector | None,
    texts: list[tuple[TextSearch, str]],
    tree: Filter | None,
) -> list[Hit]:
    allowed = index.match(tree)
    nearest = [] if vector is None else index.search(vector, count, allowed)
    if not texts:
        return nearest
    allowed_bytes = None if tree is None else allowed.tobytes()
    # Without a vector, several texts are ranked by the sum of their scores, which needs all rows
    depth = count if vector is not None or len(texts) == 1 else -1
    rankings = {
        search.key: index.search_text(search, query, depth, allowed_bytes)
        for search, query in texts
    }
    scores: dict[int, dict[str, float]] = {}
    for key, ranking in rankings.items():
        for row, score in ranking:
            scores.setdefault(row, {})[key] = score
    if vector is None:
        order = sorted(scores, key=lambda row: (-sum(scores[row].values()), row))
        return [Hit(row, index.get_key(row), bm25=scores[row]) for row in order[:count]]
    distances = {hit.row: hit.distance for hit in nearest}
    fused = fuse([list(distances), *([row for row, _ in ranking] for ranking in rankings.values())])
    order = sorted(fused, key=lambda row: (-fused[row], row))
    return [
        Hit(row, index.get_key(row), distances.get(row), scores.get(row, {}), fused[row])
        for row in order[:count]
    ]


def _build_result(index: Index, hit: Hit, request: Request) -> Response:
    result: Response = {"key": hit.key}
    if request.get("returnDistance") and hit.distance is not None:
        result["distance"] = hit.distance
    if request.get("returnMetadata"):
        result["metadata"] = index.read_vector(hit.row).metadata
    if request.get("returnScores") and hit.bm25 is not None:
        result["scores"] = _build_scores(hit, hybrid="queryVector" in request)
    return result


def _build_scores(hit: Hit, *, hybrid: bool) -> Mapping[str, Any]:
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
