"""A stand-in for an embedding model: it hashes words and does not know their meaning.

Each word and each pair of neighboring words adds to one of 1,024 numbers, chosen by a
hash. So texts that share words are near each other, "car" and "automobile" are not. It is
small, deterministic and needs no download; for real use choose a real model (docs/laptop.md).
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from stache_ai.providers.base import EmbeddingProvider

DIMENSION: Final = 1024

_WORD: Final = re.compile(r"[a-z][a-z_]+")
_ENDING: Final = re.compile(r"(?:ing|ions?|ed|es|s)$")
_STOP: Final = frozenset(
    """a about after all also an and any are as at be because been before but by can could did
    do does for from had has have how however if in into is it its itself may me more most must
    my no not of on one only or other our out own same see should so some such than that the
    their them then there these they this those to up use used using was we were what when
    where which who why will with without would you your""".split()  # noqa: SIM905 - reads better
)


class WordHashingEmbeddings(EmbeddingProvider):  # type: ignore[misc]  # stache_ai ships no types
    """Stache's embedding interface over `embed`."""

    def __init__(self, settings: Any) -> None:
        del settings  # Stache passes them

    def embed(self, text: str, *, context: Any = None) -> list[float]:  # noqa: ARG002 - Stache's
        """A vector of length 1 for a text."""
        return embed(text)

    def embed_batch(self, texts: list[str], *, context: Any = None) -> list[list[float]]:  # noqa: ARG002 - Stache's
        """A vector for each text."""
        return [embed(text) for text in texts]

    def get_dimensions(self) -> int:
        """The dimension of the vectors."""
        return DIMENSION


def embed(text: str) -> list[float]:
    """The vector of a text: DIMENSION numbers, of length 1 together."""
    numbers = [0.0] * DIMENSION
    numbers[0] = 0.01  # so that a text without words is not all zeros
    for feature, count in Counter(_list_features(text)).items():
        weight = 1.0 + math.log(count)
        hashed = zlib.crc32(feature.encode())
        sign = 1.0 if hashed & 0x80000000 else -1.0
        numbers[hashed % DIMENSION] += sign * weight
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def _list_features(text: str) -> Iterator[str]:
    words = [_ENDING.sub("", word) for word in _WORD.findall(text.lower()) if word not in _STOP]
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
