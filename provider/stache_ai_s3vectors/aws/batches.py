"""Batches: the bodies of PutVectors requests, within the limits on vectors and bytes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from stache_ai_s3vectors.chunks.vectors import Numbers, encode_vector, to_floats
from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits

from .bodies import encode_json

T = TypeVar("T")

_START: Final = b'{"data":{"float32":'
_MIDDLE: Final = b"},"
_END: Final = b"]}"


@dataclass(frozen=True)
class Record:
    """One vector, to store or as read. If it was read, its numbers are unparsed or left out."""

    key: str
    vector: Numbers
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """One PutVectors request."""

    keys: list[str]
    body: bytearray


def encode_batches(parameters: Mapping[str, str], records: Sequence[Record]) -> Iterator[Batch]:
    """The requests that store records; each is encoded when it is asked for.

    Args:
        parameters: the request parameters that name the index.
        records: their vectors have passed `check_range`.

    Raises:
        InvalidInputError: a vector contains something that is not a number. It is raised before
            the first request, whichever request would contain the vector.
    """
    head = encode_json({**parameters})[:-1] + b',"vectors":['
    # One buffer that grows: on many machines fresh memory costs more than what is written to it
    keys, body = list[str](), bytearray(head)
    for position, record in enumerate(records):
        vector = _apply(encode_vector, position, record)
        rest = encode_json({"key": record.key, "metadata": record.metadata})[1:]
        size = len(_START) + len(vector) + len(_MIDDLE) + len(rest)
        full = len(body) + size + len(_END) > limits.REQUEST_BODY_BYTES
        if keys and (full or len(keys) == limits.PUT_BATCH):
            if len(keys) == position:  # the first request: check all that is not encoded yet
                _check_rest(records, position)
            yield Batch(keys, _close_body(body))
            keys, body = [], bytearray(head)
        keys.append(record.key)
        body += _START
        body += vector
        body += _MIDDLE
        body += rest
        body += b","
    if keys:
        yield Batch(keys, _close_body(body))


def split_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Split items into batches of a size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _close_body(body: bytearray) -> bytearray:
    body[-1:] = _END  # replaces the last comma
    return body


def _check_rest(records: Sequence[Record], start: int) -> None:
    for position in range(start, len(records)):
        if isinstance(records[position].vector, list):
            _apply(to_floats, position, records[position])


def _apply(function: Callable[[Numbers], T], position: int, record: Record) -> T:
    """Call a function with a record's vector; an error names the record."""
    try:
        return function(record.vector)
    except InvalidInputError as error:
        raise InvalidInputError(f"item {position} (id {record.key!r}): {error}") from error
