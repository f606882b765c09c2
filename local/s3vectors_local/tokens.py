"""Page tokens: opaque, bound to the request they came from, and proof against tampering."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

from .errors import ValidationException

_DIGEST_BYTES = 16


def seal(secret: bytes, scope: Any, position: Any) -> str:
    """A token for a JSON `position` that only a request of the same `scope` can use."""
    payload = orjson.dumps(position)
    return base64.urlsafe_b64encode(_digest(secret, scope, payload) + payload).decode()


def position(secret: bytes, scope: Any, token: str) -> Any:
    """The position inside a token.

    Raises:
        ValidationException: not a token of this engine, changed, or of another request.
    """
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    known = hmac.compare_digest(digest, _digest(secret, scope, payload))
    # base64 has spare bits at its end, which are not to be changed either
    if not known or base64.urlsafe_b64encode(raw).decode() != token:
        message = "Invalid nextToken"
        raise ValidationException(message, ("nextToken", message))
    return orjson.loads(payload)


def _digest(secret: bytes, scope: Any, payload: bytes) -> bytes:
    message = orjson.dumps(scope, option=orjson.OPT_SORT_KEYS) + b"\0" + payload
    return hmac.new(secret, message, hashlib.sha256).digest()[:_DIGEST_BYTES]
