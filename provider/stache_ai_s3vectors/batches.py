"""Records as bodies of PutVectors, within the service's count and bytes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import limits
from .bodies import dumps
from .inputs import Numbers

_SPARE: Final = 0.95
"""How full a body is planned to be: texts differ in length."""


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
    body: bytes


def batches(bucket: str, index: str, records: Sequence[Record]) -> Iterator[Batch]:
    """The requests that store records, each written when it is asked for.

    A body is written at once, which is faster than record by record. How many records it may
    have is guessed from the size of the one before; when it comes out too large, it is
    written again with half of them.
    """
    names = {"vectorBucketName": bucket, "indexName": index}
    start = 0
    count = _fitting(len(dumps(_entry(records[0])))) if records else 0
    while start < len(records):
        part = records[start : start + count]
        body = dumps({**names, "vectors": list(map(_entry, part))})
        if len(body) > limits.REQUEST_BODY_BYTES and count > 1:
            count //= 2
            continue
        yield Batch([record.key for record in part], body)
        start += len(part)
        count = _fitting(len(body) / len(part))


def _fitting(bytes_each: float) -> int:
    wanted = int(_SPARE * limits.REQUEST_BODY_BYTES / bytes_each)
    return max(1, min(limits.PUT_BATCH, wanted))


def _entry(record: Record) -> dict[str, Any]:
    return {
        "key": record.key,
        "data": {"float32": record.vector},
        "metadata": record.metadata,
    }
