"""Records into an index, from another one or a file: only what differs there is written.

Nothing is remembered between runs. Each looks at what the destination has, so a run that
was interrupted is completed by another, vectors that are there already are not written
again, and the verification is the same comparison without the writing.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

from . import limits
from .answers import Description
from .batches import Record
from .bodies import Unread, numbers
from .errors import ConfigurationError, PartialWriteError, S3VectorsError
from .parallel import in_flight, slices
from .vector_index import Progress, VectorIndex

Finish: TypeAlias = Callable[[Sequence[Record]], Sequence[Record]]
"""Makes of records that are not in the destination what is put there."""

AT_A_TIME: Final = 4
"""Chunks under way: one is read while others are compared and written."""


@dataclass
class Tally:
    """What became of the records so far.

    Args:
        same: were in the destination already, with the same content.
        left_out: keys of those that `finish` could not make anything of, and why.
    """

    written: int = 0
    same: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """All of them."""
        return self.written + self.same + len(self.left_out)


def check_fit(source: Description, destination: Description, name: str) -> None:
    """Refuse a destination that cannot hold what the source has, before anything is written.

    Raises:
        ConfigurationError: another dimension, or a key that is filterable only there.
    """
    if source.dimension != destination.dimension:
        raise ConfigurationError(
            f"the vectors have {source.dimension} dimensions, index {name} has "
            f"{destination.dimension}; use an index of {source.dimension}, or stache-s3vectors "
            "reembed to make new vectors of the texts"
        )
    check_keys(source, destination, name)


def check_keys(source: Description, destination: Description, name: str) -> None:
    """The keys' part of it: a text would not fit where it is filterable."""
    missing = sorted(source.non_filterable - destination.non_filterable)
    if missing:
        raise ConfigurationError(
            f"index {name} has no non-filterable keys {', '.join(missing)}, as the source has; "
            f"the service would refuse more than {limits.FILTERABLE_METADATA_BYTES} bytes of them. "
            "Make one that has: stache-s3vectors indexes create"
        )


def transfer(
    records: Iterable[Record],
    destination: VectorIndex,
    tally: Tally,
    progress: Progress,
    finish: Finish | None = None,
) -> None:
    """Store the records that are not in the destination as they are.

    Args:
        tally: is kept up to date.
        progress: called with the number of records just dealt with.
        finish: given, the records come without vectors, only their metadata is compared,
            and it makes the vectors of those to be stored; what it leaves out is left out.

    Raises:
        S3VectorsError: what is stored so far stays; calling again goes on from there.
    """
    fresh = not next(destination.pages(metadata=False)).rows
    work = partial(_store, destination, finish, fresh=fresh)
    source = _Chunks(records)
    for chunk, call in in_flight(work, source, AT_A_TIME):
        error = call.exception()
        if isinstance(error, PartialWriteError):
            tally.written += len(error.done)
        written, same = call.result()
        tally.written += written
        tally.same += same
        progress(len(chunk))
    source.check()


def differing(
    records: Iterable[Record], destination: VectorIndex, progress: Progress, *, data: bool = True
) -> Iterator[str]:
    """The keys of records that the destination has not, or not so.

    Args:
        data: compare the vectors, too, not their metadata only.
    """
    find = partial(_missing, destination, data=data)
    source = _Chunks(records)
    for chunk, call in in_flight(find, source, AT_A_TIME):
        yield from (record.key for record in call.result())
        progress(len(chunk))
    source.check()


class _Chunks:
    """Records, as many at a time as one PutVectors takes.

    An error in reading them ends them, and waits for `check`: what came before is good.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = records
        self._error: S3VectorsError | None = None

    def __iter__(self) -> Iterator[list[Record]]:
        whole = self._whole()
        while chunk := list(islice(whole, limits.PUT_BATCH)):
            yield chunk

    def _whole(self) -> Iterator[Record]:
        try:
            yield from self._records
        except S3VectorsError as error:
            self._error = error

    def check(self) -> None:
        """Raise the error."""
        if self._error is not None:
            raise self._error


def _store(
    destination: VectorIndex, finish: Finish | None, chunk: list[Record], *, fresh: bool
) -> tuple[int, int]:
    """Returns how many are written, and how many were there."""
    missing = chunk if fresh else _missing(destination, chunk, data=finish is None)
    ready = missing if finish is None else finish(missing)
    destination.put(ready)
    return len(ready), len(chunk) - len(missing)


def _missing(destination: VectorIndex, chunk: Sequence[Record], *, data: bool) -> list[Record]:
    keys = [record.key for record in chunk]
    # One call after the other: other chunks are under way in other threads
    parts = (destination.get(part, data=data) for part in slices(keys, limits.GET_BATCH))
    there = {record.key: record for part in parts for record in part}
    return [
        record
        for record in chunk
        if record.key not in there or not same(record, there[record.key], data=data)
    ]


def same(one: Record, other: Record, *, data: bool = True) -> bool:
    """Whether two records hold the same, as far as the service keeps it: in float32."""
    return _same_metadata(one.metadata, other.metadata) and (
        not data or _same_vector(one.vector, other.vector)
    )


def _same_vector(one: Any, other: Any) -> bool:
    if isinstance(one, Unread) and one == other:
        return True
    # Other far ends may write the same float32 with more digits
    return array("f", numbers(one)) == array("f", numbers(other))


def _same_metadata(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_same_value(one[key], other[key]) for key in one)


def _same_value(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_value, one, other))
    if type(one) is type(other) and one == other:
        return True
    # Another far end may write 1 as 1.0, or keep no more than float32 holds
    numbers = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in (one, other))
    return numbers and struct.pack("<f", one) == struct.pack("<f", other)
