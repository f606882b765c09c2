"""Bodies of requests and answers, with orjson instead of a Python loop over every number.

botocore checks, copies and writes each number of each vector in Python: more than a
millisecond a vector. Its public events let the few operations that carry many numbers do
without: botocore gets a request with a placeholder, and `before-call` puts in the body that
was written here; `before-parse` hands over an answer that was read here. Endpoints,
credentials, signing, retries and errors stay botocore's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final

import orjson

PLACEHOLDER: Final = (0.0,)
"""Stands for a vector in the request that botocore sees."""

_READ: Final = ("GetVectors", "ListVectors", "QueryVectors")

_body: ContextVar[bytes | None] = ContextVar("_body", default=None)


def register(events: Any) -> None:
    """Make a boto3 `s3vectors` client's events use this module."""
    events.register("before-call.s3vectors", _send)
    for operation in _READ:
        events.register(f"before-parse.s3vectors.{operation}", _read)


@contextmanager
def sending(body: bytes) -> Iterator[None]:
    """Requests made inside carry this body instead of their own."""
    token = _body.set(body)
    try:
        yield
    finally:
        _body.reset(token)


def dumps(document: Any) -> bytes:
    """JSON; numpy arrays are lists of numbers."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _send(params: dict[str, Any], **_: Any) -> None:
    body = _body.get()
    if body is not None:
        params["body"] = body


def _read(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """The answer as the service wrote it: this API's names are botocore's, too."""
    if response_dict["status_code"] != HTTPStatus.OK:
        return  # botocore reads errors
    try:
        answer = orjson.loads(response_dict["body"])
    except orjson.JSONDecodeError:
        return  # and complains of what is none
    if isinstance(answer, dict):
        customized_response_dict.update(answer)
        response_dict["body"] = b"{}"
