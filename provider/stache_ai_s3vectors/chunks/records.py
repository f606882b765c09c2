"""A Stache chunk ⇄ an S3 Vectors record. Pure.

S3 Vectors' metadata holds strings, numbers, booleans and lists of only strings or only
numbers; the filterable part is limited to 2,048 bytes. What does not fit travels in
`_overflow`, one non-filterable JSON object, and is put back on reading, so that the
metadata that comes out is the metadata that went in. `_overflow` also carries a copy of
every number that float32 does not hold exactly, because AWS does not document the
precision of numbers in metadata.

Others may write the same vectors, the older package for instance, and keep an `_overflow` that
they do not know. So what stands outside it counts; a copy wins only where it is the same number in
float32, of which it says more.

The indexes that the older package made have no such non-filterable key. There `_overflow` is
filterable metadata like any other, and holds what has room in 2,048 bytes; copies are left out.
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
from .sizes import STATUS_ROOM, check_total, is_within_limits, make_room, metadata_size

_LOG = logging.getLogger(__name__)

_EXACT_INTEGERS: Final = 2**24
"""float32 holds every integer up to this one."""


@dataclass(frozen=True)
class Chunk:
    """What was inserted: the text, and the metadata with namespace and status."""

    text: str
    metadata: dict[str, Any]

    @property
    def filterable(self) -> dict[str, Any]:
        """The metadata as filters would see it, had S3 Vectors no limits of size."""
        return {name: value for name, value in self.metadata.items() if is_metadata(value)}

    @property
    def everything(self) -> dict[str, Any]:
        """Metadata and text in one dictionary."""
        return {**self.metadata, TEXT: self.text}

    @property
    def namespace(self) -> str:
        """The chunk's namespace."""
        return str(self.metadata.get(NAMESPACE, ""))


@dataclass(frozen=True)
class StoredMetadata:
    """Metadata as S3 Vectors takes it, and the keys moved out of it to save space."""

    metadata: dict[str, Any]
    moved: tuple[str, ...]


def to_metadata(
    text: str,
    metadata: Mapping[str, Any],
    namespace: str | None,
    non_filterable: frozenset[str],
) -> StoredMetadata:
    """The metadata to store for a chunk; the caller's dictionary is left as it is.

    Args:
        text: the chunk's text; a `text` in the metadata gives way to it.
        metadata: the user's and Stache's metadata, any JSON values.
        namespace: beats a `namespace` in the metadata; without either, "default".
        non_filterable: the index's non-filterable keys.

    Raises:
        InvalidInputError: something that neither S3 Vectors nor `_overflow` can hold; the
            message starts with what it is.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidInputError(f"the metadata is {metadata!r:.80}, not a dictionary")
    simple = _convert_simple(text, metadata, namespace, non_filterable)
    return _convert_general(text, metadata, namespace, non_filterable) if simple is None else simple


def _convert_simple(
    text: str, metadata: Mapping[str, Any], namespace: str | None, non_filterable: frozenset[str]
) -> StoredMetadata | None:
    """What `_general` answers for almost every chunk, in a tenth of its time; or None.

    That is: strings, booleans, numbers that float32 holds exactly, and lists of strings or of
    numbers, within the limits.
    """
    stored: dict[str, Any] = {**metadata, TEXT: text}
    stored[NAMESPACE] = _choose_namespace(namespace, stored)
    if stored.get(STATUS) is None:
        stored[STATUS] = ACTIVE
    total, filterable = 4, 4 + STATUS_ROOM
    for key, value in stored.items():
        # What nearly all are is asked here, because calls cost more than the question
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
    moved = make_room({TEXT: text, **fitting}, non_filterable, extra_key=extra)
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
    """What is stored in an index in which `_overflow` is filterable.

    Where it does not fit, nulls and empty lists are left out, as the older package did.

    Raises:
        InvalidInputError: it still does not fit; names what, with the sizes.
    """
    plain_metadata = {TEXT: to_plain(text), **fitting}
    stored = {**plain_metadata, **_pack_overflow(overflow)}
    if not is_within_limits(stored, non_filterable):
        empty = [key for key, value in overflow.items() if value is None or value in ([], ())]
        rest = {key: value for key, value in overflow.items() if key not in empty}
        stored = {**plain_metadata, **_pack_overflow(rest)}
        if not is_within_limits(stored, non_filterable):
            moved = make_room(plain_metadata, non_filterable, extra_key=bool(rest))
            error = InvalidInputError(
                _describe_misfits(rest | {key: fitting[key] for key in moved})
            )
            error.about_index = True
            raise error
        _LOG.warning(
            "metadata %s is null or an empty list, and is left out: the index has no room for it",
            to_printable(", ".join(empty)),
        )
    check_total(stored)
    return stored


def _pack_overflow(overflow: Mapping[str, Any]) -> dict[str, str]:
    """The one key in which it travels; none when there is nothing."""
    if not overflow:
        return {}
    return {OVERFLOW: json.dumps(overflow, ensure_ascii=False, separators=(",", ":"))}


def _normalize_metadata(
    text: str, metadata: Mapping[str, Any], namespace: str | None
) -> dict[str, Any]:
    """The metadata that has to come out again, checked; all of it but the text."""
    if not isinstance(text, str):
        raise InvalidInputError(f"the text is a {type(text).__name__}, not a string")
    if OVERFLOW in metadata:
        raise InvalidInputError(f"metadata key {OVERFLOW!r} is reserved; use another")
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
    """The argument, else that of the metadata, else the default; not checked to be a name."""
    for value in (argument, metadata.get(NAMESPACE)):
        if value is not None:
            return value
    return DEFAULT_NAMESPACE


def remove_empty_namespace(metadata: Any) -> Any:
    """Metadata without a namespace that is empty; anything else as it is."""
    if isinstance(metadata, Mapping) and metadata.get(NAMESPACE) == "":
        return {key: value for key, value in metadata.items() if key != NAMESPACE}
    return metadata


def change_status(
    key: str, stored: Mapping[str, Any], status: str, non_filterable: frozenset[str]
) -> dict[str, Any]:
    """Stored metadata with another status; packed anew only if it would not fit otherwise.

    `to_metadata` leaves room for every status, but others may have written the vector.
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
    """The chunk that was stored, with what overflowed put back.

    An `_overflow` that this module did not write is metadata like any other: one vector must not
    keep all others from being read.
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
    """What travelled in an `_overflow`; None when this module did not write it."""
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
        "%s of the vector %r is not as this package writes it, and is read as metadata: %s",
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
                f"metadata {key!r} has more than {DEPTH} levels of objects and lists, which is all "
                "that can be stored; store it as a JSON string"
            )
        try:
            _check_keys(value)
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:  # not Unicode: a ValueError
            raise InvalidInputError(
                f"metadata {key!r} is {reprlib.repr(value)}, which JSON cannot hold ({error})"
            ) from error


class _NativeConverter:
    """Makes numbers Python's, in a value of as many parts as metadata can have.

    Objects that hold themselves, or each other many times over, would otherwise be endless.
    """

    def __init__(self, name: Any) -> None:
        self._name = name
        self._left = limits.METADATA_BYTES

    def convert(self, value: Any, levels: int = DEPTH) -> Any:
        """The value; what is too deep is left for `_check_json` to refuse.

        Raises:
            InvalidInputError: it has more parts than metadata can have bytes.
        """
        self._left -= 1
        if self._left < 0:
            raise InvalidInputError(
                f"metadata {self._name!r:.80} has more than {limits.METADATA_BYTES} values, or "
                "holds itself; all metadata of a vector has so many bytes at most"
            )
        if levels and isinstance(value, dict):
            return {key: self.convert(item, levels - 1) for key, item in value.items()}
        if levels and isinstance(value, (list, tuple)):
            return [self.convert(item, levels - 1) for item in value]
        return to_native(value)


def _check_keys(value: Any) -> None:
    """json.dumps would turn other keys into strings without a word."""
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
        f"has no non-filterable key {OVERFLOW!r} for the rest (the older package made such). Leave "
        "these out, or move to an index made with `stache-s3vectors indexes create`"
    )


def _describe_kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "a list of more than only strings or only numbers" if value else "an empty list"
    if value is None:
        return "null"
    return "an object" if isinstance(value, dict) else "a number too large for S3 Vectors"
