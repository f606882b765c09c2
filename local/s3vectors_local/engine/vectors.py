"""Operations on vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from s3vectors_local import filters, limits, tokens
from s3vectors_local.arns import Caller
from s3vectors_local.errors import ValidationException
from s3vectors_local.index import Index
from s3vectors_local.storage import StoredVector
from s3vectors_local.validation import metadata_size, parse_query_vector, parse_records

from .state import Request, Response, State


def put_vectors(state: State, request: Request, caller: Caller) -> Response:
    """PutVectors: all of the request or, when one record is bad, none of it."""
    index = state.index(request, caller)
    told = index.configuration
    index.put(parse_records(request["vectors"], told.dimension, told.metric, told.hidden))
    return {}


def get_vectors(state: State, request: Request, caller: Caller) -> Response:
    """GetVectors: the vectors that exist, each once, and not in the order asked, as on AWS."""
    index = state.index(request, caller)
    rows = {row for key in request["keys"] if (row := index.row(key)) is not None}
    return {"vectors": [_output(index.vector(row), request) for row in sorted(rows)]}


def list_vectors(state: State, request: Request, caller: Caller) -> Response:
    """ListVectors: by row, until `maxResults` vectors or 1 MB are on the page."""
    index = state.index(request, caller)
    segment, segments = _segment(request)
    told = index.configuration
    scope = ["ListVectors", told.arn, told.created, segment, segments]
    token = request.get("nextToken")
    last = tokens.position(state.storage.secret, scope, token) if token else -1
    found: list[Response] = []
    size = 0
    for row in index.rows_after(last, segment, segments):
        full = len(found) == request.get("maxResults", limits.LIST_PAGE)
        if full or size >= limits.LIST_PAGE_BYTES:
            return {"vectors": found, "nextToken": tokens.seal(state.storage.secret, scope, last)}
        vector = index.vector(row)
        found.append(_output(vector, request))
        size += len(vector.key.encode()) + len(vector.data) + metadata_size(_metadata(vector))
        last = row
    return {"vectors": found}


def _segment(request: Request) -> tuple[int, int]:
    segment, segments = request.get("segmentIndex"), request.get("segmentCount")
    if segment is None and segments is None:
        return 0, 1
    if segment is None or segments is None:
        raise ValidationException("segmentCount and segmentIndex must be specified together")
    if segment >= segments:
        raise ValidationException("segmentIndex must be less than segmentCount")
    return segment, segments


def delete_vectors(state: State, request: Request, caller: Caller) -> Response:
    """DeleteVectors; keys that hold no vector are passed over."""
    state.index(request, caller).delete(request["keys"])
    return {}


def query_vectors(state: State, request: Request, caller: Caller) -> Response:
    """QueryVectors: the exact nearest among those that pass the filter, a page at a time."""
    index = state.index(request, caller)
    told = index.configuration
    _check_query(request, index)
    query = parse_query_vector(request["queryVector"], told.dimension, told.metric)
    condition = None
    if "filter" in request:
        enhanced = told.enhanced or request.get("queryMode") == "ENHANCED"
        condition = filters.parse(request["filter"], told.hidden, enhanced=enhanced)
    asked = [query.tolist(), request["topK"], request.get("filter")]
    scope = ["QueryVectors", told.arn, told.created, *asked]
    token = request.get("nextToken")
    start = tokens.position(state.storage.secret, scope, token) if token else 0
    end = min(start + limits.QUERY_PAGE, request["topK"])
    # One more than the page holds tells whether another follows
    found = index.search(query, min(end + 1, request["topK"]), condition)
    response: Response = {
        "vectors": [_match(index, row, distance, request) for row, distance in found[start:end]],
        "distanceMetric": told.metric,
    }
    if len(found) > end:
        response["nextToken"] = tokens.seal(state.storage.secret, scope, end)
    return response


def _check_query(request: Request, index: Index) -> None:
    if request["topK"] > limits.TOP_K:
        rule = f"Member must be less than or equal to {limits.TOP_K}"
        message = f"Value at '/topK' failed to satisfy constraint: {rule}"
        raise ValidationException(f"1 validation error detected. {message}", ("/topK", message))
    if "queryVector" not in request:
        message = "Must specify queryVector"
        raise ValidationException(message, ("queryVector", message))
    if request.get("queryMode") == "CLASSIC" and index.configuration.enhanced:
        raise ValidationException("queryMode cannot be CLASSIC when indexMode is ENHANCED")


def _match(index: Index, row: int, distance: float, request: Request) -> Response:
    vector = index.vector(row)
    found: Response = {"key": vector.key}
    if request.get("returnDistance"):
        found["distance"] = distance
    if request.get("returnMetadata"):
        found["metadata"] = _metadata(vector)
    return found


def _output(vector: StoredVector, request: Request) -> Response:
    found: Response = {"key": vector.key}
    if request.get("returnData"):
        found["data"] = {"float32": np.frombuffer(vector.data, "<f4")}
    if request.get("returnMetadata"):
        found["metadata"] = _metadata(vector)
    return found


def _metadata(vector: StoredVector) -> dict[str, Any]:
    return {**orjson.loads(vector.filterable), **orjson.loads(vector.rest)}
