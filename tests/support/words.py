"""An embedder for Stache, of eight dimensions, that counts what it is asked."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import pytest
from stache_ai.providers import plugin_loader

DIMENSIONS: Final = 8


class Words:
    """Embeds a text by its letters, with the limits and failures that a test gives it.

    Attributes:
        longest: characters that a text may have.
        fails_at: texts after which nothing is embedded any more.
        answer: what is answered to everything.
        seen: the texts that were embedded.
        calls: how many texts each call had.
    """

    longest: ClassVar[int] = 10_000
    fails_at: ClassVar[int | None] = None
    answer: ClassVar[list[list[float]] | None] = None
    seen: ClassVar[list[str]] = []
    calls: ClassVar[list[int]] = []

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.seen.clear()
        self.calls.clear()

    @staticmethod
    def respond(_texts: list[str]) -> Any:
        """What a test answers or raises instead; None embeds them."""
        return None

    def get_name(self) -> str:
        """As Stache shows it."""
        return "words"

    def get_dimensions(self) -> int:
        """Of every vector."""
        return DIMENSIONS

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.embed_batch([text])[0]

    def embed_batch(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, or the failure of the test."""
        self.calls.append(len(texts))
        answer = self.respond(texts)
        if answer is not None:
            return list(answer)
        if self.answer is not None:
            return self.answer
        if self.fails_at is not None and len(self.seen) >= self.fails_at:
            raise ConnectionError("the model is away")
        if max(map(len, texts)) > self.longest:
            raise ValueError("maximum context length exceeded")
        self.seen.extend(texts)
        return [count_letters(text) for text in texts]


def count_letters(text: str) -> list[float]:
    """Count the bytes with each value of their last three bits, so that similar texts differ."""
    counts = [0.5] * DIMENSIONS
    for byte in text.encode():
        counts[byte % DIMENSIONS] += 1
    return counts


def use_words_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `Words` the embedder of Stache's settings."""
    # Alone in a package, this module cannot import `plugins`
    plugin_loader.get_available_providers("embeddings")
    plugin_loader.register_provider("embeddings", "words", Words)
    monkeypatch.setenv("EMBEDDING_PROVIDER", "words")
