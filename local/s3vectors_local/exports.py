"""Write an index to a file of JSON Lines, and read it; every line has a checksum.

The first line describes the index, the last has the number of vectors. Each line between them is
a vector as the service stores it. Vectors are in the order of their keys, so equal indexes give
equal files. Each line ends with its checksum `sum`: the beginning of the SHA-256 of all lines up
to it, without their checksums. So a line that was changed, lost, duplicated or moved is detected
when it is read, before anything of it is used.

    {"format":"stache-s3vectors","version":1,"dimension":2,…,"sum":"d1ad8e33a3a7f3a4"}
    {"key":"a","metadata":{"text":"…"},"vector":[0.5,1.0],"sum":"02b5de2c94ac7e21"}
    {"vectors":1,"sum":"6e5b8b1f0f2d3c4a"}

A file called `….gz` is compressed in blocks, each a gzip member of its own, so that an
export that was interrupted resumes after the last complete one.

This file is in two packages, s3vectors-local and stache-ai-s3vectors, neither of which needs the
other. A test keeps the two equal; change both.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

import orjson

FORMAT: Final = "stache-s3vectors"
VERSION: Final = 1

BLOCK: Final = 1_000
"""Vectors that are written, and compressed, at a time."""

LINE_BYTES: Final = 1 << 20
"""A longer line is damaged: 4,096 numbers and 40 KB of metadata, all escaped, take less."""

_SUM: Final = b',"sum":"'
_SUM_LENGTH: Final = 16
_END: Final = b'"}'
_VECTOR: Final = b',"vector":'
"""Begins the last member before the checksum. No string has it: its quotes would be escaped."""

_TAIL: Final = len(_SUM) + _SUM_LENGTH + len(_END)
_LEVEL: Final = 1
"""The level of compression: numbers hardly get smaller with a higher one."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 31
"""zlib's window bits for a gzip member."""

_READ: Final = 1 << 16
"""Bytes that are read at a time, and at most 16 times as many that are decompressed."""

_NO_DISK: Final = (None, errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.EBADF)
"""The errors of `fsync` on a pipe, a terminal or a file in memory."""

_KEY_CHARACTERS: Final = 1_024
_METADATA_KEYS: Final = 50
_METADATA_BYTES: Final = 40_960
"""The limits of a vector: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html"""

_REMEDY: Final = "Fetch the file again, or export again; the vectors before that line are imported"


class DamagedExportError(Exception):
    """A file is not an export, or was damaged or cut off; the message names the line.

    Attributes:
        remedy: the end of the message, which says what to do.
    """

    remedy = _REMEDY


class Vector(NamedTuple):
    """A vector as a line has it.

    Args:
        key: the key.
        metadata: the metadata.
        numbers: the JSON array of as many finite numbers as the index has dimensions.
    """

    key: str
    metadata: dict[str, Any]
    numbers: bytes


class _LineError(Exception):
    """A line was changed or lost, or is not allowed."""


class _Chain:
    """The checksum of all lines so far."""

    def __init__(self, digest: Any = None) -> None:
        self._digest = digest or hashlib.sha256()

    def copy(self) -> _Chain:
        """A chain that continues from this point."""
        return _Chain(self._digest.copy())

    def close(self, document: bytes) -> bytes:
        """Return the line of a JSON object: with its checksum, and without the newline."""
        return document[:-1] + _SUM + self._next(document) + _END

    def open(self, line: bytes) -> bytes:
        """Return the JSON object of a line.

        Raises:
            _LineError: its checksum does not match.
        """
        document, tail = line[:-_TAIL] + b"}", line[-_TAIL:]
        if tail != _SUM + self._next(document) + _END:
            raise _LineError("its checksum does not match")
        return document

    def _next(self, document: bytes) -> bytes:
        self._digest.update(document)
        return self._digest.hexdigest()[:_SUM_LENGTH].encode()


def build_header(
    dimension: int, metric: str, non_filterable: Iterable[str], **more: Any
) -> dict[str, Any]:
    """The first line of an index's export.

    Args:
        dimension: of its vectors.
        metric: its distance metric.
        non_filterable: its non-filterable metadata keys.
        more: what else a reader may want to know; it can be passed over.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "dimension": dimension,
        "distanceMetric": metric,
        "nonFilterableMetadataKeys": sorted(non_filterable),
        **more,
    }


class Writer:
    """Writes an export, or the rest of one that was interrupted.

    Args:
        file: to write, and, to resume, to read and write: empty, or with the beginning of this
            export.
        compressed: whether it consists of gzip members.
        head: its first line.
        keys: those of the vectors, in their order, of a file that may have a beginning already.
            It is kept as far as it begins with `head` and has these. None writes a new file.

    Attributes:
        count: vectors in the file.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        compressed: bool,
        head: dict[str, Any],
        keys: Iterable[str] | None = None,
    ) -> None:
        self.count = 0
        self._file = file
        self._compressed = compressed
        self._chain = _Chain()
        self._block: list[bytes] = []
        if keys is None or not self._resume(head, keys):
            self._block.append(self._chain.close(orjson.dumps(head)))
            self._write()

    def _resume(self, head: dict[str, Any], keys: Iterable[str]) -> bool:
        """Keep the complete part of the file, cut off the rest; False if there is none."""
        chain, position, count = _Chain(), 0, -1
        left = iter(keys)
        with suppress(zlib.error, EOFError, _LineError):
            for line, end in _read_lines(self._file, compressed=self._compressed):
                document = _parse_object(_cut_vector(chain.open(line)))
                expected = document == head if count < 0 else document.get("key") == next(left, "")
                if not expected or "vectors" in document:
                    break
                count += 1
                if end is not None:
                    self._chain, position, self.count = chain.copy(), end, count
        self._file.seek(position)
        self._file.truncate()
        return position > 0

    def add(self, key: str, metadata: Mapping[str, Any], numbers: bytes) -> None:
        """Write a vector, whose key must come after those before; `numbers` is a JSON array."""
        # Sorted, because the service need not keep the order of metadata
        fields = {"key": key, "metadata": dict(sorted(metadata.items()))}
        line = {**fields, "vector": orjson.Fragment(numbers)}
        self._block.append(self._chain.close(orjson.dumps(line)))
        self.count += 1
        if len(self._block) == BLOCK:
            self._write()

    def finish(self) -> None:
        """Write the last line, down to the disk where the file is on one."""
        self._write()
        self._block.append(self._chain.close(orjson.dumps({"vectors": self.count})))
        self._write()
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno not in _NO_DISK:
                raise

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
        name: of the file, for errors.

    Attributes:
        head: the first line.

    Raises:
        DamagedExportError: the file does not begin as an export.
    """

    def __init__(self, file: BinaryIO, name: str = "") -> None:
        self._name = name or file.name
        self._line = 0
        self._chain = _Chain()
        start = _Start(file)
        self._lines = _read_lines(start, compressed=start.data == _GZIP_MAGIC)
        try:
            self.head = _parse_object(self._next() or b"{}")
        except (DamagedExportError, _LineError):
            self.head = {}
        self._line = 1
        if self.head.get("format") != FORMAT:
            raise self._build_damage_error("is not the first line of an export, or was changed")
        if self.head.get("version") != VERSION:
            version = f"{self.head.get('version')!r:.80}"
            raise self._build_damage_error(
                f"has version {version}; this program reads version {VERSION}"
            )
        self._check_head()

    def _check_head(self) -> None:
        dimension, keys = self.head.get("dimension"), self.head.get("nonFilterableMetadataKeys")
        known = (
            type(dimension) is int
            and self.head.get("distanceMetric") in ("cosine", "euclidean")
            and isinstance(keys, list)
            and all(isinstance(key, str) for key in keys)
        )
        if not known:
            raise self._build_damage_error("does not describe an index")

    def vectors(self) -> Iterator[Vector]:
        """The vectors.

        Raises:
            DamagedExportError: at the first line that is not what was written, and at the end
                of a file that was cut off.
        """
        last = None
        count = 0
        while (document := self._next()) is not None:
            try:
                if _VECTOR not in document:
                    self._check_end(document, count)
                    return
                vector = self._parse_vector(document, last)
            except _LineError as error:
                raise self._build_damage_error(f"is damaged ({error})") from error
            yield vector
            last = vector.key
            count += 1
        self._line += 1
        raise self._build_damage_error("is missing: the file was cut off")

    def _check_end(self, document: bytes, count: int) -> None:
        if _parse_object(document).get("vectors") != count:
            raise _LineError("it has neither a vector nor the correct number of vectors")
        if self._next() is not None:
            raise _LineError("it follows the end of the export")

    def _parse_vector(self, document: bytes, last: str | None) -> Vector:
        start, _, numbers = document.rpartition(_VECTOR)
        fields, numbers = _parse_object(start + b"}"), numbers[:-1]
        key, metadata = fields.get("key"), fields.get("metadata")
        if not isinstance(key, str) or not isinstance(metadata, dict):
            raise _LineError("it has no key or no metadata")
        if len(key) > _KEY_CHARACTERS or not _is_metadata(metadata):
            raise _LineError("S3 Vectors does not allow its key or its metadata")
        if last is not None and key <= last:
            raise _LineError("its key does not come after the previous one")
        # It goes into requests as it is: so nothing but numbers may be in it
        listed = _parse(numbers)
        if not isinstance(listed, list) or len(listed) != self.head["dimension"]:
            raise _LineError(f"its vector is not an array of {self.head['dimension']} numbers")
        if not set(map(type, listed)) <= {int, float}:
            raise _LineError("its vector has something that is not a number")
        return Vector(key, metadata, numbers)

    def _next(self) -> bytes | None:
        self._line += 1
        try:
            line, _ = next(self._lines)
            return self._chain.open(line)
        except StopIteration:
            self._line -= 1
            return None
        except (_LineError, zlib.error, EOFError) as error:
            raise self._build_damage_error(f"is damaged ({error})") from error

    def _build_damage_error(self, what: str) -> DamagedExportError:
        return DamagedExportError(
            f"line {self._line} of {self._name} {what}; nothing is imported from that line onward. "
            f"{_REMEDY}"
        )


def _is_metadata(metadata: dict[str, Any]) -> bool:
    """Whether a vector can have it, roughly: else a small file could take much memory."""
    if len(metadata) > _METADATA_KEYS:
        return False
    values = [v if isinstance(v, list) else [v] for v in metadata.values()]
    if sum(map(len, values)) > _METADATA_BYTES // 4:  # the least that an item counts
        return False
    items = [item for listed in values for item in listed]
    texts = [*metadata, *(item for item in items if isinstance(item, str))]
    plain = all(isinstance(item, (str, int, float)) for item in items)
    return plain and sum(map(len, texts)) <= _METADATA_BYTES


class _Start:
    """A file whose first bytes have been looked at; a pipe may give them one by one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.data = self._rest = file.read(len(_GZIP_MAGIC))

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        rest, self._rest = self._rest, b""
        return rest + self._file.read(size - len(rest))

    def readline(self, size: int) -> bytes:
        """Read the next line, or the first `size` bytes of it."""
        line, newline, self._rest = self._rest.partition(b"\n")
        return line + (newline or self._file.readline(size - len(line)))


class _Readable(Protocol):
    """As much of a file as is needed to read lines."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


def _cut_vector(document: bytes) -> bytes:
    start, is_vector, _ = document.rpartition(_VECTOR)
    return start + b"}" if is_vector else document


def _parse_object(document: bytes) -> dict[str, Any]:
    loaded = _parse(document)
    if not isinstance(loaded, dict):
        raise _LineError("it is not a JSON object")
    return loaded


def _parse(document: bytes) -> Any:
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise _LineError(f"it is not JSON: {error}") from error


def _read_lines(file: _Readable, *, compressed: bool) -> Iterator[tuple[bytes, int | None]]:
    """The lines of a file, each with its end in the file where an export can resume.

    Raises:
        _LineError: one is too long.
        zlib.error: a gzip member is damaged.
        EOFError: the last one was cut off.
    """
    return _read_gzip(file) if compressed else _read_plain(file)


def _read_plain(file: _Readable) -> Iterator[tuple[bytes, int | None]]:
    end = 0
    while line := file.readline(LINE_BYTES + 1):
        _check_length(len(line))
        end += len(line)
        yield line.removesuffix(b"\n"), end if line.endswith(b"\n") else None


def _read_gzip(file: _Readable) -> Iterator[tuple[bytes, int | None]]:
    """An export can resume at the end of a member, which is the end of a line."""
    parts: list[bytes] = []  # of a line whose end is still to come
    size = 0
    for piece, end in _read_members(file):
        *lines, rest = piece.split(b"\n")
        last = len(lines) - 1
        for number, line in enumerate(lines):
            _check_length(size + len(line))
            whole = b"".join((*parts, line))
            parts, size = [], 0
            yield whole, end if number == last and not rest else None
        if rest:
            parts.append(rest)
            size += len(rest)
            _check_length(size)
    if parts:  # recompressed by somebody, without the last newline
        yield b"".join(parts), None


def _check_length(size: int) -> None:
    if size > LINE_BYTES:
        raise _LineError(f"it is longer than {LINE_BYTES:,} bytes")


def _read_members(file: _Readable) -> Iterator[tuple[bytes, int | None]]:
    """Pieces of the content of gzip members, the last of a member with its end in the file."""
    member = None
    position = 0
    while data := file.read(_READ):
        position += len(data)
        while data:
            member = member or zlib.decompressobj(_GZIP)
            piece = member.decompress(data, 16 * _READ)
            data = member.unconsumed_tail
            if member.eof:
                data = member.unused_data
                yield piece, position - len(data)
                member = None
            elif piece:
                yield piece, None
    if member is not None:
        raise EOFError("the file was cut off")
