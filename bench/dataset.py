"""The data of the benchmarks: vectors with the text and metadata that Stache writes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import islice, product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from clients import BATCH, NAMES

DIMENSION: Final = 1024
TEXT_BYTES: Final = 1_500
TEXT_SEARCH: Final = {"textSearchConfigurations": [{"metadataKey": "text", "language": "en"}]}

PRESENT: Final = {"status": "active", "_type": "chunk"}
CONDITIONS: Final[dict[str, dict[str, Any]]] = {
    "all": {},
    "1 %": {**PRESENT, "namespace": "books/7"},
    "50 %": {**PRESENT, "half": 1},
}
"""The filters of queries, on the metadata of `Corpus`: soft delete, type, one condition."""

_TEXT_WORDS: Final = 260
"""English has 5.7 characters a word, the space included."""

_START: Final = datetime(2026, 11, 22, tzinfo=timezone.utc)
_WORDS: Final = 30_000
_CLUSTERS: Final = 200

Floats = npt.NDArray[np.float32]


def choose_call_size(dimension: int) -> int:
    """Vectors in an insert: 500 as by Stache, or fewer where a request holds no more.

    A request holds 20 MiB, and a number 20 bytes.
    """
    return BATCH if dimension <= DIMENSION else BATCH // 2


def describe_index(dimension: int = DIMENSION, **metadata: Any) -> dict[str, Any]:
    """The request of CreateIndex."""
    # The last two are llama-index's, which cannot store a text without
    keys = ["text", "_overflow", "_node_content", "_node_type"]
    return {
        **NAMES,
        "dataType": "float32",
        "dimension": dimension,
        "distanceMetric": "cosine",
        "metadataConfiguration": {"nonFilterableMetadataKeys": keys, **metadata},
    }


@cache
def make_words() -> npt.NDArray[np.str_]:
    """Made-up words, the most frequent first."""
    spellings = islice(product("etaoinshrdlucmfwypvbgkjqxz", repeat=4), 26**3, 26**3 + _WORDS)
    return np.array(["x" + "".join(reversed(each)) for each in spellings])


def choose_words(first: int) -> str:
    """Three words, of which so many are more frequent."""
    return " ".join(make_words()[first : first + 3])


class Corpus:
    """Records by number, the same for the same seed; embeddings lie in the same clusters."""

    def __init__(self, seed: int = 1, dimension: int = DIMENSION) -> None:
        self._generator = np.random.default_rng(seed)
        self._centres = 2 * np.random.default_rng(0).normal(size=(_CLUSTERS, dimension))
        frequencies = 1 / np.arange(1, _WORDS + 1)
        self._frequencies = frequencies / frequencies.sum()

    def draw_vectors(self, count: int) -> Floats:
        """So many embeddings, shape (count, dimension)."""
        chosen = self._centres[self._generator.integers(0, _CLUSTERS, count)]
        noise = self._generator.normal(size=chosen.shape)
        return (chosen + noise).astype(np.float32)

    def draw_metadata(self, number: int) -> dict[str, Any]:
        """The metadata of one record; `namespace` keeps 1 % of them, `half` 50 %.

        Its text has about 1.5 KB of words, as frequent as words are (Zipf).
        """
        words = self._generator.choice(make_words(), _TEXT_WORDS, p=self._frequencies)
        return {
            "text": " ".join(words)[:TEXT_BYTES],
            "namespace": f"books/{number % 100}",
            **PRESENT,
            "doc_id": f"document-{number // 20}",
            "filename": f"chapter-{number // 20}.txt",
            "chunk_index": number % 20,
            "tags": ["bench", f"tag-{number % 7}"],
            "created_at": (_START + timedelta(seconds=number)).isoformat(),
            "half": number % 2,
        }

    def draw_chunks(self, start: int, count: int) -> dict[str, Any]:
        """Draw what Stache passes to an insert: lists of Python floats, texts, metadata."""
        metadatas = [self.draw_metadata(start + n) for n in range(count)]
        texts = [metadata.pop("text") for metadata in metadatas]
        for metadata in metadatas:
            metadata["headings"] = ["Einführung", "Über Vektoren"]  # not all the world writes ASCII
        ids = [f"chunk-{start + n}" for n in range(count)]
        vectors = self.draw_vectors(count).tolist()
        return {"vectors": vectors, "texts": texts, "metadatas": metadatas, "ids": ids}
