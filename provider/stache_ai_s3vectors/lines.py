"""The lines of a file, compressed or not, and where in the file each ends."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, TypeAlias

Line: TypeAlias = tuple[bytes, int | None]
"""A line without its newline, and the place behind it where that is one to go on from."""

_READ: Final = 1 << 20
_GZIP: Final = 31
"""zlib's window bits for a gzip member."""


def lines(file: BinaryIO, *, compressed: bool) -> Iterator[Line]:
    """The lines from the beginning of a file.

    Args:
        compressed: the file consists of gzip members, each of which ends with a line.

    Raises:
        zlib.error: a member is damaged.
        EOFError: the last one was cut off.
    """
    return _unzipped(file) if compressed else _plain(file)


def _plain(file: BinaryIO) -> Iterator[Line]:
    end = 0
    for line in file:
        end += len(line)
        yield line.removesuffix(b"\n"), end if line.endswith(b"\n") else None


def _unzipped(file: BinaryIO) -> Iterator[Line]:
    """A good place to go on is the end of a member; it ends with a line."""
    rest = b""
    for piece, end in _members(file):
        *lines, rest = (rest + piece).split(b"\n")
        last = len(lines) - 1
        for number, line in enumerate(lines):
            yield line, end if number == last and not rest else None
    if rest:  # recompressed by somebody, without the last newline
        yield rest, None


def _members(file: BinaryIO) -> Iterator[tuple[bytes, int | None]]:
    """Pieces of the content of gzip members, the last of a member with its end in the file."""
    member = None
    while data := file.read(_READ):
        while data:
            member = member or zlib.decompressobj(_GZIP)
            piece, data = member.decompress(data), member.unused_data
            if member.eof:
                yield piece, file.tell() - len(data)
                member = None
            else:
                yield piece, None
    if member is not None:
        raise EOFError("the file was cut off")
