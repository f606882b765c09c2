"""Records as bodies of PutVectors, within the service's count and bytes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stache_ai_s3vectors.chunks.arguments import Numbers, to_floats
from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits

from .bodies import encode_json

_BEFORE: Final = b'{"data":{"float32":'
_BEHIND: Final = b"},"
_END: Final = b"]}"


@dataclass(frozen=True)
class Record:
    """One vector as PutVectors takes it."""

    key: str
    vector: Numbers
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """One PutVectors request."""

    keys: list[str]
    body: bytearray


def encode_batches(names: Mapping[str, str], records: Sequence[Record]) -> Iterator[Batch]:
    """The requests that store records, each written when it is asked for.

    Args:
        names: the members that name the index.
        records: what is to be stored.

    Raises:
        InvalidInputError: a vector holds something that is no number; before the first
            request is handed out, whichever it would be in.
    """
    head = encode_json({**names})[:-1] + b',"vectors":['
    # One buffer that grows: on many machines fresh memory costs more than what is written to it
    keys, body = list[str](), bytearray(head)
    for position, record in enumerate(records):
        vector = _encode_vector(position, record)
        rest = encode_json({"key": record.key, "metadata": record.metadata})[1:]
        size = len(_BEFORE) + len(vector) + len(_BEHIND) + len(rest)
        full = len(body) + size + len(_END) > limits.REQUEST_BODY_BYTES
        if keys and (full or len(keys) == limits.PUT_BATCH):
            if len(keys) == position:  # the first: what is not written yet must be fine, too
                _check_rest(records, position)
            yield Batch(keys, _close_body(body))
            keys, body = [], bytearray(head)
        keys.append(record.key)
        body += _BEFORE
        body += vector
        body += _BEHIND
        body += rest
        body += b","
    if keys:
        yield Batch(keys, _close_body(body))


def _close_body(body: bytearray) -> bytearray:
    body[-1:] = _END  # instead of the last comma
    return body


def _check_rest(records: Sequence[Record], start: int) -> None:
    for position in range(start, len(records)):
        if isinstance(records[position].vector, list):
            _convert_to_floats(position, records[position])


def _encode_vector(position: int, record: Record) -> bytes:
    """A vector as JSON; `check_vector` has left to us what is a number in Python only."""
    try:
        written = encode_json(record.vector)
        if b"u" not in written and b"s" not in written:  # as true, false and null have them
            return written
    except InvalidInputError:
        pass  # it may be of numbers that JSON writers do not know
    return encode_json(_convert_to_floats(position, record))


def _convert_to_floats(position: int, record: Record) -> list[float]:
    try:
        return to_floats(record.vector)
    except InvalidInputError as error:
        raise InvalidInputError(f"item {position} (id {record.key!r}): {error}") from error
