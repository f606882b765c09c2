"""The values that S3 Vectors' metadata and filters can have, and their form. Pure."""

from __future__ import annotations

import struct
from typing import Any, Final

from stache_ai_s3vectors.service import limits

_LARGEST_INTEGER: Final = 2**63 - 1
"""The largest integer that JSON readers and writers agree on."""


DEPTH: Final = 64
"""The most levels of objects and lists in a metadata value. JSON readers, for example Stache's web
server, need some stack for each level; Python's ends at a thousand calls."""


def to_native(value: Any) -> Any:
    """Convert a numpy scalar to the Python value; anything else is returned unchanged."""
    scalar = hasattr(value, "dtype") and getattr(value, "ndim", None) == 0
    return value.item() if scalar else value


def is_deep(value: Any) -> bool:
    """Whether a value has more levels of dictionaries and lists than `DEPTH`."""
    level = [value]
    for _ in range(DEPTH):
        parts = _find_containers(level)
        if not parts:
            return False
        level = [v for p in parts for v in (p.values() if isinstance(p, dict) else p)]
    return bool(_find_containers(level))


def _find_containers(values: list[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list, tuple))]


def is_text(value: Any) -> bool:
    """Whether it is a string of valid Unicode, without half a surrogate pair."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_number(value: Any, largest: float = limits.FLOAT32_MAX) -> bool:
    """Whether it is a number that JSON can have, up to `largest`; NaN is not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= (min(largest, _LARGEST_INTEGER) if isinstance(value, int) else largest)


def is_metadata(value: Any) -> bool:
    """Whether S3 Vectors can store a value of this type."""
    if isinstance(value, (list, tuple)):
        return bool(value) and (all(map(is_text, value)) or all(map(is_number, value)))
    return isinstance(value, bool) or is_text(value) or is_number(value)


def to_plain(value: Any) -> Any:
    """Convert subclasses to what JSON has: an enumeration to its number, a tuple to a list."""
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    return int.__pos__(value) if isinstance(value, int) else float.__pos__(value)


def is_exact(value: Any) -> bool:
    """Whether float32 represents all of its numbers exactly."""
    if isinstance(value, (list, tuple)):
        return all(map(is_exact, value))
    if isinstance(value, (str, bool)):
        return True
    return bool(struct.unpack("<f", struct.pack("<f", value))[0] == value)


def is_same_number(value: Any, other: Any) -> bool:
    """Whether two numbers, or two lists of numbers, are the same in float32."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(is_same_number, value, other))
    if not is_number(value) or not is_number(other):
        return False
    return struct.pack("<f", value) == struct.pack("<f", other)
