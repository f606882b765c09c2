"""A Stache chunk ⇄ an S3 Vectors record. Pure.

S3 Vectors' metadata holds strings, numbers, booleans and lists of only strings or only
numbers; the filterable part is limited to 2,048 bytes. Values that do not fit are stored in
`_overflow`, one non-filterable JSON object, and put back on reading, so that a read returns the
metadata that was inserted. `_overflow` also has a copy of every number that float32 does not
represent exactly, because AWS does not document the precision of numbers in metadata.

Other programs, for example the older package, may write the same vectors and leave an outdated
`_overflow`. So values outside it take precedence; a copy is used only if both are the same number
in float32.

Indexes of the older package do not have this non-filterable key. In them `_overflow` is filterable
metadata, limited to the rest of the 2,048 bytes, and copies are left out.
"""

from __future__ import annotations

import json
import logging
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import (
    ACTIVE,
    DEFAULT_NAMESPACE,
    NAMESPACE,
    NON_FILTERABLE,
    OVERFLOW,
    STATUS,
    TEXT,
)
from stache_ai_s3vectors.service.printable import to_printable

from .arguments import check_namespace
from .metadata_values import (
    DEPTH,
    is_deep,
    is_exact,
    is_metadata,
    is_number,
    is_same_number,
    is_text,
    to_native,
    to_plain,
)
from .sizes import STATUS_ROOM, check_total, choose_overflow_keys, is_within_limits, metadata_size

_LOG = logging.getLogger(__name__)

_EXACT_INTEGERS: Final = 2**24
"""float32 holds every integer up to this one."""


@dataclass(frozen=True)
class Chunk:
    """A chunk as it was inserted: the text, and the metadata with namespace and status."""

    text: str
    metadata: dict[str, Any]

    @property
    def filterable(self) -> dict[str, Any]:
        """The metadata that filters would see if S3 Vectors had no size limits."""
        return {name: value for name, value in self.metadata.items() if is_metadata(value)}

    @property
    def everything(self) -> dict[str, Any]:
        """Metadata and text in one dictionary."""
        return {**self.metadata, TEXT: self.text}


@dataclass(frozen=True)
class StoredMetadata:
    """Metadata as S3 Vectors accepts it, and the keys moved to `_overflow` to save space."""

    metadata: dict[str, Any]
    moved: tuple[str, ...]


def to_metadata(
    text: str,
    metadata: Mapping[str, Any],
    namespace: str | None,
    non_filterable: frozenset[str],
) -> StoredMetadata:
    """Convert a chunk to the metadata to store; the caller's dictionary is not changed.

    Args:
        text: the chunk's text; it replaces a `text` in the metadata.
        metadata: the user's and Stache's metadata, any JSON values.
        namespace: overrides a `namespace` in the metadata; "default" without either.
        non_filterable: the index's non-filterable keys.

    Raises:
        InvalidInputError: neither S3 Vectors nor `_overflow` can store a value; the message
            starts with the value.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidInputError(f"the metadata is {metadata!r:.80}, not a dictionary")
    simple = _convert_simple(text, metadata, namespace, non_filterable)
    return _convert_general(text, metadata, namespace, non_filterable) if simple is None else simple


def _convert_simple(
    text: str, metadata: Mapping[str, Any], namespace: str | None, non_filterable: frozenset[str]
) -> StoredMetadata | None:
    """The result of `_convert_general` for almost every chunk, in a tenth of its time; or None.

    It handles strings, booleans, numbers that float32 represents exactly, and lists of strings or
    of numbers, within the limits. `_convert_general` looks at the metadata several times; one
    pass with all its cases would be as slow for the chunks that need none of them.
    """
    stored: dict[str, Any] = {**metadata, TEXT: text}
    stored[NAMESPACE] = _choose_namespace(namespace, stored)
    if stored.get(STATUS) is None:
        stored[STATUS] = ACTIVE
    total, filterable = 4, 4 + STATUS_ROOM
    for key, value in stored.items():
        # Short cuts for ASCII strings, because a function call costs more than the test
        size = len(value) if type(value) is str and value.isascii() else _measure_simple(value)
        name = len(key) if type(key) is str and key.isascii() else _measure_text(key)
        if size is None or name is None:
            return None
        total += 8 + name + size
        if key not in non_filterable:
            filterable += 8 + name + size
    simple = (
        total + STATUS_ROOM <= limits.METADATA_BYTES
        and filterable <= limits.FILTERABLE_METADATA_BYTES
        and len(stored) <= limits.METADATA_KEYS
        and OVERFLOW not in stored
        and stored[NAMESPACE]
        and type(stored.get(TEXT)) is type(stored[NAMESPACE]) is type(stored[STATUS]) is str
    )
    return StoredMetadata(stored, ()) if simple else None


def _measure_simple(value: Any) -> int | None:
    kind = type(value)
    if kind is str:
        return _measure_text(value)
    if kind is list and value:
        sizes = list(map(_measure_text if type(value[0]) is str else _measure_number, value))
        return None if None in sizes else 4 * len(value) + sum(filter(None, sizes))
    return 0 if kind is bool else _measure_number(value)


def _measure_text(value: Any) -> int | None:
    if type(value) is not str:
        return None
    if value.isascii():
        return len(value)
    return len(value.encode()) if is_text(value) else None


def _measure_number(value: Any) -> int | None:
    if type(value) is int:
        return 4 if -_EXACT_INTEGERS <= value <= _EXACT_INTEGERS else None
    return 4 if type(value) is float and is_number(value) and is_exact(value) else None


def _convert_general(
    text: str, metadata: Mapping[str, Any], namespace: str | None, non_filterable: frozenset[str]
) -> StoredMetadata:
    full = _normalize_metadata(text, metadata, namespace)
    fitting = {key: to_plain(value) for key, value in full.items() if is_metadata(value)}
    overflow = {key: value for key, value in full.items() if key not in fitting}
    if OVERFLOW not in non_filterable:
        return StoredMetadata(
            _convert_filterable_overflow(text, fitting, overflow, non_filterable), ()
        )
    copies = {key: full[key] for key in fitting if not is_exact(full[key])}
    extra = bool(overflow or copies)
    moved = choose_overflow_keys({TEXT: text, **fitting}, non_filterable, extra_key=extra)
    overflow |= {key: full[key] for key in moved}
    fitting = {key: value for key, value in fitting.items() if key not in overflow}
    stored = {TEXT: to_plain(text), **fitting, **_pack_overflow(overflow | copies)}
    check_total(stored)
    return StoredMetadata(stored, tuple(moved))


def _convert_filterable_overflow(
    text: str,
    fitting: Mapping[str, Any],
    overflow: Mapping[str, Any],
    non_filterable: frozenset[str],
) -> dict[str, Any]:
    """The metadata to store in an index in which `_overflow` is filterable.

    If it does not fit, nulls and empty lists are left out, as the older package did.

    Raises:
        InvalidInputError: it still does not fit; names the values, with their sizes.
    """
    plain_metadata = {TEXT: to_plain(text), **fitting}
    stored = {**plain_metadata, **_pack_overflow(overflow)}
    if not is_within_limits(stored, non_filterable):
        empty = [key for key, value in overflow.items() if value is None or value in ([], ())]
        rest = {key: value for key, value in overflow.items() if key not in empty}
        stored = {**plain_metadata, **_pack_overflow(rest)}
        if not is_within_limits(stored, non_filterable):
            moved = choose_overflow_keys(plain_metadata, non_filterable, extra_key=bool(rest))
            error = InvalidInputError(
                _describe_misfits(rest | {key: fitting[key] for key in moved})
            )
            error.about_index = True
            raise error
        _LOG.warning(
            "metadata %s is null or an empty list and is not stored: the index has no room for it",
            to_printable(", ".join(empty)),
        )
    check_total(stored)
    return stored


def _pack_overflow(overflow: Mapping[str, Any]) -> dict[str, str]:
    """`_overflow` as metadata; empty if there is nothing to store in it."""
    if not overflow:
        return {}
    return {OVERFLOW: json.dumps(overflow, ensure_ascii=False, separators=(",", ":"))}


def _normalize_metadata(
    text: str, metadata: Mapping[str, Any], namespace: str | None
) -> dict[str, Any]:
    """Check the metadata that a read must return; returns all of it but the text."""
    if not isinstance(text, str):
        raise InvalidInputError(f"the text is a {type(text).__name__}, not a string")
    if OVERFLOW in metadata:
        raise InvalidInputError(f"metadata key {OVERFLOW!r} is reserved; use another key")
    full = {
        key: _NativeConverter(key).convert(value) for key, value in metadata.items() if key != TEXT
    }
    full[NAMESPACE] = check_namespace(_choose_namespace(namespace, full))
    if full.get(STATUS) is None:
        full[STATUS] = ACTIVE
    if not isinstance(full[STATUS], str):
        raise InvalidInputError(f"the {STATUS} is {full[STATUS]!r:.80}, not a string")
    _check_json({TEXT: text, **full})
    return {to_plain(key): value for key, value in full.items()}


def _choose_namespace(argument: Any, metadata: Mapping[str, Any]) -> Any:
    """The argument, or that of the metadata, or the default; not checked yet."""
    for value in (argument, metadata.get(NAMESPACE)):
        if value is not None:
            return value
    return DEFAULT_NAMESPACE


def remove_empty_namespace(metadata: Any) -> Any:
    """Remove an empty namespace from metadata; anything else is returned unchanged."""
    if isinstance(metadata, Mapping) and metadata.get(NAMESPACE) == "":
        return {key: value for key, value in metadata.items() if key != NAMESPACE}
    return metadata


def change_status(
    key: str, stored: Mapping[str, Any], status: str, non_filterable: frozenset[str]
) -> dict[str, Any]:
    """Change the status in stored metadata; it is converted again only if it does not fit.

    `to_metadata` leaves room for Stache's statuses; one of your own may be longer, and another
    program may have written the vector.
    """
    changed = {**stored, STATUS: status}
    if is_within_limits(changed, non_filterable, room=False) and (
        metadata_size(changed) <= limits.METADATA_BYTES
    ):
        return changed
    chunk = from_metadata(key, stored)
    full = {**chunk.metadata, STATUS: status}
    try:
        return to_metadata(chunk.text, full, None, non_filterable).metadata
    except InvalidInputError as error:
        raise InvalidInputError(f"status {status!r} for id {key!r}: {error}") from error


def from_metadata(key: str, stored: Mapping[str, Any]) -> Chunk:
    """Convert stored metadata back to the chunk, with the values of `_overflow` put back.

    An `_overflow` that this module did not write is read as metadata: one such vector must not
    make all others unreadable.
    """
    metadata = {name: value for name, value in stored.items() if name not in NON_FILTERABLE}
    overflow = stored.get(OVERFLOW)
    if overflow is not None:
        values = _unpack_overflow(overflow)
        if values is None:
            _warn_of_overflow(key, f"{overflow!r:.80}")
            values, metadata[OVERFLOW] = {}, overflow
        metadata |= {
            name: value
            for name, value in values.items()
            if name != TEXT and (name not in stored or is_same_number(stored[name], value))
        }
    return Chunk(str(stored.get(TEXT, "")), metadata)


def _unpack_overflow(overflow: Any) -> dict[str, Any] | None:
    """The values in an `_overflow`; None if this module did not write it."""
    try:
        values = json.loads(overflow)
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or any(map(is_deep, values.values())):
        return None
    return values


@lru_cache(maxsize=1000)
def _warn_of_overflow(key: str, shown: str) -> None:
    _LOG.warning(
        "%s of vector %r was not written by this package and is read as metadata: %s",
        OVERFLOW,
        key,
        to_printable(shown),
    )


def _check_json(metadata: Mapping[str, Any]) -> None:
    for key, value in metadata.items():
        if not is_text(key):
            raise InvalidInputError(
                f"metadata key {key!r:.80} is a {type(key).__name__}, not a string of Unicode"
            )
        if is_metadata(value):
            continue
        if is_deep(value):
            raise InvalidInputError(
                f"metadata {key!r} has more than {DEPTH} levels of objects and lists, which is the "
                "limit; store it as a JSON string"
            )
        try:
            _check_keys(value)
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:  # invalid Unicode is a ValueError
            raise InvalidInputError(
                f"metadata {key!r} is {reprlib.repr(value)}, which JSON cannot hold ({error})"
            ) from error


class _NativeConverter:
    """Converts numpy scalars in a value, up to as many parts as metadata can have.

    Without the limit, objects that contain themselves or each other would never end.
    """

    def __init__(self, name: Any) -> None:
        self._name = name
        self._left = limits.METADATA_BYTES

    def convert(self, value: Any, levels: int = DEPTH) -> Any:
        """Convert a value; `_check_json` refuses what is too deep.

        Raises:
            InvalidInputError: it has more parts than metadata can have bytes.
        """
        self._left -= 1
        if self._left < 0:
            raise InvalidInputError(
                f"metadata {self._name!r:.80} has more than {limits.METADATA_BYTES} values, or "
                "contains itself; all metadata of a vector has at most that many bytes"
            )
        if levels and isinstance(value, dict):
            return {key: self.convert(item, levels - 1) for key, item in value.items()}
        if levels and isinstance(value, (list, tuple)):
            return [self.convert(item, levels - 1) for item in value]
        return to_native(value)


def _check_keys(value: Any) -> None:
    """Refuse keys that are not strings, which json.dumps would convert silently."""
    if isinstance(value, dict):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"the key {wrong[0]!r} is not a string")
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)


def _describe_misfits(unheld: Mapping[str, Any]) -> str:
    reasons = [
        f"{key!r} ({metadata_size({key: value}) - 4} bytes)"
        if is_metadata(value)
        else f"{key!r} ({_describe_kind(value)}, {len(json.dumps(value).encode())} bytes as JSON)"
        for key, value in unheld.items()
    ]
    return (
        f"the index has no room for {', '.join(reasons)}: filterable metadata has at most "
        f"{limits.FILTERABLE_METADATA_BYTES} bytes and {limits.METADATA_KEYS} keys, and the index "
        f"has no non-filterable key {OVERFLOW!r} for the rest (the older package created such "
        "indexes). Leave these out, or move to an index created with `stache-s3vectors indexes "
        "create`"
    )


def _describe_kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "a list that is neither all strings nor all numbers" if value else "an empty list"
    if value is None:
        return "null"
    return "an object" if isinstance(value, dict) else "a number too large for S3 Vectors"
