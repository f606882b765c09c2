"""Behavior that AWS does not document and that a client may depend on.

The default of each choice is the simplest behavior (for `analyzer`, the more likely one). Run your
tests with the alternative as well, so that they do not depend on the choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .tokenizer import Analysis

MissingKey: TypeAlias = Literal["match", "no-match"]
ArrayNegation: TypeAlias = Literal["no-element", "any-element"]
Euclidean: TypeAlias = Literal["plain", "squared"]
Numbers: TypeAlias = Literal["double", "single"]
RepeatedKeys: TypeAlias = Literal["last", "refused"]


@dataclass(frozen=True)
class Choices:
    """One behavior for each unknown.

    Args:
        missing_key: whether a vector without the key matches `$ne` and `$nin`.
        array_negation: whether `$ne` and `$nin` match an array if no element is equal, or if any
            element differs.
        euclidean: return the distance or its square. The ranking is the same.
        numbers: how numbers in metadata are stored and compared: integers exactly (up to 64 bits)
            and others in double precision, or all in single precision.
        repeated_keys: whether a PutVectors request with a repeated key stores the last vector, or
            is refused.
        analyzer: how text is split into words: like Lucene's standard tokenizer, which follows
            Unicode's UAX #29, or at every character that is not a letter or digit.
    """

    missing_key: MissingKey = "match"
    array_negation: ArrayNegation = "no-element"
    euclidean: Euclidean = "plain"
    numbers: Numbers = "double"
    repeated_keys: RepeatedKeys = "last"
    analyzer: Analysis = "uax29"


DEFAULT = Choices()
"""The defaults."""
