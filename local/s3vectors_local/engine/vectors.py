"""Operations on vectors, except queries."""

from __future__ import annotations

import numpy as np

from s3vectors_local import limits, tokens
from s3vectors_local.arns import Caller
from s3vectors_local.errors import ValidationException
from s3vectors_local.table import StoredVector
from s3vectors_local.validation import (
    check_keys_differ,
    metadata_size,
    narrowed,
    parse_records,
)

from .state import Request, Response, State


def put_vectors(state: State, request: Request, caller: Caller) -> Response:
    """PutVectors: all of the request or, when one record is bad, none of it."""
    index = state.index(request, caller)
    told = index.configuration
    records = parse_records(request["vectors"], told.dimension, told.metric, told.hidden)
    if state.choices.repeated_keys == "refused":
        check_keys_differ(records.keys)
    if state.choices.numbers == "single":
        records = narrowed(records)
    index.put(records)
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
    for vector in index.after(last, segment, segments):
        full = len(found) == request.get("maxResults", limits.LIST_PAGE)
        if full or size >= limits.LIST_PAGE_BYTES:
            return {"vectors": found, "nextToken": tokens.seal(state.storage.secret, scope, last)}
        found.append(_output(vector, request))
        size += len(vector.key.encode()) + len(vector.data) + metadata_size(vector.metadata)
        last = vector.row
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


def _output(vector: StoredVector, request: Request) -> Response:
    found: Response = {"key": vector.key}
    if request.get("returnData"):
        found["data"] = {"float32": np.frombuffer(vector.data, "<f4")}
    if request.get("returnMetadata"):
        found["metadata"] = vector.metadata
    return found
