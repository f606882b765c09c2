"""The attributes of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from .text import analyzer, searchable_text
from .words import Analysis


@dataclass(frozen=True)
class TextSearch:
    """A metadata key that is full-text searchable.

    Args:
        key: the metadata key.
        language: a code of the API, or None for the standard analyzer.
        slot: the number of its table.
        built: how many rows its table covers so far; None when it is ACTIVE.
        analyzers: `text.analyzers` when its table was made.
    """

    key: str
    language: str | None
    slot: int
    built: int | None
    analyzers: str

    @property
    def status(self) -> str:
        """BUILDING until every row that was there when it was added is covered."""
        return "ACTIVE" if self.built is None else "BUILDING"

    def prepared(self, value: Any, kind: Analysis) -> str:
        """What its table keeps of a metadata value."""
        return analyzer(self.language, kind).prepared(searchable_text(value))


@dataclass(frozen=True)
class IndexConfiguration:
    """The attributes of an index."""

    bucket: str
    name: str
    arn: str
    created: float
    dimension: int
    metric: str
    non_filterable: tuple[str, ...]
    encryption: Mapping[str, str]
    mode: str
    tags: Mapping[str, str]
    texts: tuple[TextSearch, ...]

    def record(self) -> dict[str, Any]:
        """The JSON document that storage keeps."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> IndexConfiguration:
        """Back from that document."""
        texts = tuple(TextSearch(**text) for text in record["texts"])
        non_filterable = tuple(record["non_filterable"])
        return cls(**{**record, "non_filterable": non_filterable, "texts": texts})

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The non-filterable keys, for look-ups."""
        return frozenset(self.non_filterable)

    @property
    def enhanced(self) -> bool:
        """Whether filters come before the search, and know `$startsWith`."""
        return self.mode == "ENHANCED"
