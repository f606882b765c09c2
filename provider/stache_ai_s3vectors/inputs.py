"""What Stache hands over, checked before anything is sent. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

from . import limits
from .errors import InvalidInputError


def check_lengths(**lists: Sequence[Any]) -> None:
    """Refuse lists of different lengths."""
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InvalidInputError(f"insert got {shown}; every chunk needs one of each")


def check_ids(ids: Sequence[str], *, unique: bool = False) -> None:
    """Refuse ids that cannot be a vector's key and, if asked, ids that are there twice."""
    seen: set[str] = set()
    for position, key in enumerate(ids):
        _check_id(position, key)
        if unique and key in seen:
            raise InvalidInputError(f"item {position}: the id {key!r:.80} is twice in the call")
        seen.add(key)


def _check_id(position: int, key: Any) -> None:
    if not isinstance(key, str):
        raise InvalidInputError(f"item {position}: the id {key!r:.80} is not a string")
    if not key:
        raise InvalidInputError(f"item {position}: the id is empty")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"item {position}: the id {key!r:.80} is not Unicode") from error
    if length > limits.KEY_LENGTH:
        raise InvalidInputError(
            f"item {position}: the id {key[:40]!r}… is {length} bytes long, "
            f"{limits.KEY_LENGTH} are possible"
        )


def check_top_k(top_k: Any) -> None:
    """Refuse what QueryVectors cannot take as `topK`."""
    if isinstance(top_k, bool) or not isinstance(top_k, int) or not 1 <= top_k <= limits.TOP_K:
        raise InvalidInputError(f"top_k is {top_k!r:.80}; 1 to {limits.TOP_K} are possible")


def check_vector(vector: Iterable[float], dimension: int, metric: str) -> list[float]:
    """The vector as a list, when the index can hold it.

    Args:
        vector: numbers, in a list, a tuple or a numpy array.
        dimension: the index's.
        metric: the index's, "cosine" or "euclidean".

    Raises:
        InvalidInputError: the message starts with what the vector is.
    """
    tolist = getattr(vector, "tolist", None)  # a numpy array
    numbers = tolist() if callable(tolist) else vector
    if not isinstance(numbers, (list, tuple)):
        raise InvalidInputError(f"the vector is a {type(vector).__name__}, not a list of numbers")
    if not set(map(type, numbers)) <= {int, float}:
        numbers = [_number(item) for item in numbers]
    if len(numbers) != dimension:
        raise InvalidInputError(
            f"the vector has {len(numbers)} dimensions, the index has {dimension}"
        )
    _check_numbers(numbers, metric)
    return list(numbers)


def _number(item: Any) -> float:
    if isinstance(item, bool) or not isinstance(item, (int, float, Real)):
        raise InvalidInputError(f"the vector holds {item!r:.80}, which is not a number")
    return item if isinstance(item, int) else float(item)  # numpy's, for instance


def _check_numbers(numbers: Sequence[float], metric: str) -> None:
    largest = max(map(abs, numbers))
    if largest > limits.FLOAT32_MAX and largest != math.inf:
        raise InvalidInputError(f"the vector holds {largest!r:.30}, more than float32 can")
    if not math.isfinite(sum(numbers)):
        raise InvalidInputError("the vector holds NaN or infinity")
    if largest <= limits.FLOAT32_TINY and metric == "cosine":
        raise InvalidInputError("the vector is all zeros, which has no cosine distance")
