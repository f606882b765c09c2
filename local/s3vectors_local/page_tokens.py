"""Page tokens: opaque, tamper-proof and valid only for the same request."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

from .errors import ValidationException

_DIGEST_BYTES = 16


def encode(secret: bytes, scope: Any, position: Any) -> str:
    """Encode a JSON position in a token that only a request with the same scope can use."""
    payload = orjson.dumps(position)
    return base64.urlsafe_b64encode(_compute_digest(secret, scope, payload) + payload).decode()


def decode(secret: bytes, scope: Any, token: str) -> Any:
    """Decode the position in a token.

    Raises:
        ValidationException: the token was changed, or is of another engine or request.
    """
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    valid = hmac.compare_digest(digest, _compute_digest(secret, scope, payload))
    # base64 has spare bits at its end, which must not be changed either
    if not valid or base64.urlsafe_b64encode(raw).decode() != token:
        message = "Invalid nextToken"
        raise ValidationException(message, ("nextToken", message))
    return orjson.loads(payload)


def _compute_digest(secret: bytes, scope: Any, payload: bytes) -> bytes:
    message = orjson.dumps(scope, option=orjson.OPT_SORT_KEYS) + b"\0" + payload
    return hmac.new(secret, message, hashlib.sha256).digest()[:_DIGEST_BYTES]
