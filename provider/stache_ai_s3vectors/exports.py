"""An index as a file of JSON Lines, and back; every line guards itself and those before it.

The first line tells the index, each other one a vector as the service keeps it, the last
how many there are; vectors are in the order of their keys, so equal indexes give equal
files. Each line ends with `sum`: the beginning of the SHA-256 of all lines up to it, without
their sums. A line that was changed, lost, doubled or moved is found when it is read, before
anything of it is used.

    {"format":"stache-s3vectors","version":1,"dimension":2,…,"sum":"d1ad8e33a3a7f3a4"}
    {"key":"a","metadata":{"text":"…"},"vector":[0.5,1.0],"sum":"02b5de2c94ac7e21"}
    {"vectors":1,"sum":"6e5b8b1f0f2d3c4a"}

A file called `….gz` is compressed in blocks, each a gzip member of its own, so that an
export that was interrupted goes on after the last whole one.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedReader
from typing import Any, BinaryIO, Final

import orjson

from .answers import ENHANCED, Description
from .batches import Record
from .bodies import Unread, dumps
from .errors import S3VectorsError
from .lines import lines

FORMAT: Final = "stache-s3vectors"
VERSION: Final = 1

BLOCK: Final = 1_000
"""Vectors that are written, and compressed, at a time."""

_SUM: Final = b',"sum":"'
_SUM_LENGTH: Final = 16
_END: Final = b'"}'
_VECTOR: Final = b',"vector":'
"""Begins the last thing in a line before its sum. No string holds it: there, quotes are escaped."""

_TAIL: Final = len(_SUM) + _SUM_LENGTH + len(_END)
_LEVEL: Final = 1
"""Of compression: numbers hardly get smaller with more."""

_GZIP_MAGIC: Final = b"\x1f\x8b"


class DamagedExportError(S3VectorsError):
    """A file is no export, or one that was damaged or cut off; the message names the line."""


class _Chain:
    """The sum over all lines so far."""

    def __init__(self, digest: Any = None) -> None:
        self._digest = digest or hashlib.sha256()

    def copy(self) -> _Chain:
        """One that goes on from here."""
        return _Chain(self._digest.copy())

    def close(self, document: bytes) -> bytes:
        """A line of a JSON object: with its sum, and without the newline."""
        return document[:-1] + _SUM + self._next(document) + _END

    def open(self, line: bytes) -> dict[str, Any] | None:
        """The object of a line; None when it is not what was written."""
        document, tail = line[:-_TAIL] + b"}", line[-_TAIL:]
        if tail != _SUM + self._next(document) + _END:
            return None
        start, is_vector, vector = document.rpartition(_VECTOR)
        if not is_vector:
            return _object(document)
        return {**_object(start + b"}"), "vector": Unread(vector[:-1])}

    def _next(self, document: bytes) -> bytes:
        self._digest.update(document)
        return self._digest.hexdigest()[:_SUM_LENGTH].encode()


def _object(document: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(document)
    return loaded


def header(index: Description) -> dict[str, Any]:
    """The first line of an index's export."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "dimension": index.dimension,
        "distanceMetric": index.metric,
        "nonFilterableMetadataKeys": sorted(index.non_filterable),
    }


class Writer:
    """Writes an export, or the rest of one that was interrupted.

    Args:
        file: to read and write; empty, or with the beginning of this export.
        compressed: whether it consists of gzip members.
        head: its first line.
        keys: those of the vectors, in their order. What is there already is kept as far as it
            begins with `head` and has these.

    Attributes:
        count: vectors in the file.
    """

    def __init__(
        self, file: BinaryIO, *, compressed: bool, head: dict[str, Any], keys: Sequence[str]
    ) -> None:
        self.count = 0
        self._file = file
        self._compressed = compressed
        self._chain = _Chain()
        self._block: list[bytes] = []
        if not self._resume(head, keys):
            self._block.append(self._chain.close(orjson.dumps(head)))
            self._write()

    def _resume(self, head: dict[str, Any], keys: Sequence[str]) -> bool:
        """Take over what is whole of the file, cut off the rest; False when nothing is."""
        chain, position, count = _Chain(), 0, -1
        with suppress(zlib.error, EOFError, DamagedExportError):
            for document, end in _documents(self._file, chain, compressed=self._compressed):
                wanted = document == head if count < 0 else document.get("key") == _at(keys, count)
                if not wanted or "vectors" in document:
                    break
                count += 1
                if end is not None:
                    self._chain, position, self.count = chain.copy(), end, count
        self._file.seek(position)
        self._file.truncate()
        return position > 0

    def add(self, record: Record) -> None:
        """Write a vector, whose key must come after those before."""
        # Sorted, because the service need not keep the order of metadata
        metadata = dict(sorted(record.metadata.items()))
        line = {"key": record.key, "metadata": metadata, "vector": record.vector}
        self._block.append(self._chain.close(dumps(line)))
        self.count += 1
        if len(self._block) == BLOCK:
            self._write()

    def finish(self) -> None:
        """Write the last line, down to the disk."""
        self._write()
        self._block.append(self._chain.close(orjson.dumps({"vectors": self.count})))
        self._write()
        os.fsync(self._file.fileno())

    def _write(self) -> None:
        data = b"".join(line + b"\n" for line in self._block)
        if data:
            self._file.write(gzip.compress(data, _LEVEL, mtime=0) if self._compressed else data)
            self._file.flush()
        self._block.clear()


class Reader:
    """Reads an export line by line, each checked before it is handed out.

    Args:
        file: compressed or not.

    Attributes:
        head: the first line.

    Raises:
        DamagedExportError: the file does not begin as an export.
    """

    def __init__(self, file: BufferedReader) -> None:
        self._name = file.name
        self._line = 0
        compressed = file.peek(2)[:2] == _GZIP_MAGIC
        self._documents = _documents(file, _Chain(), compressed=compressed)
        try:
            self.head = self._next() or {}
        except DamagedExportError:
            self.head = {}
        if self.head.get("format") != FORMAT:
            self._line = 1
            raise self._damaged("is not the first line of an export, or not as it was written")
        if self.head.get("version") != VERSION:
            raise self._damaged(
                f"says version {self.head.get('version')!r}; this program reads {VERSION}"
            )

    def records(self) -> Iterator[Record]:
        """The vectors.

        Raises:
            DamagedExportError: at the first line that is not what was written, and at the end
                of a file that was cut off.
        """
        count = 0
        while (document := self._next()) is not None:
            if "vectors" in document:
                if document["vectors"] != count or self._next() is not None:
                    raise self._damaged("is not where the export ends")
                return
            yield Record(document["key"], document["vector"], document["metadata"])
            count += 1
        self._line += 1
        raise self._damaged("is missing: the file was cut off")

    def description(self) -> Description:
        """What the index was that the vectors come from."""
        return Description(
            arn="",
            dimension=self.head["dimension"],
            metric=self.head["distanceMetric"],
            non_filterable=frozenset(self.head["nonFilterableMetadataKeys"]),
            mode=ENHANCED,
            text_searches={},
        )

    def _next(self) -> dict[str, Any] | None:
        self._line += 1
        try:
            document, _ = next(self._documents)
        except StopIteration:
            self._line -= 1
            return None
        except (DamagedExportError, zlib.error, EOFError) as error:
            raise self._damaged(f"is damaged ({error})") from error
        return document

    def _damaged(self, what: str) -> DamagedExportError:
        remedy = "Fetch the file again, or export anew; what is before that line is imported"
        error = DamagedExportError(
            f"line {self._line} of {self._name} {what}; nothing is imported from there on. {remedy}"
        )
        error.remedy = remedy
        return error


def _at(keys: Sequence[str], position: int) -> str | None:
    return keys[position] if position < len(keys) else None


def _documents(
    file: BinaryIO, chain: _Chain, *, compressed: bool
) -> Iterator[tuple[dict[str, Any], int | None]]:
    """The objects of a file's lines, each with its end in the file where that is a good place.

    Raises:
        DamagedExportError: a line is not what was written.
        zlib.error, EOFError: a gzip member is not.
    """
    for line, end in lines(file, compressed=compressed):
        document = chain.open(line)
        if document is None:
            raise DamagedExportError("its sum does not fit")
        yield document, end
