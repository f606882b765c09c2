"""The attributes of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from .text import extract_text, get_analyzer
from .tokenizer import Analysis


@dataclass(frozen=True)
class TextSearch:
    """A metadata key with full-text search.

    Args:
        key: the metadata key.
        language: a language code of the API, or None for the standard analyzer.
        slot: the number of its text table.
        built: how many rows its text table has so far; None when it is ACTIVE.
        analyzers: from `text.describe_analyzers`, when the table was created.
    """

    key: str
    language: str | None
    slot: int
    built: int | None
    analyzers: str

    @property
    def status(self) -> str:
        """BUILDING until its table has all rows, then ACTIVE."""
        return "ACTIVE" if self.built is None else "BUILDING"

    def prepare(self, value: Any, kind: Analysis) -> str:
        """Convert a metadata value to what the text table stores."""
        return get_analyzer(self.language, kind).prepare(extract_text(value))


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

    def to_record(self) -> dict[str, Any]:
        """Convert to the JSON object in storage."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> IndexConfiguration:
        """Convert from the JSON object in storage."""
        texts = tuple(TextSearch(**text) for text in record["texts"])
        non_filterable = tuple(record["non_filterable"])
        return cls(**{**record, "non_filterable": non_filterable, "texts": texts})

    @cached_property
    def non_filterable_set(self) -> frozenset[str]:
        """The non-filterable keys as a set."""
        return frozenset(self.non_filterable)

    @property
    def is_enhanced(self) -> bool:
        """Whether the index mode is ENHANCED."""
        return self.mode == "ENHANCED"
