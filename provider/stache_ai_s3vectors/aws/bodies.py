"""Bodies of requests and responses, with orjson instead of a Python loop over every number.

botocore checks, copies and encodes each number of each vector in Python, which takes more than a
millisecond per vector. Its public events avoid that for the few operations with many numbers:
botocore gets a request with a placeholder, and `before-call` replaces the body with the one
encoded here; `before-parse` parses the response here. botocore still does endpoints, credentials,
signing, retries and errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final

import orjson

from stache_ai_s3vectors.chunks.vectors import UnreadVector
from stache_ai_s3vectors.errors import InvalidInputError, S3VectorsError

from .retries import TRUNCATED

PLACEHOLDER: Final = (0.0,)
"""The placeholder of a vector in the request that botocore sees."""

_SENT: Final = ("PutVectors", "QueryVectors")
_READ: Final = ("GetVectors", "ListVectors", "QueryVectors")

_VECTOR: Final = re.compile(rb'"data"\s*:\s*\{\s*"float32"\s*:\s*(\[[^\]]*\])\s*\}')
"""A vector's numbers in a response. Metadata cannot match: it has no objects."""

_body: ContextVar[bytes | bytearray | None] = ContextVar("_body", default=None)
_unread: ContextVar[bool] = ContextVar("_unread", default=False)


def register(events: Any) -> None:
    """Register this module's handlers with a boto3 `s3vectors` client."""
    for operation in _SENT:
        events.register(f"before-call.s3vectors.{operation}", _send)
    events.register("before-parse.s3vectors", _read)


@contextmanager
def send_body(body: bytes | bytearray) -> Iterator[None]:
    """Replace the body of requests in the `with` block."""
    token = _body.set(body)
    try:
        yield
    finally:
        _body.reset(token)


@contextmanager
def leave_vectors_unread(*, when: bool) -> Iterator[None]:
    """Leave vectors in responses unread in the `with` block, as JSON.

    To copy or compare vectors, no Python object per number is needed; creating those objects is
    nine tenths of the time that parsing a response takes.
    """
    token = _unread.set(when)
    try:
        yield
    finally:
        _unread.reset(token)


def encode_json(document: Any) -> bytes:
    """Encode a document as JSON; an `orjson.Fragment` is JSON already.

    Raises:
        InvalidInputError: a value cannot be JSON.
    """
    try:
        return orjson.dumps(document, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError as error:
        raise InvalidInputError(f"the request cannot be encoded as JSON: {error}") from error


def _send(params: dict[str, Any], **_: Any) -> None:
    body = _body.get()
    if body is not None:
        params["body"] = body


def _read(
    operation_model: Any,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    """Parse a response. Mark a truncated one for `retries`, because botocore would accept it.

    botocore disables its HTTP library's check of the announced length.
    """
    body, announced = response_dict["body"], response_dict["headers"].get("content-length", "")
    if announced.isdecimal() and len(body) < int(announced):
        customized_response_dict[TRUNCATED] = True
        response_dict["body"] = b"{}"
    elif response_dict["status_code"] == HTTPStatus.OK:
        answer = _parse_body(body or b"{}", operation_model)
        if operation_model.name in _READ:  # this API and botocore use the same names
            customized_response_dict.update(answer)
            response_dict["body"] = b"{}"


def _parse_body(body: bytes, operation: Any) -> dict[str, Any]:
    """Parse the body of a 200; botocore accepts any, for example a web page.

    Raises:
        S3VectorsError: it is not a JSON object, or lacks a required member.
    """
    try:
        answer = _parse_without_vectors(body) if _unread.get() else orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise _build_foreign_error(operation.name, f"{body[:80]!r}")
    missing = [n for n in operation.output_shape.required_members if answer.get(n) is None]
    if missing:
        raise _build_foreign_error(operation.name, f"it has no {', '.join(missing)}")
    return answer


def _parse_without_vectors(body: bytes) -> Any:
    vectors_json: list[bytes] = []

    def leave(match: re.Match[bytes]) -> bytes:
        vectors_json.append(b"".join(match[1].split()))  # on one line, as JSON Lines files need it
        return b'"data":{"float32":%d}' % (len(vectors_json) - 1)

    answer = orjson.loads(_VECTOR.sub(leave, body))
    for vector in answer.get("vectors", ()) if vectors_json and isinstance(answer, dict) else ():
        data = vector.get("data")
        if data:
            data["float32"] = UnreadVector(vectors_json[data["float32"]])
    return answer


def _build_foreign_error(operation: str, why: str) -> S3VectorsError:
    return S3VectorsError(
        f"{operation}: the response is not from S3 Vectors, check the endpoint: {why}"
    )
