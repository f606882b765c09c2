"""Records and JSON, page tokens, and the time. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.errors import InvalidInputError

Record: TypeAlias = dict[str, Any]

ACTIVE: Final = "active"
DELETING: Final = "deleting"
PURGING: Final = "purging"
PURGED: Final = "purged"
"""A document's statuses: listed; in the trash; being deleted for good; deleted."""


def encode_record(record: Record) -> str:
    """A record as JSON.

    Raises:
        InvalidInputError: it has a value that JSON cannot hold.
    """
    try:
        return json.dumps(record)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"a document's fields cannot be stored: {error}; they may be null, true, false, "
            "numbers, strings, lists and objects"
        ) from error


def decode_record(text: str) -> Record:
    """The record of a row."""
    record: Record = json.loads(text)
    return record


def check_text(name: str, value: Any) -> str:
    """A string that a column can hold.

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
    """How many rows to return.

    Raises:
        InvalidInputError: it is not a whole number of 1 or more.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidInputError(f"limit is {limit!r:.80}; it must be a whole number, 1 or more")
    return limit


def read_namespace(namespace: str | None) -> str:
    """The column's value for a namespace; Stache's documents without one have none."""
    return "" if namespace is None else check_text("namespace", namespace)


def format_time(moment: datetime) -> str:
    """A time as text whose order is that of the times."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def read_clock() -> datetime:
    """The time."""
    return datetime.now(timezone.utc)


def encode_token(values: Sequence[str]) -> str:
    """A page token of text: where the page ended."""
    return base64.b64encode(json.dumps(list(values)).encode()).decode()


def decode_token(token: Any, count: int) -> list[str]:
    """Where a page ended.

    Raises:
        InvalidInputError: no page ended so.
    """
    try:
        values = json.loads(base64.b64decode(token, validate=True))
    except (TypeError, ValueError, binascii.Error):
        values = None
    return check_position(values, token, count)


def check_position(values: Any, token: Any, count: int) -> list[str]:
    """Where a page ended, as so many strings.

    Raises:
        InvalidInputError: no page ended so.
    """
    valid = isinstance(values, list) and all(isinstance(value, str) for value in values)
    if not valid or len(values) != count:
        raise InvalidInputError(
            f"the page token is {token!r:.80}; use the next_key of the page before, unchanged, "
            "with the same namespace"
        )
    return [check_text("the page token", value) for value in values]
