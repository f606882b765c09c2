"""The protocol: (method, path, headers, body) in, (status, headers, body) out.

S3 Vectors speaks AWS's rest-json: `POST /OperationName` with a JSON body; an error has
its code in the `x-amzn-errortype` header and its text in the body.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from .arns import DEFAULT_ACCOUNT, Caller
from .engine import Engine
from .errors import (
    InternalServerException,
    SerializationException,
    ServiceError,
    UnknownOperationException,
    ValidationException,
)
from .limits import REQUEST_BODY_BYTES

_LOG = logging.getLogger(__name__)
_CREDENTIAL: Final = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/s3vectors/aws4_request")
_ACCOUNT: Final = re.compile(r"\d{12}")
_TAG_OPERATIONS: Final = {
    "GET": "ListTagsForResource",
    "POST": "TagResource",
    "DELETE": "UntagResource",
}


class Answer(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def answer(
    engine: Engine, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Answer one HTTP request; every fault becomes an answer too.

    Args:
        engine: who answers.
        method: such as "POST".
        path: such as "/QueryVectors".
        headers: with names in lower case.
        body: the request's body.
    """
    try:
        operation = _operation(method, path)
        response = engine.call(operation, _request(body), _caller(headers))
        return _answer(200, response)
    except ServiceError as error:
        return refusal(error)
    except Exception:  # noqa: BLE001 - the answer to whatever else is a 500, and a log entry
        _LOG.exception("%s %s failed", method, path)
        return refusal(InternalServerException("s3vectors-local failed; its log says how"))


def refusal(error: ServiceError) -> Answer:
    """The answer that says no."""
    return _answer(error.status, error.body(), error.code)


def _operation(method: str, path: str) -> str:
    if path.startswith("/tags/") and method in _TAG_OPERATIONS:
        return _TAG_OPERATIONS[method]
    if method != "POST":
        raise UnknownOperationException(f"No operation is {method} {path}")
    return path.removeprefix("/")


def _request(body: bytes) -> dict[str, Any]:
    if len(body) > REQUEST_BODY_BYTES:
        raise ValidationException("Request body exceeds max allowed size")
    try:
        request = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"The request body is not valid JSON: {error}") from error
    if not isinstance(request, dict):
        raise SerializationException("The request body is not a JSON object")
    return request


def _caller(headers: Mapping[str, str]) -> Caller:
    """The account and region in the credential scope of the request's signature.

    An access key id of twelve digits is taken as the account; the signature itself is
    not verified.
    """
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    if found is None:
        return Caller()
    key, region = found.groups()
    return Caller(key if _ACCOUNT.fullmatch(key) else DEFAULT_ACCOUNT, region)


def _answer(status: int, document: Mapping[str, Any], code: str | None = None) -> Answer:
    headers = {"content-type": "application/json", "x-amzn-requestid": str(uuid.uuid4())}
    if code is not None:
        headers["x-amzn-errortype"] = code
    return Answer(status, headers, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
