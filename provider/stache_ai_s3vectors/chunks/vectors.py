"""A vector: what S3 Vectors can hold of it, and its JSON. Pure.

The check has two halves. `check_range` runs before anything is sent or created. The types of a
list's numbers are left to `encode_vector`, which finds a wrong one while it writes: a pass of its
own over them costs a third of an insert's work per vector. `check_vector` is both halves at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits

if TYPE_CHECKING:
    import numpy.typing as npt

Vector: TypeAlias = "Sequence[float] | npt.NDArray[Any]"
"""A vector as a caller passes it; numpy is not needed for it."""

Numbers: TypeAlias = Any
"""A vector that can be sent: a list of floats, a numpy array, or an `UnreadVector`."""

_LONGER_THAN_TINY: Final = limits.FLOAT32_TINY * math.sqrt(limits.DIMENSIONS)
"""A vector longer than this has an element that float32 does not round to zero."""


@dataclass(frozen=True)
class UnreadVector:
    """A vector's numbers, as JSON."""

    json: bytes


def read_numbers(vector: Numbers) -> list[float]:
    """A vector as a list of Python's floats."""
    read: list[float] = (
        orjson.loads(vector.json) if isinstance(vector, UnreadVector) else list(vector)
    )
    return read


def encode_vector(vector: Numbers) -> bytes:
    """A vector as JSON.

    Raises:
        InvalidInputError: a list holds something that is a number in Python only, like True.
    """
    if isinstance(vector, UnreadVector):
        return vector.json
    try:
        json = orjson.dumps(vector, default=_to_list, option=orjson.OPT_SERIALIZE_NUMPY)
        if b"u" not in json and b"s" not in json:  # true, false and null have one of these letters
            return json
    except orjson.JSONEncodeError:
        pass  # it may hold numbers of a kind that orjson does not know
    return orjson.dumps(to_floats(vector))


def _to_list(array: Any) -> Any:
    """A numpy array that is not one native block."""
    return array.tolist()


def count_dimensions(vector: Any, name: str) -> int:
    """Count the dimensions of a vector.

    Args:
        name: of the vector, which begins the message.

    Raises:
        InvalidInputError: it is neither a list of numbers nor an array of one dimension.
    """
    array = hasattr(vector, "__array_interface__")
    if vector.ndim != 1 if array else not isinstance(vector, (list, tuple)):
        shape = f" with {vector.ndim} dimensions" if array else ""
        raise InvalidInputError(
            f"{name} is a {type(vector).__name__}{shape}, not a list of numbers"
        )
    dimension = len(vector)
    if not 1 <= dimension <= limits.DIMENSIONS:
        raise InvalidInputError(
            f"{name} has {dimension} dimensions; S3 Vectors takes 1 to {limits.DIMENSIONS}"
        )
    return dimension


def check_vector(vector: Any, dimension: int, metric: str) -> Numbers:
    """Refuse a vector that the index cannot hold; returns it as it can be sent.

    Args:
        vector: numbers, in a list, a tuple or a numpy array.
        dimension: the index's.
        metric: the index's, "cosine" or "euclidean".

    Raises:
        InvalidInputError: the message starts with what the vector is.
    """
    numbers = vector if _is_array(vector) else to_floats(vector)
    return check_range(numbers, dimension, metric)


def check_range(vector: Any, dimension: int, metric: str) -> Numbers:
    """Like `check_vector`, but does not look at the types of a list's numbers."""
    if _is_array(vector):
        return _check_array(vector, dimension, metric)
    numbers = vector if type(vector) is list else to_floats(vector)
    _check_dimension(len(numbers), dimension)
    try:
        length = math.hypot(*numbers)  # in C, unlike max(map(abs, …))
    except (TypeError, ValueError, OverflowError):
        numbers, length = to_floats(vector), math.nan  # to_floats names the wrong element
    # Between these two, some element is neither tiny nor too large
    if not _LONGER_THAN_TINY < length <= limits.FLOAT32_MAX:
        _check_largest(_find_largest(numbers), metric)
    return numbers


def _is_array(vector: Any) -> bool:
    return type(vector) is not list and hasattr(vector, "__array_interface__")


def to_floats(vector: Any) -> list[float]:
    """Convert a list or tuple of numbers to a list of Python's floats."""
    if not isinstance(vector, (list, tuple)):
        raise InvalidInputError(f"the vector is a {type(vector).__name__}, not a list of numbers")
    if list(map(type, vector)).count(float) == len(vector):
        return vector if isinstance(vector, list) else list(vector)
    return [_to_float(item) for item in vector]


def _to_float(item: Any) -> float:
    if isinstance(item, bool) or not isinstance(item, Real):  # numpy's numbers are Real
        raise InvalidInputError(f"the vector contains {item!r:.80}, which is not a number")
    try:
        return float(item)
    except OverflowError as error:
        raise _build_range_error(item) from error


def _build_range_error(number: Any) -> InvalidInputError:
    return InvalidInputError(
        f"the vector contains {number!r:.30}, which is out of the range of float32"
    )


def _check_dimension(length: int, dimension: int) -> None:
    if length != dimension:
        raise InvalidInputError(f"the vector has {length} dimensions, the index has {dimension}")


def _check_array(vector: Any, dimension: int, metric: str) -> Any:
    """Check a numpy array by its own methods: the provider does not depend on numpy."""
    if vector.ndim != 1 or vector.dtype.kind not in "fiu" or hasattr(vector, "mask"):
        raise InvalidInputError(
            f"the vector is a {type(vector).__name__} of {vector.dtype} with {vector.ndim} "
            "dimensions, not a list of numbers"
        )
    _check_dimension(len(vector), dimension)
    # As floats, because the absolute value of the smallest integer overflows its type
    floats = vector.astype(float)
    _check_largest(float(abs(floats).max()), metric)
    native = vector.dtype.isnative and vector.dtype.itemsize <= floats.dtype.itemsize
    return vector if native else floats


def _find_largest(numbers: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, numbers)) else max(map(abs, numbers))


def _check_largest(largest: float, metric: str) -> None:
    if not math.isfinite(largest):
        raise InvalidInputError("the vector contains NaN or infinity")
    if largest > limits.FLOAT32_MAX:
        raise _build_range_error(largest)
    if largest <= limits.FLOAT32_TINY and metric == "cosine":
        error = InvalidInputError("the vector is all zeros, which has no cosine distance")
        error.about_index = True
        raise error
