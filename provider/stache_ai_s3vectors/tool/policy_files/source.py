"""JSON with the line of every name and string. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn

_WORD: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|[^\s\[\]{}:,"]+')
DEPTH: Final = 60
"""Objects and lists within each other; a policy has six, a template with policies about twenty."""


class SourceError(Exception):
    """A file that cannot be read: where, why, and what to do."""

    def __init__(self, line: int, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem
        self.fix = fix


class Text(str):
    """A string and its line."""

    __slots__ = ("line",)
    line: int

    def __new__(cls, text: str, line: int) -> Text:  # noqa: PYI034 - Self is not in Python 3.10
        """A string on a line."""
        created = super().__new__(cls, text)
        created.line = line
        return created


class Object(dict[str, Any]):
    """An object and its line; of repeated members it has the last, as most readers do.

    Attributes:
        lines: the line of each name.
        repeats: the names that are repeated.
    """

    def __init__(self, line: int, members: Iterable[tuple[Text, Any]] = ()) -> None:
        pairs = list(members)
        super().__init__(pairs)
        self.line = line
        self.lines: dict[str, int] = {name: name.line for name, _ in pairs}
        self.repeats = [name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at])]


def read_json(text: str, line: int | None = None) -> Any:
    """Read JSON: strings are `Text`, objects `Object`, numbers of any length floats.

    Args:
        text: the JSON.
        line: where it is, if it is a string in a file; by default its own lines are counted.

    Raises:
        SourceError: it is not JSON, or nested too deeply.
    """
    try:
        return _read_json(text, line)
    except json.JSONDecodeError as error:
        problem = f"not JSON at column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
        if text[error.pos :].lstrip().startswith(("//", "/*", "#")):
            raise SourceError(error.lineno, "JSON has no comments", "remove them") from None
        raise SourceError(error.lineno, problem, "correct it there") from None


def _read_json(text: str, line: int | None) -> Any:

    def refuse(name: str) -> NoReturn:  # NaN and Infinity are Python's own additions
        raise json.JSONDecodeError("Expecting value", text, text.index(name))

    try:
        json.loads(text, parse_int=float, parse_constant=refuse)
        words = ((line or at, word) for at, word in _split(text))
        return _build(*next(words), words, DEPTH)
    except RecursionError:
        raise json.JSONDecodeError("Nested too deeply", text, 0) from None


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Split valid JSON into words without colons and commas, each with its line."""
    line, at = 1, 0
    for word in _WORD.finditer(text):
        line += text.count("\n", at, word.start())
        at = word.start()
        yield line, word[0]


def _build(line: int, word: str, words: Iterator[tuple[int, str]], depth: int) -> Any:
    if depth == 0:
        raise RecursionError
    if word == "[":
        return [_build(*item, words, depth - 1) for item in _take_until(words, "]")]
    if word == "{":
        names = _take_until(words, "}")
        members = ((_make_text(*name), _build(*next(words), words, depth - 1)) for name in names)
        return Object(line, members)
    return _make_text(line, word) if word[0] == '"' else json.loads(word, parse_int=float)


def _make_text(line: int, word: str) -> Text:
    return Text(json.loads(word), line)


def _take_until(words: Iterator[tuple[int, str]], end: str) -> Iterator[tuple[int, str]]:
    for line, word in words:
        if word == end:
            return
        yield line, word


def walk(value: Any) -> Iterator[Any]:
    """Yield a value, and all values and names in it."""
    yield value
    inner: Iterable[Any] = value if isinstance(value, list) else ()
    if isinstance(value, Object):
        inner = (*value, *value.values())
    for part in inner:
        yield from walk(part)


def to_list(value: Any) -> list[Any]:
    """A list, or one value in a list, as AWS's documents take both."""
    return value if isinstance(value, list) else [] if value is None else [value]


def list_objects(value: Any) -> list[Object]:
    """The objects in a list."""
    return [item for item in to_list(value) if isinstance(item, Object)]
