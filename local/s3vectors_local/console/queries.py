"""Jobs that query an index: the results, and why a vector is or is not among them."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from s3vectors_local.choices import Choices
from s3vectors_local.distance import measure_distances, square_distances
from s3vectors_local.errors import NotFoundException, ValidationException

from .conditions import explain_filter
from .members import Members
from .service import Service
from .steps import RANKING, Progress, Steps, query_pages, read_names, report

_MODES: Final = ("vector", "text", "hybrid")

_TOP_K: Final = 1_000
"""The maximum number of results; each may have 40 KB of metadata."""


class Question(NamedTuple):
    """A query of an index.

    Args:
        mode: "vector", "text" or "hybrid".
        request: of QueryVectors, without `topK` and what is returned.
    """

    mode: str
    request: dict[str, Any]


def query(service: Service, members: Members) -> Steps:
    """Query an index by a vector, by a stored vector's key, or by a text."""
    top_k = members.integer("top_k", 10, 1, _TOP_K)
    question = _read_question(service, members)
    yield report("querying", 0, top_k)
    shown = {"returnMetadata": True, "returnDistance": True}
    scores = {"returnScores": True} if "queryTexts" in question.request else {}
    request = {**question.request, "topK": top_k, **shown, **scores}
    results: list[dict[str, Any]] = []
    start = time.perf_counter()
    for page in query_pages(service, request):
        results += map(_describe_result, page["vectors"])
        milliseconds = (time.perf_counter() - start) * 1000
        yield report("querying", len(results), top_k)
    return {"results": results, "milliseconds": milliseconds, "request": request}


def _read_question(service: Service, members: Members) -> Question:
    names, mode = read_names(members), members.choice("mode", _MODES)
    request: dict[str, Any] = dict(names)
    if mode != "text":
        request["queryVector"] = {"float32": _read_vector(service, names, members)}
    if mode != "vector":
        key = _choose_text_key(service, names, members)
        request["queryTexts"] = [{"metadataKey": key, "text": members.text("text")}]
    if members.has("filter"):
        request["filter"] = members.any("filter")
    return Question(mode, request)


def _read_vector(service: Service, names: Mapping[str, str], members: Members) -> Any:
    """Return the vector of a question: a stored one, that of the request, or that of its text."""
    if members.has("key"):
        key = members.text("key")
        vector = read_stored(service, names, key, data=True)
        if vector is None:
            raise NotFoundException(f"No vector has the key {key!r:.80}")
        return vector["data"]["float32"]
    if members.has("vector"):
        return members.any("vector")
    if members.has("text"):
        return service.embed(members.text("text"))
    raise ValidationException("A query needs a key, a vector or a text")


def read_stored(
    service: Service, names: Mapping[str, str], key: str, *, data: bool, metadata: bool = False
) -> Mapping[str, Any] | None:
    """Return the vector of a key; None when there is none."""
    request = {**names, "keys": [key], "returnData": data, "returnMetadata": metadata}
    vectors = service.call("GetVectors", request)["vectors"]
    return vectors[0] if vectors else None


def _choose_text_key(service: Service, names: Mapping[str, str], members: Members) -> str:
    """Return the metadata key whose full text is searched."""
    if members.has("text_key"):
        return members.text("text_key")
    index = service.call("GetIndex", names)["index"]
    metadata = index.get("metadataConfiguration") or {}
    keys = [each["metadataKey"] for each in metadata.get("textSearchConfigurations") or ()]
    if service.text_key is not None and (service.text_key in keys or not keys):
        return service.text_key
    if not keys:
        raise ValidationException(
            f"The index {index['indexName']} has no text search; query it by a vector or a key"
        )
    return str(keys[0])


def _describe_result(vector: Mapping[str, Any]) -> dict[str, Any]:
    scores = vector.get("scores") or {}
    texts = [each["score"] for each in scores.get("bm25Scores") or ()]
    result = {
        "key": vector["key"],
        "distance": vector.get("distance", scores.get("vectorDistance")),
        "text_score": sum(texts) if texts else None,
        "score": scores.get("fused"),
        "metadata": vector.get("metadata") or {},
    }
    return {name: value for name, value in result.items() if value is not None}


class _Place(NamedTuple):
    """The place of a key in a ranking.

    Args:
        rank: from 1; None when it is not there.
        depth: how many results were looked at.
        result: what the ranking has of it.
    """

    rank: int | None
    depth: int
    result: Mapping[str, Any]


def explain(service: Service, members: Members) -> Steps:
    """Explain why a vector is, or is not, among the results of a query."""
    target, top_k = members.text("target"), members.integer("top_k", 10, 1, _TOP_K)
    names, question = read_names(members), _read_question(service, members)
    yield report("reading", 0)
    vector = read_stored(service, names, target, data=True, metadata=True)
    if vector is None:
        return _build_explanation(None, _Place(None, 0, {}), None, [], None, question.mode)
    # The depth of a hybrid query changes its ranking
    depth = top_k if question.mode == "hybrid" else RANKING
    place = yield from _find(service, question.request, target, depth)
    if place.rank is None and depth < RANKING:
        place = yield from _find(service, question.request, target, RANKING)
    parts, unfiltered = [], None
    if "filter" in question.request:
        metadata = vector.get("metadata") or {}
        parts = explain_filter(question.request["filter"], metadata, service.choices)
        if place.rank is None:
            request = {k: v for k, v in question.request.items() if k != "filter"}
            unfiltered = yield from _find(service, request, target, RANKING)
    measured = None
    if "queryVector" in question.request:
        metric = service.call("GetIndex", names)["index"]["distanceMetric"]
        measured = _measure(vector, question.request["queryVector"], metric, service.choices)
    return _build_explanation(vector, place, unfiltered, parts, measured, question.mode)


def _find(
    service: Service, request: Mapping[str, Any], target: str, depth: int
) -> Generator[Progress, None, _Place]:
    """Look for a key in a ranking, to the maximum depth of a query."""
    scores = {"returnScores": True} if "queryTexts" in request else {}
    seen = 0
    for page in query_pages(service, {**request, "topK": depth, "returnDistance": True, **scores}):
        for position, result in enumerate(page["vectors"], seen + 1):
            if result["key"] == target:
                return _Place(position, position, _describe_result(result))
        seen += len(page["vectors"])
        yield report("ranking", seen, depth)
    return _Place(None, seen, {})


def _build_explanation(  # noqa: PLR0913, PLR0917 - in the order in which they were read
    vector: Mapping[str, Any] | None,
    place: _Place,
    unfiltered: _Place | None,
    parts: list[dict[str, Any]],
    measured: float | None,
    mode: str,
) -> dict[str, Any]:
    result = place.result or (unfiltered.result if unfiltered else {})
    return {
        "exists": vector is not None,
        "rank": place.rank,
        "of": place.depth,
        "rank_without_filter": None if unfiltered is None else unfiltered.rank,
        "distance": result.get("distance", measured),
        "text_score": result.get("text_score"),
        "filter": parts,
        "reason": "No vector has this key." if vector is None else _say_why(place, parts, mode),
    }


def _measure(
    vector: Mapping[str, Any], query_vector: Mapping[str, Any], metric: str, choices: Choices
) -> float:
    """Compute the distance of a vector to the query's, as the service does."""
    stored = np.asarray(vector["data"]["float32"], np.float32)[None]
    queried = np.asarray(query_vector["float32"], np.float32)
    distances = measure_distances(stored, np.zeros(1, np.intp), queried, metric)
    squared = (metric, choices.euclidean) == ("euclidean", "squared")
    return float(square_distances(distances)[0] if squared else distances[0])


def _say_why(place: _Place, parts: Sequence[Mapping[str, Any]], mode: str) -> str:
    if place.rank is not None:
        return f"It is result {place.rank:,} of the query."
    if failing := _list_failing(parts):
        return f"The filter excludes this vector: it does not match at {', '.join(failing)}."
    if place.depth >= RANKING:
        return f"It is not among the first {RANKING:,} results, the most that a query returns."
    if mode == "text":
        return "Its text has none of the words of the query."
    return "It is not among the results."


def _list_failing(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of the conditions that exclude a vector."""
    groups = [part for part in parts if "value" not in part]
    return [
        part["path"]
        for part in parts
        if "value" in part
        and not part["holds"]
        and not any(part["path"].startswith(f"{g['path']}/") and g["holds"] for g in groups)
    ]
