"""New vectors of stored texts, by the embedder that Stache's settings name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from stache_ai.providers.factories import EmbeddingProviderFactory
from stache_ai.rag.embedding_resilience import (
    BedrockErrorClassifier,
    DefaultErrorClassifier,
    OllamaErrorClassifier,
)

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.chunks.vectors import check_vector, read_numbers
from stache_ai_s3vectors.errors import ConfigurationError, InvalidInputError, UnavailableError
from stache_ai_s3vectors.service.metadata_keys import TEXT

_ALIKE: Final = 0.95
"""Cosine of two vectors that one model made of one text; services differ a little each time."""


class Embedder:
    """Makes the vectors of records out of their texts.

    Stache stores a chunk's text exactly as it embedded it, so nothing else is needed.

    Args:
        settings: Stache's.

    Attributes:
        dimension: of the vectors.
        left_out: keys of records without a vector, and why.

    Raises:
        ConfigurationError: Stache has no such embedder, or it lacks a setting.
    """

    def __init__(self, settings: Any) -> None:
        try:
            self._provider = EmbeddingProviderFactory.create(settings)
            self.dimension = int(self._provider.get_dimensions())
        except Exception as error:
            raise ConfigurationError(
                f"Stache cannot make the embedder {settings.embedding_provider!r}: {error}"
            ) from error
        self.left_out: dict[str, str] = {}
        self._errors = _choose_classifier(self._provider.get_name().lower())

    def check_model(self, index: VectorIndex) -> None:
        """Refuse to mix models: one text that is in the index is embedded, and compared.

        Raises:
            ConfigurationError: its vector is another model's.
        """
        for record in islice(index.list_records(), 1):
            [vector] = self._embed_batch([record]) if self._has_text(record) else [None]
            if vector is not None and _compute_cosine(vector, read_numbers(record.vector)) < _ALIKE:
                raise ConfigurationError(
                    f"index {index.name} has vectors of another embedding model: that of "
                    f"{record.key!r} is not what this embedder makes of its text; use an empty "
                    "index, or the embedder of before"
                )

    def embed(self, records: Sequence[Record], metric: str) -> list[Record]:
        """The records with their vectors, without those that got none.

        Raises:
            UnavailableError: the embedder failed.
        """
        texts = [record for record in records if self._has_text(record)]
        embedded = zip(texts, self._embed_batch(texts) if texts else (), strict=True)
        return [record for pair in embedded if (record := self._check_vector(*pair, metric))]

    def embed_question(self, text: str) -> list[float]:
        """The vector of a question.

        Raises:
            UnavailableError: the embedder failed.
        """
        try:
            return list(self._provider.embed_query(text))
        except Exception as error:
            raise _to_unavailable(error) from error

    def _check_vector(self, record: Record, vector: Any, metric: str) -> Record | None:
        if vector is None:
            return None
        try:
            return replace(record, vector=check_vector(vector, self.dimension, metric))
        except InvalidInputError as error:
            self.left_out[record.key] = f"the embedder's answer: {error}"
            return None

    def _has_text(self, record: Record) -> bool:
        text = record.metadata.get(TEXT)
        if isinstance(text, str) and text:
            return True
        self.left_out[record.key] = "it has no text"
        return False

    def _embed_batch(self, batch: Sequence[Record]) -> list[Any]:
        texts = [record.metadata[TEXT] for record in batch]
        try:
            vectors = list(self._provider.embed_batch(texts))
        except Exception as error:
            if self._errors.is_context_length_error(error) and not _is_throttling(error):
                return self._embed_halves(batch, error)
            raise _to_unavailable(error) from error
        if len(vectors) != len(texts):
            raise UnavailableError(
                f"the embedder answered {len(texts)} texts with {len(vectors)} vectors"
            )
        return vectors

    def _embed_halves(self, batch: Sequence[Record], error: Exception) -> list[Any]:
        """A text too long for the model must not keep the others from being embedded."""
        if len(batch) == 1:
            self.left_out[batch[0].key] = f"its text is too long for the embedder: {error}"
            return [None]
        half = len(batch) // 2
        return [*self._embed_batch(batch[:half]), *self._embed_batch(batch[half:])]


def _compute_cosine(one: Any, other: Any) -> float:
    dot = sum(a * b for a, b in zip(map(float, one), map(float, other), strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other) or 1.0)


def _choose_classifier(name: str) -> Any:
    """What knows a model's error about texts that are too long; chosen as Stache does."""
    known = {"ollama": OllamaErrorClassifier, "bedrock": BedrockErrorClassifier}
    kinds = [kind for part, kind in known.items() if part in name]
    return (kinds or [DefaultErrorClassifier])[0]()


def _is_throttling(error: Exception) -> bool:
    """Stache takes "too many tokens, please wait" for a text that is too long."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    text = f"{type(error).__name__} {code} {error}"
    return bool(re.search("throttl|too ?many ?requests|rate.?limit|429", text, re.IGNORECASE))


def _to_unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(f"the embedder failed: {type(error).__name__}: {error}")
