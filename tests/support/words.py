"""An embedder for Stache, of eight dimensions, that counts what it is asked."""

from __future__ import annotations

from typing import Any, ClassVar


class Words:
    """Embeds a text by its length; `make` gives it the limits and failures of a test."""

    longest: ClassVar[int] = 10_000
    fails_at: ClassVar[int | None] = None
    answer: ClassVar[list[list[float]] | None] = None
    seen: ClassVar[list[str]] = []

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.seen.clear()

    def get_name(self) -> str:
        """As Stache shows it."""
        return "words"

    def get_dimensions(self) -> int:
        """Of every vector."""
        return 8

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.embed_batch([text])[0]

    def embed_batch(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, or the failure of the test."""
        if self.answer is not None:
            return self.answer
        if self.fails_at is not None and len(self.seen) >= self.fails_at:
            raise ConnectionError("the model is away")
        if max(map(len, texts)) > self.longest:
            raise ValueError("maximum context length exceeded")
        self.seen.extend(texts)
        return [[1.0 + len(text), *([0.5] * 7)] for text in texts]
