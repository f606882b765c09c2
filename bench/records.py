"""What the benchmarks store: vectors with the text and metadata that Stache writes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

import numpy as np
import numpy.typing as npt

DIMENSION: Final = 1024
TEXT_BYTES: Final = 1_500
LARGE_CALL: Final = 1_000
"""Vectors handed over at a time where requests fail: more than one batch, to be done in part."""

_TEXT_WORDS: Final = 260
"""English has 5.7 characters a word, the space included."""

_START: Final = datetime(2026, 11, 22, tzinfo=timezone.utc)
_WORDS: Final = 30_000
_CLUSTERS: Final = 200

Floats = npt.NDArray[np.float32]


def call(dimension: int) -> int:
    """Vectors handed over at a time: 500 as by Stache, or fewer where a request holds no more.

    A request holds 20 MiB, and a number 20 bytes.
    """
    return 500 if dimension <= DIMENSION else 250


def words() -> list[str]:
    """Made-up words, the most frequent first."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    made = []
    for number in range(_WORDS):
        word, rest = "x", number + len(letters) ** 3
        while rest:
            rest, letter = divmod(rest, len(letters))
            word += letters[letter]
        made.append(word)
    return made


class Corpus:
    """Records by number, the same for the same seed; embeddings lie in clusters."""

    def __init__(self, seed: int = 1, dimension: int = DIMENSION) -> None:
        self._generator = np.random.default_rng(seed)
        self._centres = 2 * self._generator.normal(size=(_CLUSTERS, dimension))
        self._words = np.array(words())
        frequencies = 1 / np.arange(1, _WORDS + 1)
        self._frequencies = frequencies / frequencies.sum()

    def vectors(self, count: int) -> Floats:
        """So many embeddings, shape (count, dimension)."""
        chosen = self._centres[self._generator.integers(0, _CLUSTERS, count)]
        noise = self._generator.normal(size=chosen.shape)
        return (chosen + noise).astype(np.float32)

    def text(self) -> str:
        """About 1.5 KB of words, as frequent as words are (Zipf)."""
        chosen = self._generator.choice(self._words, _TEXT_WORDS, p=self._frequencies)
        return " ".join(chosen)[:TEXT_BYTES]

    def metadata(self, number: int) -> dict[str, Any]:
        """The metadata of one record; `namespace` keeps 1 % of them, `half` 50 %."""
        return {
            "text": self.text(),
            "namespace": f"books/{number % 100}",
            "status": "active",
            "_type": "chunk",
            "doc_id": f"document-{number // 20}",
            "filename": f"chapter-{number // 20}.txt",
            "chunk_index": number % 20,
            "tags": ["bench", f"tag-{number % 7}"],
            "created_at": (_START + timedelta(seconds=number)).isoformat(),
            "half": number % 2,
        }


def provider_filter(condition: dict[str, Any]) -> dict[str, Any]:
    """One user condition, in the shape that our provider gives it: soft delete, type, condition."""
    present = [
        {"$or": [{"status": {"$exists": False}}, {"status": "active"}]},
        {"$or": [{"_type": {"$exists": False}}, {"_type": "chunk"}]},
    ]
    return {"$and": [*present, condition]}


ONE_PERCENT: Final = provider_filter({"namespace": "books/7"})
HALF: Final = provider_filter({"half": 1})
