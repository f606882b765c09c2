"""JSON with the line of every value. Pure."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

Scalar: TypeAlias = str | float | bool | None
_Item = TypeVar("_Item")

_SPACE: Final = frozenset(" \t\n\r")
_NUMBERS: Final = re.compile(r"-?Infinity|NaN")
# Numbers are of no use in a policy: as `float` they may have any number of digits
_DECODER: Final = json.JSONDecoder(parse_int=float)


@dataclass(frozen=True)
class Node:
    """A value and the line it begins on."""

    line: int
    value: Scalar | Array | Object


@dataclass(frozen=True)
class Member:
    """A member of an object; the line is that of its name."""

    line: int
    name: str
    node: Node


@dataclass(frozen=True)
class Array:
    """The values of an array."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Object:
    """The members of an object in their order, repeated ones, too."""

    members: tuple[Member, ...]

    def get(self, name: str) -> Node | None:
        """The value of the last member of that name: what most readers take."""
        return next((m.node for m in reversed(self.members) if m.name == name), None)


def read(text: str) -> Node:
    """Read JSON.

    Raises:
        json.JSONDecodeError: it is none; has the line and the column.
    """
    try:
        _DECODER.decode(text)  # what it accepts, the reader below needs not check again
        node, _ = _Reader(text).value(0)
    except RecursionError:
        raise json.JSONDecodeError("Nested too deeply", text, 0) from None
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks = [found.start() for found in re.finditer("\n", text)]

    def value(self, at: int) -> tuple[Node, int]:
        """The value that begins at or after a place, and where it ends."""
        value: Scalar | Array | Object
        at = self._skip(at)
        if self._text[at] == "{":
            members, end = self._items(at, "}", self._member)
            value = Object(tuple(members))
        elif self._text[at] == "[":
            items, end = self._items(at, "]", self.value)
            value = Array(tuple(items))
        elif _NUMBERS.match(self._text, at):  # Python's own additions
            raise json.JSONDecodeError("Expecting value", self._text, at)
        else:
            value, end = _DECODER.raw_decode(self._text, at)
        return Node(self._line(at), value), end

    def _items(
        self, at: int, close: str, one: Callable[[int], tuple[_Item, int]]
    ) -> tuple[list[_Item], int]:
        found = []
        at = self._skip(at + 1)
        while self._text[at] != close:
            item, at = one(at)
            found.append(item)
            at = self._skip(at)
            if self._text[at] == ",":
                at = self._skip(at + 1)
        return found, at + 1

    def _member(self, at: int) -> tuple[Member, int]:
        name, end = _DECODER.raw_decode(self._text, at)
        node, end = self.value(self._skip(end) + 1)
        return Member(self._line(at), name, node), end

    def _skip(self, at: int) -> int:
        while self._text[at] in _SPACE:
            at += 1
        return at

    def _line(self, at: int) -> int:
        return bisect_left(self._breaks, at) + 1
