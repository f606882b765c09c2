"""What Stache hands over, checked before anything is sent. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Final, TypeAlias

from . import limits
from .errors import InvalidInputError

Numbers: TypeAlias = Any
"""A vector as it can be sent: a list of floats, a numpy array, or JSON that was not read."""

_SURELY_MORE_THAN_TINY: Final = limits.FLOAT32_TINY * math.sqrt(limits.DIMENSIONS)
"""A vector longer than this has an element that float32 does not round to zero."""


def check_lengths(**lists: Sequence[Any]) -> None:
    """Refuse lists of different lengths."""
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InvalidInputError(f"insert got {shown}; every chunk needs one of each")


def check_ids(ids: Sequence[str], *, unique: bool = False) -> None:
    """Refuse ids that cannot be a vector's key and, if asked, ids that are there twice."""
    if isinstance(ids, (str, bytes)):
        raise InvalidInputError(f"ids is {ids!r:.80}; it must be a list of ids")
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


def check_vector(vector: Any, dimension: int, metric: str, *, types: bool = True) -> Numbers:
    """The vector as it can be sent, when the index can hold it.

    Args:
        vector: numbers, in a list, a tuple or a numpy array.
        dimension: the index's.
        metric: the index's, "cosine" or "euclidean".
        types: also look for what is a number in Python and not in JSON, such as True; False
            when `batches` will do that, which costs next to nothing while it writes.

    Returns:
        A sequence of numbers, or a numpy array as it is.

    Raises:
        InvalidInputError: the message starts with what the vector is.
    """
    if type(vector) is not list and hasattr(vector, "__array_interface__"):
        return _check_array(vector, dimension, metric)
    numbers = vector if type(vector) is list and not types else floats(vector)
    _check_dimension(len(numbers), dimension)
    try:
        length = math.hypot(*numbers)  # in C, unlike max(map(abs, …))
    except (TypeError, ValueError, OverflowError):
        numbers, length = floats(vector), math.nan  # the first says why not
    # Between these two, some element is neither tiny nor too large
    if not _SURELY_MORE_THAN_TINY < length <= limits.FLOAT32_MAX:
        _check_largest(_largest(numbers), metric)
    return numbers


def floats(vector: Any) -> list[float]:
    """A vector as a list of Python's floats."""
    if not isinstance(vector, (list, tuple)):
        raise InvalidInputError(f"the vector is a {type(vector).__name__}, not a list of numbers")
    if list(map(type, vector)).count(float) == len(vector):
        return vector if isinstance(vector, list) else list(vector)
    return [_float(item) for item in vector]


def _float(item: Any) -> float:
    if isinstance(item, bool) or not isinstance(item, Real):  # numpy's numbers are Real, too
        raise InvalidInputError(f"the vector holds {item!r:.80}, which is not a number")
    try:
        return float(item)
    except OverflowError as error:
        raise InvalidInputError(f"the vector holds {item!r:.30}, more than float32 can") from error


def _check_dimension(length: int, dimension: int) -> None:
    if length != dimension:
        raise InvalidInputError(f"the vector has {length} dimensions, the index has {dimension}")


def _check_array(vector: Any, dimension: int, metric: str) -> Any:
    """A numpy array, by its own methods: the provider does without numpy."""
    if vector.ndim != 1 or vector.dtype.kind not in "fiu" or hasattr(vector, "mask"):
        raise InvalidInputError(
            f"the vector is a {type(vector).__name__} of {vector.dtype} with {vector.ndim} "
            "dimensions, not a list of numbers"
        )
    _check_dimension(len(vector), dimension)
    # As floats, because the smallest integer's absolute value is none of its type
    floats = vector.astype(float)
    _check_largest(float(abs(floats).max()), metric)
    native = vector.dtype.isnative and vector.dtype.itemsize <= floats.dtype.itemsize
    return vector if native else floats


def _largest(numbers: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, numbers)) else max(map(abs, numbers))


def _check_largest(largest: float, metric: str) -> None:
    if not math.isfinite(largest):
        raise InvalidInputError("the vector holds NaN or infinity")
    if largest > limits.FLOAT32_MAX:
        raise InvalidInputError(f"the vector holds {largest!r:.30}, more than float32 can")
    if largest <= limits.FLOAT32_TINY and metric == "cosine":
        raise InvalidInputError("the vector is all zeros, which has no cosine distance")
