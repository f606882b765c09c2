"""What every answer of the console has: its headers, and how an error is said."""

from __future__ import annotations

from typing import Any, Final

import orjson

from s3vectors_local.errors import ServiceError
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
"""Of everything that is sent: no other host, nothing inline, no frame of another page."""

DATA_HEADERS: Final = {**HEADERS, "cache-control": "no-store"}


def build_json_response(status: int, document: Any) -> Response:
    """An answer in JSON."""
    body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(status, {**DATA_HEADERS, "content-type": "application/json"}, body)


def build_refusal(error: ServiceError) -> Response:
    """The answer that says why not."""
    return build_json_response(error.status, describe_error(error))._replace(reason=error.code)


def describe_error(error: ServiceError) -> dict[str, Any]:
    """An error as the page shows it."""
    named = {} if error.statement is None else {"statement": error.statement}
    return {"code": error.code, "message": error.message, **named}
