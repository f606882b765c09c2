"""This repository's provider, with Stache's own settings; or the older package, where that is."""

from __future__ import annotations

from typing import Any

from stache_ai.config import Settings

from stache_ai_s3vectors.provider import S3VectorsProvider


class Client:
    """The documents index."""

    def __init__(self) -> None:
        self.provider = S3VectorsProvider(Settings(), "documents")

    def insert(self, **chunks: Any) -> None:
        """Store chunks, as Stache does."""
        self.provider.insert(**chunks)

    def search(self, vector: list[float]) -> list[Any]:
        """The nearest ten."""
        return self.provider.search(vector, top_k=10)

    def count(self, condition: dict[str, Any]) -> int:
        """How many pass a filter."""
        return self.provider.count_by_filter(condition)
