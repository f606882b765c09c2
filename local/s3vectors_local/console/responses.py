"""The headers of every response of the console, and the format of errors."""

from __future__ import annotations

from typing import Any, Final

import orjson

from s3vectors_local.errors import InternalServerException, ServiceError
from s3vectors_local.wire import Response

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""The headers of all responses: no other host, nothing inline, no frame in another page."""

DATA_HEADERS: Final = {**HEADERS, "cache-control": "no-store"}


def build_json_response(status: int, document: Any) -> Response:
    """A JSON response."""
    body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(status, {**DATA_HEADERS, "content-type": "application/json"}, body)


def build_refusal(error: ServiceError) -> Response:
    """The response for an error."""
    return build_json_response(error.status, describe_error(error))._replace(reason=error.code)


def build_failure() -> InternalServerException:
    """The error for what the console did not expect; the log has the traceback."""
    return InternalServerException("The console failed; see its log")


def describe_error(error: ServiceError) -> dict[str, Any]:
    """An error as the page shows it."""
    named = {} if error.statement is None else {"statement": error.statement}
    return {"code": error.code, "message": error.message, **named}
