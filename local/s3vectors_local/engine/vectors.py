"""Operations on vectors, except queries."""

from __future__ import annotations

import numpy as np

from s3vectors_local import limits, page_tokens
from s3vectors_local.arns import Caller
from s3vectors_local.errors import ValidationException
from s3vectors_local.table import StoredVector
from s3vectors_local.validation import (
    check_keys_differ,
    metadata_size,
    narrow,
    parse_records,
)

from .state import Request, Response, State


def put_vectors(state: State, request: Request, caller: Caller) -> Response:
    """PutVectors: stores all vectors, or none if one is invalid."""
    index = state.find_index(request, caller)
    configuration = index.configuration
    records = parse_records(
        request["vectors"],
        configuration.dimension,
        configuration.metric,
        configuration.non_filterable_set,
    )
    if state.choices.repeated_keys == "refused":
        check_keys_differ(records.keys)
    if state.choices.numbers == "single":
        records = narrow(records)
    index.put(records)
    return {}


def get_vectors(state: State, request: Request, caller: Caller) -> Response:
    """GetVectors: the existing vectors, each once, and not in the order of the keys, as on AWS."""
    index = state.find_index(request, caller)
    rows = {row for key in request["keys"] if (row := index.find_row(key)) is not None}
    return {"vectors": [_build_result(index.read_vector(row), request) for row in sorted(rows)]}


def list_vectors(state: State, request: Request, caller: Caller) -> Response:
    """ListVectors: by row; a page ends after `maxResults` vectors or 1 MB."""
    index = state.find_index(request, caller)
    segment, segments = _parse_segment(request)
    configuration = index.configuration
    scope = ["ListVectors", configuration.arn, configuration.created, segment, segments]
    token = request.get("nextToken")
    last = page_tokens.decode(state.storage.secret, scope, token) if token else -1
    page: list[Response] = []
    size = 0
    for vector in index.read_after(last, segment, segments):
        full = len(page) == request.get("maxResults", limits.LIST_PAGE)
        if full or size >= limits.LIST_PAGE_BYTES:
            return {
                "vectors": page,
                "nextToken": page_tokens.encode(state.storage.secret, scope, last),
            }
        page.append(_build_result(vector, request))
        size += len(vector.key.encode()) + len(vector.data) + metadata_size(vector.metadata)
        last = vector.row
    return {"vectors": page}


def _parse_segment(request: Request) -> tuple[int, int]:
    segment, segments = request.get("segmentIndex"), request.get("segmentCount")
    if segment is None and segments is None:
        return 0, 1
    if segment is None or segments is None:
        raise ValidationException("segmentCount and segmentIndex must be specified together")
    if segment >= segments:
        raise ValidationException("segmentIndex must be less than segmentCount")
    return segment, segments


def delete_vectors(state: State, request: Request, caller: Caller) -> Response:
    """DeleteVectors; keys without a vector are ignored."""
    state.find_index(request, caller).delete(request["keys"])
    return {}


def _build_result(vector: StoredVector, request: Request) -> Response:
    result: Response = {"key": vector.key}
    if request.get("returnData"):
        result["data"] = {"float32": np.frombuffer(vector.data, "<f4")}
    if request.get("returnMetadata"):
        result["metadata"] = vector.metadata
    return result
