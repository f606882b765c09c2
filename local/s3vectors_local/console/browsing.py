"""Jobs that count vectors, list them, and describe their metadata."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from s3vectors_local.errors import ValidationException

from .conditions import Matcher, list_keys, list_non_filterable, read_matcher
from .members import Members
from .service import Service
from .steps import LIST_PAGE, Steps, list_pages, read_names, report

_SAMPLE: Final = 1_000
"""The vectors whose metadata is read."""

_EXAMPLES: Final = 5
_EXAMPLE_LENGTH: Final = 80
"""How many values of a metadata key are shown, and how many characters of each."""


def count_vectors(service: Service, members: Members) -> Steps:
    """Count the vectors of an index."""
    count = 0
    for size, _ in list_keys(service, read_names(members), None):
        count += size
        yield report("counting", count)
    return {"count": count}


class Cursor(NamedTuple):
    """The position at which a listing continues: inside a page, because a filter excludes vectors.

    Args:
        token: of the page; None for the first.
        offset: how many vectors of it were looked at.
        key: of the last of them; None for none.
    """

    token: str | None = None
    offset: int = 0
    key: str | None = None

    def encode(self) -> str:
        """Return it as a string."""
        return base64.urlsafe_b64encode(orjson.dumps(list(self))).decode()

    @classmethod
    def decode(cls, text: str | None) -> Cursor:
        """Decode the string that `encode` returned.

        Raises:
            ValidationException: `encode` did not return it.
        """
        if text is None:
            return cls()
        try:
            token, offset, key = orjson.loads(base64.b64decode(text, b"-_", validate=True))
        except (binascii.Error, ValueError, TypeError) as error:
            raise _build_cursor_error() from error
        known = (token, key) == (None, None) or isinstance(token or key, str)
        if not known or type(offset) is not int or not 0 <= offset <= LIST_PAGE:
            raise _build_cursor_error()
        return cls(token, offset, key)

    def skip(self, vectors: Sequence[Mapping[str, Any]]) -> int:
        """Return how many vectors of the page were read, even if some were deleted since."""
        keys = [vector["key"] for vector in vectors]
        return keys.index(self.key) + 1 if self.key in keys else min(self.offset, len(keys))


def _build_cursor_error() -> ValidationException:
    return ValidationException("Invalid cursor", ("/cursor", "Invalid cursor"))


def browse(service: Service, members: Members) -> Steps:
    """List the vectors whose keys begin with a prefix and that pass a filter."""
    names, limit = read_names(members), members.integer("limit", LIST_PAGE, 1, LIST_PAGE)
    cursor: Cursor | None = Cursor.decode(members.optional_text("cursor"))
    selection = _read_selection(service, names, members)
    matches: list[Mapping[str, Any]] = []
    scanned = 0
    while cursor is not None and len(matches) < limit:
        yield report("listing", scanned)
        size = LIST_PAGE if selection.selects else limit - len(matches)
        page = _list_page(service, names, size, cursor.token)
        vectors, start = page["vectors"], cursor.skip(page["vectors"])
        selected = selection.select(vectors, start)[: limit - len(matches)]
        matches += [vectors[position] for position in selected]
        end = selected[-1] + 1 if len(matches) == limit else len(vectors)
        scanned += end - start
        cursor = _move(cursor, page, end)
    shown = [{"key": each["key"], "metadata": each.get("metadata") or {}} for each in matches]
    return {"vectors": shown, "cursor": cursor and cursor.encode(), "scanned": scanned}


def _list_page(
    service: Service, names: Mapping[str, str], size: int, token: str | None
) -> Mapping[str, Any]:
    request = {**names, "maxResults": size, "returnMetadata": True}
    more = {} if token is None else {"nextToken": token}
    return service.call("ListVectors", {**request, **more})


def _move(cursor: Cursor, page: Mapping[str, Any], end: int) -> Cursor | None:
    """Return the cursor after a number of vectors of a page; None at the end of the index."""
    vectors, token = page["vectors"], page.get("nextToken")
    if end < len(vectors):
        return Cursor(cursor.token, end, vectors[end - 1]["key"])
    return None if token is None else Cursor(token)


@dataclass(frozen=True)
class _Selection:
    """The vectors to show: those whose keys have the prefix, and that match the filter."""

    prefix: str
    matcher: Matcher | None

    @property
    def selects(self) -> bool:
        """Whether it can exclude a vector."""
        return bool(self.prefix or self.matcher)

    def select(self, vectors: Sequence[Mapping[str, Any]], start: int) -> list[int]:
        """Return the positions of the vectors to show, from a position on."""
        passing = [True] * len(vectors)
        if self.matcher is not None:
            passing = self.matcher.match(vectors)
        return [
            position
            for position in range(start, len(vectors))
            if passing[position] and vectors[position]["key"].startswith(self.prefix)
        ]


def _read_selection(service: Service, names: Mapping[str, str], members: Members) -> _Selection:
    prefix = members.optional_text("prefix") or ""
    if not members.has("filter"):
        return _Selection(prefix, None)
    index = service.call("GetIndex", names)["index"]
    return _Selection(prefix, read_matcher(service, names, index, members))


@dataclass
class _Key:
    """The values of one metadata key in a sample of vectors."""

    types: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Any] = field(default_factory=dict)

    def add(self, value: Any) -> None:
        """Count the value of one vector."""
        self.types[_name_type(value)] += 1
        if len(self.examples) < _EXAMPLES:
            shown = value[:_EXAMPLE_LENGTH] if isinstance(value, str) else value
            self.examples.setdefault(repr(shown), shown)


def describe_metadata(service: Service, members: Members) -> Steps:
    """Describe the metadata keys that the first vectors of an index have."""
    names = read_names(members)
    index = service.call("GetIndex", names)["index"]
    non_filterable = list_non_filterable(index)
    keys: dict[str, _Key] = {}
    sampled = 0
    for page in list_pages(service, {**names, "returnMetadata": True}):
        vectors = page["vectors"][: _SAMPLE - sampled]
        for name, value in _list_entries(vectors):
            keys.setdefault(name, _Key()).add(value)
        sampled += len(vectors)
        yield report("sampling", sampled, _SAMPLE)
        if sampled == _SAMPLE:
            break
    described = [
        {
            "name": name,
            "types": sorted(key.types),
            "count": key.types.total(),
            "examples": list(key.examples.values()),
            "filterable": name not in non_filterable,
        }
        for name, key in sorted(keys.items())
    ]
    return {"keys": described, "sampled": sampled}


def _list_entries(vectors: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Any]]:
    return (entry for vector in vectors for entry in (vector.get("metadata") or {}).items())


def _name_type(value: Any) -> str:
    """Return the JSON type of a metadata value; of an array, also that of its items."""
    if isinstance(value, list):
        return f"{_name_type(value[0])}[]" if value else "array"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"
