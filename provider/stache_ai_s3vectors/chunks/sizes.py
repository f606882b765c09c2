"""The size of a vector's metadata, and which values to move out so that it fits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import FILTERED, OVERFLOW, STATUS, TEXT

_NEVER_MOVED: Final = frozenset({*FILTERED, TEXT, OVERFLOW})
"""Never moved to `_overflow` to save space: Stache's searches filter on FILTERED, and the text and
`_overflow` itself are non-filterable in our indexes."""

_MOVED_LAST: Final = frozenset({"filename"})
"""Moved to `_overflow` last: Stache deletes and lists by them."""

_LONGEST_STATUS: Final = "deleting"
"""Sizes include room for Stache's longest status, so that a stored chunk can be soft-deleted."""

STATUS_ROOM: Final = len(_LONGEST_STATUS)
"""Bytes, which are enough for it whatever the status is."""


def metadata_size(metadata: Mapping[str, Any]) -> int:
    """The size in bytes as the service counts it: 4 + Σ(8 + utf8(key) + value).

    A string counts its UTF-8 bytes, a number 4, a boolean 0, an array 4 and the element
    for each element (probed on AWS, September 2026; not the length of the JSON).
    """
    return 4 + sum(8 + len(key.encode()) + _measure_value(value) for key, value in metadata.items())


def _measure_value(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool):
        return 0
    if isinstance(value, list):
        return sum(4 + _measure_value(item) for item in value)
    return 4


def is_within_limits(
    metadata: Mapping[str, Any], non_filterable: frozenset[str], *, room: bool = True
) -> bool:
    """Whether the number of keys and the size of what is filterable are within the limits.

    Args:
        metadata: the metadata to store.
        non_filterable: the index's non-filterable keys.
        room: whether to include room for Stache's longest status.
    """
    padded = _reserve_status(metadata) if room else metadata
    filterable = {key: value for key, value in padded.items() if key not in non_filterable}
    return (
        len(metadata) <= limits.METADATA_KEYS
        and metadata_size(filterable) <= limits.FILTERABLE_METADATA_BYTES
    )


def choose_overflow_keys(
    metadata: Mapping[str, Any], non_filterable: frozenset[str], *, extra_key: bool
) -> list[str]:
    """Choose keys to move to `_overflow`, largest first, until the rest is within the limits."""
    sizes = {
        key: 8 + len(key.encode()) + _measure_value(value)
        for key, value in _reserve_status(metadata).items()
        if key not in non_filterable
    }
    over = 4 + sum(sizes.values()) - limits.FILTERABLE_METADATA_BYTES
    extra_key = extra_key or len(metadata) > limits.METADATA_KEYS
    surplus = len(metadata) + extra_key - limits.METADATA_KEYS
    moved: list[str] = []
    movable = sizes.keys() - _NEVER_MOVED
    for key in sorted(movable, key=lambda key: (key in _MOVED_LAST, -sizes[key], key)):
        if over <= 0 and surplus <= 0:
            break
        moved.append(key)
        over, surplus = over - sizes[key], surplus - 1
    if over > 0:
        others = ", ".join(f"{key} {sizes[key]}" for key in sorted(sizes.keys() - set(moved)))
        raise InvalidInputError(
            f"the filterable metadata is {over} bytes over the service's limit of "
            f"{limits.FILTERABLE_METADATA_BYTES}, even without the values that can be moved to "
            f"{OVERFLOW}. The other values, with their bytes: {others}. Shorten them"
        )
    return moved


def _reserve_status(metadata: Mapping[str, Any]) -> dict[str, Any]:
    status = max(metadata[STATUS], _LONGEST_STATUS, key=lambda text: len(text.encode()))
    return {**metadata, STATUS: status}


def check_total(stored: Mapping[str, Any]) -> None:
    """Refuse text and metadata that are larger than the service accepts for a vector."""
    size = metadata_size(_reserve_status(stored))
    if size > limits.METADATA_BYTES:
        parts = {key: metadata_size({key: value}) - 4 for key, value in stored.items()}
        largest = sorted(parts, key=lambda key: -parts[key])[:3]
        shown = ", ".join(f"{key} {parts[key]}" for key in largest)
        raise InvalidInputError(
            f"text and metadata have {size} bytes; the service accepts {limits.METADATA_BYTES}. "
            f"The largest values, with their bytes: {shown}. Use smaller chunks"
        )
