"""Responses of the service as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stache_ai_s3vectors.service.metadata_keys import NON_FILTERABLE

ENHANCED: Final = "ENHANCED"
CLASSIC: Final = "CLASSIC"
TEXT_SEARCH_ACTIVE: Final = "ACTIVE"


@dataclass(frozen=True)
class IndexDescription:
    """An index, in AWS's terms.

    Args:
        arn: empty if the index does not exist.
        mode: ENHANCED, or CLASSIC.
        text_searches: the metadata keys with text search, each with its status, BUILDING or
            ACTIVE.
        created: its creation time as text; empty if the response has none.
        languages: by metadata key, of the text searches that have one.
    """

    arn: str
    dimension: int
    metric: str
    non_filterable: frozenset[str]
    mode: str
    text_searches: Mapping[str, str]
    created: str = ""
    languages: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_response(cls, index: Mapping[str, Any]) -> IndexDescription:
        """Read the `index` of a GetIndex response."""
        metadata = index.get("metadataConfiguration", {})
        texts = metadata.get("textSearchConfigurations", [])
        return cls(
            arn=index["indexArn"],
            dimension=index["dimension"],
            metric=index["distanceMetric"],
            non_filterable=frozenset(metadata.get("nonFilterableMetadataKeys", [])),
            mode=index.get("indexMode", CLASSIC),
            text_searches={
                text["metadataKey"]: text.get("status", TEXT_SEARCH_ACTIVE) for text in texts
            },
            created=str(index.get("creationTime", "")),
            languages={t["metadataKey"]: t["language"] for t in texts if t.get("language")},
        )

    @classmethod
    def from_dimension(cls, dimension: int, metric: str = "cosine") -> IndexDescription:
        """Describe an index that this package would create."""
        return cls("", dimension, metric, frozenset(NON_FILTERABLE), ENHANCED, {})

    @property
    def exists(self) -> bool:
        """Whether the service described it; if not, it would be created like this."""
        return bool(self.arn)

    def as_dict(self) -> dict[str, Any]:
        """The description as JSON values."""
        return {
            "arn": self.arn,
            "dimension": self.dimension,
            "distanceMetric": self.metric,
            "indexMode": self.mode,
            "nonFilterableMetadataKeys": sorted(self.non_filterable),
            "textSearch": dict(self.text_searches),
            "textLanguages": dict(self.languages),
        }

    def list_text_searches(self) -> list[str]:
        """List each key with text search, its status, and its language if it has one."""
        return [
            f"{key} {status}" + (f" ({self.languages[key]})" if key in self.languages else "")
            for key, status in self.text_searches.items()
        ]


@dataclass(frozen=True)
class Match:
    """One result of QueryVectors.

    Args:
        distance: from the query vector; None if only the text matched.
        fused: the score of hybrid search; None in vector search.
        bm25: in hybrid search, the score of each metadata key whose text matched.
    """

    key: str
    distance: float | None
    fused: float | None
    metadata: dict[str, Any]
    bm25: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_response(cls, vector: Mapping[str, Any]) -> Match:
        """Read one of the `vectors` of a QueryVectors response."""
        scores = vector.get("scores", {})
        bm25 = {each["metadataKey"]: each["score"] for each in scores.get("bm25Scores", ())}
        metadata = vector.get("metadata", {})
        return cls(vector["key"], vector.get("distance"), scores.get("fused"), metadata, bm25)
