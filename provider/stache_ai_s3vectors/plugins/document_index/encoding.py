"""Records and page tokens as text, checks of values, and the time. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, TypeAlias

from stache_ai_s3vectors.errors import InvalidInputError

DocumentRecord: TypeAlias = dict[str, Any]


def encode_record(record: DocumentRecord) -> str:
    """Encode a record as JSON.

    Raises:
        InvalidInputError: a value cannot be JSON.
    """
    try:
        return json.dumps(record)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"a document's fields cannot be stored: {error}; they may be null, true, false, "
            "numbers, strings, lists and objects"
        ) from error


def decode_record(text: str) -> DocumentRecord:
    """Decode a record."""
    record: DocumentRecord = json.loads(text)
    return record


def check_text(name: str, value: Any) -> str:
    """Check a string for a column; returns it.

    Raises:
        InvalidInputError: it is not a string, or has half a surrogate pair.
    """
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is {value!r:.80}; it must be a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{name} is {value!r:.80}, which has half a surrogate pair; it must be valid Unicode"
        ) from error
    return value


def check_limit(limit: Any) -> int:
    """Check a limit of rows; returns it.

    Raises:
        InvalidInputError: it is not a whole number of 1 or more.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidInputError(f"limit is {limit!r:.80}; it must be a whole number, 1 or more")
    return limit


def encode_namespace(namespace: str | None) -> str:
    """Convert a namespace to its column; None is an empty string."""
    return "" if namespace is None else check_text("namespace", namespace)


def format_time(moment: datetime) -> str:
    """Format a time so that texts have the order of their times."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def read_clock() -> datetime:
    """Read the current time."""
    return datetime.now(timezone.utc)


def encode_token(values: Sequence[str]) -> str:
    """Encode the position at which a page ended as a page token."""
    return base64.b64encode(json.dumps(list(values)).encode()).decode()


def decode_token(token: Any, count: int) -> list[str]:
    """Decode a page token to the position at which the page ended.

    Raises:
        InvalidInputError: it is not a token of this list.
    """
    try:
        values = json.loads(base64.b64decode(token, validate=True))
    except (TypeError, ValueError, binascii.Error):
        values = None
    return check_position(values, token, count)


def check_position(values: Any, token: Any, count: int) -> list[str]:
    """Check a position, which has `count` strings; returns it.

    Raises:
        InvalidInputError: it is not a position of this list.
    """
    valid = isinstance(values, list) and all(isinstance(value, str) for value in values)
    if not valid or len(values) != count:
        raise InvalidInputError(
            f"the page token is {token!r:.80}; use the next_key of the page before, unchanged, "
            "with the same namespace"
        )
    return [check_text("the page token", value) for value in values]
