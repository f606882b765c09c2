"""An embedder for Stache with eight dimensions, which records its calls."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import pytest
from stache_ai.providers import plugin_loader

DIMENSIONS: Final = 8


class Letters:
    """Embeds a text by its letters, with the limits and failures that a test sets.

    Attributes:
        max_length: the maximum number of characters of a text.
        max_texts: the number of texts after which embedding fails.
        vectors: the response to every call, instead of embeddings.
        embedded_texts: the texts that were embedded.
        batch_sizes: the number of texts of each call.
    """

    max_length: ClassVar[int] = 10_000
    max_texts: ClassVar[int | None] = None
    vectors: ClassVar[list[list[float]] | None] = None
    embedded_texts: ClassVar[list[str]] = []
    batch_sizes: ClassVar[list[int]] = []

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.embedded_texts.clear()
        self.batch_sizes.clear()

    @staticmethod
    def respond(_texts: list[str]) -> Any:
        """Return vectors or raise an error instead, in a test. None embeds the texts."""
        return None

    def get_name(self) -> str:
        """Return the name that Stache shows."""
        return "words"

    def get_dimensions(self) -> int:
        """Return the dimension of every vector."""
        return DIMENSIONS

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return self.embed_batch([text])[0]

    def embed_batch(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, or fail if the test has set that."""
        self.batch_sizes.append(len(texts))
        response = self.respond(texts)
        if response is not None:
            return list(response)
        if self.vectors is not None:
            return self.vectors
        if self.max_texts is not None and len(self.embedded_texts) >= self.max_texts:
            raise ConnectionError("the model is unavailable")
        if max(map(len, texts)) > self.max_length:
            raise ValueError("maximum context length exceeded")
        self.embedded_texts.extend(texts)
        return [count_letters(text) for text in texts]


def count_letters(text: str) -> list[float]:
    """Count the bytes with each value of their last three bits, so that similar texts differ."""
    counts = [0.5] * DIMENSIONS
    for byte in text.encode():
        counts[byte % DIMENSIONS] += 1
    return counts


def use_letter_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `Letters` the embedder of Stache's settings."""
    # This module is also installed alone, as a package, and so cannot import `plugins`
    plugin_loader.get_available_providers("embeddings")
    plugin_loader.register_provider("embeddings", "words", Letters)
    monkeypatch.setenv("EMBEDDING_PROVIDER", "words")
