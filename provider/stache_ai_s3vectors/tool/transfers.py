"""Write the records of another index or of a file into an index, where they differ.

Nothing is remembered between runs. Each run looks at what the destination has. Therefore a second
run completes one that was interrupted, does not write again what the destination has already, and
the verification is the same comparison without writing.
"""

from __future__ import annotations

import struct
import threading
from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.aws.batches import Record, split_batches
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.parallel import call_in_parallel
from stache_ai_s3vectors.aws.vector_index import Progress, VectorIndex
from stache_ai_s3vectors.chunks.vectors import UnreadVector, read_numbers
from stache_ai_s3vectors.errors import ConfigurationError, PartialWriteError, S3VectorsError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE

from .key_files import KeyFile

Embed: TypeAlias = Callable[[Sequence[Record]], Sequence[Record]]
"""Gives records their vectors, as they are put into the destination; may leave some out."""

EMBED_BATCH: Final = 64
"""Records that `embed` gets at a time: what is lost when it fails is soon made again."""

BATCHES_IN_FLIGHT: Final = 4
"""One is read while others are compared and written."""


@dataclass
class Tally:
    """The outcome of the records so far; calls under way count when they end.

    Args:
        unchanged: were in the destination already, with the same content.
        different: keys of those that are in the destination with other content, and stay so.
        left_out: keys of those that could not be stored, and why.
    """

    written: int = 0
    unchanged: int = 0
    different: KeyFile = field(default_factory=KeyFile)
    left_out: KeyFile = field(default_factory=KeyFile)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stored(self) -> int:
        """Vectors that are in the destination as they are to be."""
        return self.written + self.unchanged

    def add(self, *, written: int = 0, unchanged: int = 0) -> None:
        """Count some; any thread may."""
        with self._lock:
            self.written += written
            self.unchanged += unchanged

    def __str__(self) -> str:
        return f"{self.written} vectors written, {self.unchanged} already present"


def check_fit(source: IndexDescription, destination: IndexDescription, name: str) -> None:
    """Refuse a destination that cannot hold what the source has, before anything is written.

    Raises:
        ConfigurationError: another dimension or metric, or a key that is filterable on one
            side only.
    """
    if source.dimension != destination.dimension:
        raise ConfigurationError(
            f"the vectors have {source.dimension} dimensions, index {name} has "
            f"{destination.dimension}; use an index of {source.dimension}, or stache-s3vectors "
            "reembed to embed the texts again"
        )
    if source.metric != destination.metric:
        raise ConfigurationError(
            f"the vectors are searched by {source.metric} distance, index {name} by "
            f"{destination.metric}; use an index of the same metric"
        )
    check_keys(source, destination, name)


def check_keys(source: IndexDescription, destination: IndexDescription, name: str) -> None:
    """Refuse other non-filterable keys: texts would not fit, or filters would stop working."""
    missing = sorted(source.non_filterable - destination.non_filterable)
    if missing:
        raise ConfigurationError(
            f"index {name} lacks the non-filterable keys {', '.join(missing)} that the source has; "
            f"the service would refuse more than {limits.FILTERABLE_METADATA_BYTES} bytes of them. "
            "Create one that has them: stache-s3vectors indexes create"
        )
    hidden = sorted(destination.non_filterable - source.non_filterable - set(NON_FILTERABLE))
    if hidden:
        raise ConfigurationError(
            f"index {name} cannot filter on {', '.join(hidden)}, but the source can; use one that "
            "can"
        )


def transfer(  # noqa: PLR0913 - all that a transfer is
    records: Iterable[Record],
    destination: VectorIndex,
    tally: Tally,
    progress: Progress,
    embed: Embed | None = None,
    *,
    replace: bool = True,
) -> None:
    """Store the records that are not in the destination as they are.

    Args:
        tally: is kept up to date.
        progress: called with the number of records just dealt with.
        embed: creates the vectors of the records to store. With it, the records have no vectors,
            and only their metadata is compared. A record that it leaves out is not stored.
        replace: also store those whose key is there with other content.

    Raises:
        S3VectorsError: what is stored so far stays; calling again resumes.
    """
    fresh = embed is None and destination.is_empty()
    work = partial(_store_batch, destination, tally, embed, fresh=fresh, replace=replace)
    source = _Batches(records, limits.PUT_BATCH if embed is None else EMBED_BATCH)
    with closing(call_in_parallel(work, source, BATCHES_IN_FLIGHT)) as calls:
        for batch, call in calls:
            call.result()
            progress(len(batch))
    source.check()


@dataclass
class Comparison:
    """The comparison of a destination with a source.

    Args:
        keys: of the source.
        unchanged: how many vectors the destination has with the same content.
        absent: keys that it does not have.
        different: keys that it has with other content.
    """

    keys: KeyFile = field(default_factory=KeyFile)
    unchanged: int = 0
    absent: KeyFile = field(default_factory=KeyFile)
    different: KeyFile = field(default_factory=KeyFile)

    def add(self, batch: Sequence[Record], absent: list[Record], different: list[Record]) -> None:
        """Add some records of the source."""
        self.unchanged += len(batch) - len(absent) - len(different)
        self.keys.add(record.key for record in batch)
        self.absent.add(record.key for record in absent)
        self.different.add(record.key for record in different)


def compare(
    records: Iterable[Record], destination: VectorIndex, progress: Progress, *, data: bool = True
) -> Comparison:
    """Compare a source with a destination, and write nothing.

    Args:
        progress: called with the number of records just compared.
        data: compare the vectors, not only their metadata.
    """
    comparison = Comparison()
    source = _Batches(records, limits.PUT_BATCH)
    work = partial(_compare_batch, destination, data=data)
    with closing(call_in_parallel(work, source, BATCHES_IN_FLIGHT)) as calls:
        for batch, call in calls:
            comparison.add(batch, *call.result())
            progress(len(batch))
    source.check()
    return comparison


def find_extra_keys(destination: VectorIndex, keys: Container[str], progress: Progress) -> KeyFile:
    """The keys of the destination that are not among these."""
    extra = KeyFile()
    for page in destination.list_pages(metadata=False):
        extra.add(key for key, _ in page.rows if key not in keys)
        progress(len(page.rows))
    return extra


class _Batches:
    """Records, in batches of `size`.

    If reading fails, the iteration ends, and `check` raises the error. Earlier records are valid.
    """

    def __init__(self, records: Iterable[Record], size: int) -> None:
        self._records = records
        self._size = size
        self._error: S3VectorsError | None = None

    def __iter__(self) -> Iterator[list[Record]]:
        whole = self._read()
        while batch := list(islice(whole, self._size)):
            yield batch

    def _read(self) -> Iterator[Record]:
        try:
            yield from self._records
        except S3VectorsError as error:
            self._error = error

    def check(self) -> None:
        """Raise the error."""
        if self._error is not None:
            raise self._error


def _store_batch(  # noqa: PLR0913 - all that a transfer is
    destination: VectorIndex,
    tally: Tally,
    embed: Embed | None,
    batch: list[Record],
    *,
    fresh: bool,
    replace: bool,
) -> None:
    absent, different = (
        (batch, []) if fresh else _compare_batch(destination, batch, data=embed is None)
    )
    tally.add(unchanged=len(batch) - len(absent) - len(different))
    if not replace:
        tally.different.add(record.key for record in different)
    missing = [*absent, *(different if replace else ())]
    ready = missing if embed is None else embed(missing)
    try:
        destination.put(ready)
    except PartialWriteError as error:
        tally.add(written=len(error.done))
        raise
    tally.add(written=len(ready))


def _compare_batch(
    destination: VectorIndex, batch: Sequence[Record], *, data: bool
) -> tuple[list[Record], list[Record]]:
    """The records that the destination lacks, and those that differ there."""
    keys = [record.key for record in batch]
    # One call after the other: other chunks are under way in other threads
    parts = (destination.get(part, data=data) for part in split_batches(keys, limits.GET_BATCH))
    stored = {record.key: record for part in parts for record in part}
    absent = [record for record in batch if record.key not in stored]
    present = (record for record in batch if record.key in stored)
    different = [record for record in present if not is_same(record, stored[record.key], data=data)]
    return absent, different


def is_same(record: Record, stored: Record, *, data: bool = True) -> bool:
    """Whether the stored record equals this one, in float32, the precision of the service."""
    return _is_same_metadata(record.metadata, stored.metadata) and (
        not data or _is_same_vector(record.vector, stored.vector)
    )


def _is_same_vector(vector: Any, stored: Any) -> bool:
    if isinstance(vector, UnreadVector) and vector == stored:
        return True
    # Other endpoints may write the same float32 with more digits
    return array("f", read_numbers(vector)) == array("f", read_numbers(stored))


def _is_same_metadata(metadata: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    return metadata.keys() == stored.keys() and all(
        _is_same_value(metadata[key], stored[key]) for key in metadata
    )


def _is_same_value(value: Any, stored: Any) -> bool:
    if isinstance(value, list) and isinstance(stored, list):
        return len(value) == len(stored) and all(map(_is_same_value, value, stored))
    if type(value) is type(stored) and value == stored:
        return True
    numeric = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in (value, stored))
    # Another endpoint may write 1 as 1.0, or keep no more than float32 holds
    return numeric and (value == stored or stored == _round_to_float32(value))


def _round_to_float32(number: float) -> float | None:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return None
