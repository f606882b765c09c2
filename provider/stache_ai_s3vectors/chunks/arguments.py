"""What Stache hands over, checked before anything is sent. Pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits

from .metadata_values import is_text, to_native, to_plain

Numbers: TypeAlias = Any
"""A vector as it can be sent: a list of floats, a numpy array, or JSON that was not read."""

_SURELY_MORE_THAN_TINY: Final = limits.FLOAT32_TINY * math.sqrt(limits.DIMENSIONS)
"""A vector longer than this has an element that float32 does not round to zero."""


def check_namespace(namespace: Any) -> str:
    """A namespace that is given: a name.

    Raises:
        InvalidInputError: it is something else, an empty text included: that mostly is a value
            that somebody forgot, and must not stand for all namespaces.
    """
    if not is_text(namespace) or not namespace:
        raise InvalidInputError(
            f"the namespace is {namespace!r:.80}; it must be a name, or None for all of them"
        )
    return str(to_plain(namespace))


def check_list(name: str, items: Any, *, of: str, ordered: bool = False) -> None:
    """Refuse what is not a list of things, such as None, a string, or a generator.

    Args:
        name: the argument.
        items: its value.
        of: what it is a list of.
        ordered: also refuse a set.
    """
    kinds = (str, bytes, bytearray, Mapping, *((AbstractSet,) if ordered else ()))
    wrong = isinstance(items, kinds) or not isinstance(items, Collection)
    if wrong or getattr(items, "ndim", 1) == 0:
        shown = type(items).__name__ if isinstance(items, Iterator) else f"{items!r:.80}"
        raise InvalidInputError(f"{name} is {shown}; it must be a list of {of}")


def check_scalar(name: str, value: Any) -> None:
    """Refuse what a filter would take for a condition of its own.

    Args:
        name: the argument.
    """
    if not isinstance(to_native(value), (str, bool, int, float)):
        raise InvalidInputError(
            f"{name} is {value!r:.80}; it must be a string, a number or a boolean"
        )


def check_fields(fields: Any) -> None:
    """Refuse what is neither None nor a list of metadata keys."""
    if fields is None:
        return
    check_list("fields", fields, of="metadata keys")
    for field in fields:
        if not isinstance(field, str):
            raise InvalidInputError(f"fields holds {field!r:.80}; metadata keys are strings")


def check_limit(limit: Any) -> int:
    """How many to list, as an integer of Python's.

    Raises:
        InvalidInputError: it is not an integer, or less than 1.
    """
    return min(_check_count(limit, f"limit is {limit!r:.80}; it must be 1 or more"), sys.maxsize)


def _check_count(value: Any, problem: str) -> int:
    """An integer of Python's or numpy's, at least 1, as one of Python's."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InvalidInputError(problem)
    return int(value)


def check_lengths(**lists: Sequence[Any]) -> None:
    """Refuse lists of different lengths."""
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InvalidInputError(f"insert got {shown}; every chunk needs one of each")


def check_ids(ids: Sequence[str], *, unique: bool = False) -> None:
    """Refuse ids that cannot be a vector's key and, if asked, ids that are there twice."""
    check_list("ids", ids, of="ids")
    seen: set[str] = set()
    for position, key in enumerate(ids):
        _check_id(position, key)
        if unique and key in seen:
            raise InvalidInputError(f"item {position}: the id {key!r:.80} is twice in the call")
        seen.add(key)


def check_new_ids(ids: Any) -> list[str]:
    """The ids of an insert as a list; each is there once."""
    check_list("ids", ids, of="ids", ordered=True)
    check_ids(ids, unique=True)
    return list(ids)


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


def check_top_k(top_k: Any) -> int:
    """How many results to ask for, as an integer of Python's; more than the service takes stay.

    Raises:
        InvalidInputError: it is not an integer, or less than 1.
    """
    return _check_count(top_k, f"top_k is {top_k!r:.80}; 1 to {limits.TOP_K} are possible")


def count_dimensions(vector: Any, name: str) -> int:
    """How many dimensions a vector has.

    Args:
        name: begins the message.

    Raises:
        InvalidInputError: it is neither a list of numbers nor an array of one dimension.
    """
    array = hasattr(vector, "__array_interface__")
    if array and vector.ndim == 1:
        return _check_range(len(vector), name)
    if array or not isinstance(vector, (list, tuple)):
        shape = f" with {vector.ndim} dimensions" if array else ""
        raise InvalidInputError(
            f"{name} is a {type(vector).__name__}{shape}, not a list of numbers"
        )
    return _check_range(len(vector), name)


def _check_range(dimension: int, name: str) -> int:
    if not 1 <= dimension <= limits.DIMENSIONS:
        raise InvalidInputError(
            f"{name} has {dimension} dimensions; S3 Vectors takes 1 to {limits.DIMENSIONS}"
        )
    return dimension


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
    numbers = vector if type(vector) is list and not types else to_floats(vector)
    _check_dimension(len(numbers), dimension)
    try:
        length = math.hypot(*numbers)  # in C, unlike max(map(abs, …))
    except (TypeError, ValueError, OverflowError):
        numbers, length = to_floats(vector), math.nan  # the first says why not
    # Between these two, some element is neither tiny nor too large
    if not _SURELY_MORE_THAN_TINY < length <= limits.FLOAT32_MAX:
        _check_largest(_find_largest(numbers), metric)
    return numbers


def to_floats(vector: Any) -> list[float]:
    """A vector as a list of Python's floats."""
    if not isinstance(vector, (list, tuple)):
        raise InvalidInputError(f"the vector is a {type(vector).__name__}, not a list of numbers")
    if list(map(type, vector)).count(float) == len(vector):
        return vector if isinstance(vector, list) else list(vector)
    return [_to_float(item) for item in vector]


def _to_float(item: Any) -> float:
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


def _find_largest(numbers: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, numbers)) else max(map(abs, numbers))


def _check_largest(largest: float, metric: str) -> None:
    if not math.isfinite(largest):
        raise InvalidInputError("the vector holds NaN or infinity")
    if largest > limits.FLOAT32_MAX:
        raise InvalidInputError(f"the vector holds {largest!r:.30}, more than float32 can")
    if largest <= limits.FLOAT32_TINY and metric == "cosine":
        error = InvalidInputError("the vector is all zeros, which has no cosine distance")
        error.about_index = True
        raise error
