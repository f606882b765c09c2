"""How the engine behaves where AWS's behaviour is not documented and a client may lean on it.

Each choice has the plainest reading as its default (of `analyzer` it is the likelier one) and the
other one as alternative, so that a client's tests can pass under both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .words import Analysis

MissingKey: TypeAlias = Literal["match", "no-match"]
ArrayNegation: TypeAlias = Literal["no-element", "any-element"]
Euclidean: TypeAlias = Literal["plain", "squared"]
Numbers: TypeAlias = Literal["double", "single"]
RepeatedKeys: TypeAlias = Literal["last", "refused"]


@dataclass(frozen=True)
class Choices:
    """One behaviour for each unknown.

    Args:
        missing_key: whether a vector without the key passes `$ne` and `$nin`.
        array_negation: what `$ne` and `$nin` ask of an array: that no element equals the
            operand, or that any element differs from it.
        euclidean: the distance itself, or its square. The ranking is the same.
        numbers: how metadata keeps numbers: integers exactly (up to 64 bits) and the others as
            double precision floats, or all of them as single precision floats, with which
            filters then compare.
        repeated_keys: which of the vectors with equal keys in one PutVectors is stored: the last,
            or none, because the request is refused.
        analyzer: how full text is cut into words: as Lucene's standard tokenizer does it, which
            follows Unicode's UAX #29, or at whatever is neither a letter nor a digit.
    """

    missing_key: MissingKey = "match"
    array_negation: ArrayNegation = "no-element"
    euclidean: Euclidean = "plain"
    numbers: Numbers = "double"
    repeated_keys: RepeatedKeys = "last"
    analyzer: Analysis = "uax29"


PLAIN = Choices()
"""The defaults."""
