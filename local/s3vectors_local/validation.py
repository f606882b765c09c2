"""Checks vectors, keys, metadata and tags beyond the shape of a request.

The rules and their wording were measured on AWS in September 2026. Vectors are float32, so every
rule for numbers applies after rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import SerializationException, ValidationException
from .limits import FILTERABLE_METADATA_BYTES, KEY_BYTES, METADATA_BYTES, METADATA_KEYS, TAGS

Vector: TypeAlias = npt.NDArray[np.float32]

_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
"""The protocol's encoding of floats that JSON does not have."""


_INFINITE: Final = frozenset({float("inf"), float("-inf")})


@dataclass(frozen=True)
class Records:
    """The valid vectors of a PutVectors request; row i of `vectors` (n, dimension) has key i."""

    keys: list[str]
    vectors: Vector
    metadata: list[Mapping[str, Any]]


def parse_records(
    entries: Sequence[Mapping[str, Any]],
    dimension: int,
    metric: str,
    non_filterable: frozenset[str],
) -> Records:
    """Parse and check all vectors of a PutVectors request.

    Raises:
        ValidationException: names the key of the first invalid vector, and the problem.
        SerializationException: a vector element is not a number.
    """
    vectors, metadata = [], []
    for position, entry in enumerate(entries):
        key = entry["key"]
        _check_key(key, position)
        vector = parse_vector(entry["data"])
        if problem := _find_vector_problem(vector, dimension, metric):
            raise _build_record_error(key, f"vectors[{position}].data", problem)
        entry_metadata = {} if entry.get("metadata") is None else entry["metadata"]
        if problem := find_metadata_problem(entry_metadata, non_filterable):
            raise _build_record_error(key, f"vectors[{position}].metadata", problem)
        vectors.append(vector)
        metadata.append(entry_metadata)
    return Records([entry["key"] for entry in entries], np.stack(vectors), metadata)


def _check_key(key: str, position: int) -> None:
    if len(key.encode()) > KEY_BYTES:
        message = "Record key length exceeds the maximum allowed"
        raise ValidationException(message, (f"vectors[{position}].key", message))


def _build_record_error(key: str, path: str, problem: str) -> ValidationException:
    message = f"Invalid record for key '{key}': {problem}"
    return ValidationException(message, (path, message))


def parse_vector(data: Mapping[str, Any]) -> Vector:
    """Parse the vector of `{"float32": […]}`; NaN and infinities are allowed.

    The numbers are a list or, from `parsing`, a float64 array. Without the member, the vector is
    empty, which no index accepts.

    Raises:
        SerializationException: an element is not a number.
    """
    numbers = data.get("float32")
    if numbers is None:
        numbers = []
    if isinstance(numbers, list) and not set(map(type, numbers)) <= {float}:
        numbers = [_parse_number(item) for item in numbers]
    with np.errstate(over="ignore"):
        return np.asarray(numbers, np.float64).astype(np.float32)


def _parse_number(item: Any) -> float:
    if isinstance(item, str) and item in _NOT_FINITE:
        return float(item)
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        try:
            return float(item)
        except OverflowError:  # an integer of more than 308 digits
            return float("inf")
    raise SerializationException("vector data must be numbers")


def _find_vector_problem(vector: Vector, dimension: int, metric: str) -> str | None:
    if not np.isfinite(vector).all():
        return "vector contains NaNs or Infs"
    if len(vector) != dimension:
        return f"vector must have length {dimension}, but has length {len(vector)}"
    if metric == "cosine" and not vector.any():
        return "cosine distance does not support vectors with zero norm"
    return None


def parse_query_vector(data: Mapping[str, Any], dimension: int, metric: str) -> Vector:
    """Parse and check the vector of a QueryVectors request.

    Raises:
        ValidationException: AWS has one message for all problems; the field list has the problem.
    """
    vector = parse_vector(data)
    problem = _find_vector_problem(vector, dimension, metric)
    if problem:
        message = "Query vector contains invalid values or is invalid for this index"
        raise ValidationException(message, ("vector", problem))
    return vector


def metadata_size(metadata: Mapping[str, Any]) -> int:
    """Return the size of metadata in bytes, as AWS counts it: 4 + Σ(8 + utf8(key) + value).

    A string counts its UTF-8 bytes, a number 4, a boolean 0, and an array, for each element, 4 and
    the value of the element. Measured on AWS with 24 shapes in September 2026; the user guide has
    the limits without the arithmetic.
    """
    return _EMPTY + sum(_entry_size(key, value) for key, value in metadata.items())


_EMPTY: Final = 4
"""Size of metadata without keys."""


def _entry_size(key: str, value: Any) -> int:
    return 8 + (len(key) if key.isascii() else len(key.encode())) + _value_size(value)


def _value_size(value: Any) -> int:
    if type(value) is str:
        return len(value) if value.isascii() else len(value.encode())
    if type(value) is list:
        return sum(4 + _value_size(item) for item in value)
    return 0 if type(value) is bool else 4


def find_metadata_problem(metadata: Any, non_filterable: frozenset[str]) -> str | None:
    """Return AWS's message for a problem with the metadata of a vector, or None."""
    if not isinstance(metadata, dict):
        return "Metadata must be an object"
    total = filterable = _EMPTY
    for key, value in metadata.items():
        if not isinstance(value, (str, int, float)) and (problem := _find_value_problem(value)):
            return problem
        size = _entry_size(key, value)
        total += size
        if key not in non_filterable:
            filterable += size
    if len(metadata) > METADATA_KEYS:
        return f"Metadata object must have at most {METADATA_KEYS} keys"
    if total > METADATA_BYTES:
        return f"Metadata object must have at most {METADATA_BYTES} bytes"
    if filterable > FILTERABLE_METADATA_BYTES:
        return f"Filterable metadata must have at most {FILTERABLE_METADATA_BYTES} bytes"
    return None


def _find_value_problem(value: Any) -> str | None:
    """Return the problem with a value that is not a string, number or boolean, or None."""
    if not isinstance(value, list):
        return "Metadata values must be strings, numbers, booleans, or arrays"
    if not value:
        return "Empty arrays are not allowed in metadata"
    kinds = {*map(type, value)}
    if kinds <= {str} or kinds <= {int, float}:
        return None
    return "Metadata array values must be strings or numbers"


def check_keys_differ(keys: Sequence[str]) -> None:
    """Refuse a PutVectors request with a repeated key.

    Raises:
        ValidationException: names the key.
    """
    seen: set[str] = set()
    for position, key in enumerate(keys):
        if key in seen:
            raise _build_record_error(
                key, f"vectors[{position}].key", "the request repeats the key"
            )
        seen.add(key)


def to_single(value: Any) -> Any:
    """Convert the numbers in a metadata value or filter operand to single precision.

    Integers stay integers; numbers out of range become infinite.
    """
    if isinstance(value, list):
        return [to_single(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    with np.errstate(over="ignore"):
        single = float(np.float32(_parse_number(value)))
    return int(single) if isinstance(value, int) and np.isfinite(single) else single


def narrow(records: Records) -> Records:
    """Convert the numbers in the metadata of records to single precision.

    Raises:
        ValidationException: names the record with a number out of range.
    """
    metadata: list[Mapping[str, Any]] = []
    for position, (key, wide) in enumerate(zip(records.keys, records.metadata, strict=True)):
        single = {name: to_single(value) for name, value in wide.items()}
        if any(not _INFINITE.isdisjoint(_as_list(value)) for value in single.values()):
            problem = "Metadata numbers must be finite in single precision"
            raise _build_record_error(key, f"vectors[{position}].metadata", problem)
        metadata.append(single)
    return Records(records.keys, records.vectors, metadata)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that a resource cannot have."""
    if len(tags) > TAGS:
        message = f"A resource can have at most {TAGS} tags"
        raise ValidationException(message, ("tags", message))
    if any(key.lower().startswith("aws:") for key in tags):
        message = "Tag keys that begin with aws: are reserved"
        raise ValidationException(message, ("tags", message))
