"""Embed stored texts, with the embedder that Stache's settings name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from textwrap import shorten
from typing import Any, Final, TypeAlias

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
"""The minimum cosine between two embeddings of one text by one model.

Services return slightly different vectors each time.
"""

_MODEL_CHECKS: Final = 10
"""Vectors of an index that are tried until one has a text that the embedder takes."""

_PROBE: Final = "text"
"""A text that every working embedder accepts."""

_SHOWN: Final = 300
"""Characters of an embedder's error."""

LeaveOut: TypeAlias = Callable[[Iterable[str], str], object]
"""Called with keys whose records get no vector, and why."""


class _RefusedError(Exception):
    """The embedder takes other texts, but not this one."""


class Embedder:
    """Embeds the texts of records.

    Stache stores a chunk's text exactly as it embedded it, so nothing else is needed.

    Args:
        settings: Stache's settings.

    Attributes:
        dimension: the dimension of the vectors.

    Raises:
        ConfigurationError: Stache has no such embedder, or it lacks a setting.
    """

    def __init__(self, settings: Any) -> None:
        try:
            self._provider = EmbeddingProviderFactory.create(settings)
            self.dimension = int(self._provider.get_dimensions())
        except Exception as error:
            raise ConfigurationError(
                f"Stache cannot create the embedder {settings.embedding_provider!r}: {error}"
            ) from error
        self._errors = _choose_classifier(self._provider.get_name().lower())

    def check_model(self, index: VectorIndex) -> None:
        """Refuse to mix models: one text that is in the index is embedded, and compared.

        Raises:
            ConfigurationError: its vector is another model's.
            UnavailableError: the embedder failed.
        """
        for record in islice(index.list_records(), _MODEL_CHECKS):
            embedded = self.embed([record], index.describe().metric, lambda *_: None)
            if not embedded:
                continue
            if _compute_cosine(embedded[0].vector, read_numbers(record.vector)) < _ALIKE:
                raise ConfigurationError(
                    f"index {index.name} has vectors of another embedding model: this "
                    f"embedder returns a different vector for the text of {record.key!r}. Use an "
                    "empty index, or the previous embedder"
                )
            return

    def embed(self, records: Sequence[Record], metric: str, leave_out: LeaveOut) -> list[Record]:
        """The records with their vectors, without those that got none.

        Args:
            records: with or without texts.
            metric: of the index that the vectors are for.
            leave_out: called for those without a vector.

        Raises:
            UnavailableError: the embedder fails, whatever the text.
        """
        with_text = [record for record in records if _has_text(record)]
        leave_out((record.key for record in records if not _has_text(record)), "it has no text")
        pairs = self._embed_batch(with_text) if with_text else ()
        checked = (self._check_answer(*pair, metric, leave_out) for pair in pairs)
        return [record for record in checked if record is not None]

    def embed_question(self, text: str) -> list[float]:
        """The vector of a question.

        Raises:
            UnavailableError: the embedder failed.
        """
        try:
            return list(self._provider.embed_query(text))
        except Exception as error:
            raise _to_unavailable(error) from error

    def _check_answer(
        self, record: Record, answer: Any, metric: str, leave_out: LeaveOut
    ) -> Record | None:
        if isinstance(answer, _RefusedError):
            leave_out([record.key], str(answer))
            return None
        try:
            return replace(record, vector=check_vector(answer, self.dimension, metric))
        except InvalidInputError as error:
            leave_out([record.key], f"the embedder returned an invalid vector: {error}")
            return None

    def _embed_batch(
        self, batch: Sequence[Record], *, is_half: bool = False
    ) -> Iterator[tuple[Record, Any]]:
        """Each record with what the embedder makes of its text: a vector, or an error.

        A text that it refuses must not keep the others from being embedded: the batch is halved
        until that text is alone. An embedder that takes no text is not asked again and again.
        """
        try:
            answers = self._call([record.metadata[TEXT] for record in batch])
        except Exception as error:  # noqa: BLE001 - an embedder may raise any exception
            self._check_available(error, ask=len(batch) == 1 or not is_half)
            if len(batch) == 1:
                yield batch[0], self._build_refusal(error)
                return
        else:
            yield from zip(batch, answers, strict=True)
            return
        middle = len(batch) // 2
        yield from self._embed_batch(batch[:middle], is_half=True)
        yield from self._embed_batch(batch[middle:], is_half=True)

    def _call(self, texts: list[str]) -> list[Any]:
        vectors = list(self._provider.embed_batch(texts))
        if len(vectors) != len(texts):
            raise _RefusedError(f"it returned {len(vectors)} vectors for {len(texts)} texts")
        return vectors

    def _check_available(self, error: Exception, *, ask: bool) -> None:
        """Raise an error if the embedder itself fails, rather than refusing these texts.

        Args:
            ask: whether to embed another text to find out.

        Raises:
            UnavailableError: it does not work.
        """
        if _is_throttling(error):
            raise _to_unavailable(error) from error
        if not ask or self._errors.is_context_length_error(error):
            return
        try:
            self._call([_PROBE])
        except Exception:  # noqa: BLE001 - likewise
            raise _to_unavailable(error) from error

    def _build_refusal(self, error: Exception) -> _RefusedError:
        too_long = self._errors.is_context_length_error(error)
        why = "its text is too long for the embedder" if too_long else "the embedder refuses it"
        return _RefusedError(f"{why}: {_describe(error)}")


def _has_text(record: Record) -> bool:
    text = record.metadata.get(TEXT)
    return isinstance(text, str) and bool(text)


def _compute_cosine(one: Any, other: Any) -> float:
    dot = sum(a * b for a, b in zip(map(float, one), map(float, other), strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other) or 1.0)


def _choose_classifier(name: str) -> Any:
    """Choose the classifier of errors about texts that are too long, as Stache does."""
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
    return UnavailableError(f"the embedder failed: {_describe(error)}")


def _describe(error: Exception) -> str:
    name = "" if isinstance(error, _RefusedError) else f"{type(error).__name__}: "
    return shorten(f"{name}{error}", _SHOWN, placeholder=" …")
