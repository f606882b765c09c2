"""Convert records of the older package to this package's form. Pure.

The older package stored objects, and objects and lists inside lists, as JSON text, and did not
convert them back. It did not store null values and empty lists, so they cannot be restored.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any, NoReturn

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.chunks.metadata_values import is_deep, is_metadata
from stache_ai_s3vectors.chunks.records import from_metadata, to_metadata
from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service.metadata_keys import INSIGHT, SUMMARY, TEXT, TYPE


class Restorer:
    """Turns records of the older package into ours.

    A string is taken for an object when it is, to the byte, what the older package would
    have written for one. A user's own string can be that, too: `plain_keys` leaves it alone.

    Args:
        non_filterable: the destination's non-filterable keys.
        plain_keys: metadata keys whose strings stay strings.

    Attributes:
        restored: how many values became objects again, by metadata key.
        examples: one of them for each key, as it was stored.
        unsearchable: in how many lists objects were restored, by metadata key. S3 Vectors does not
            support such lists, so filters no longer match the strings in them.
    """

    def __init__(self, non_filterable: frozenset[str], plain_keys: Collection[str] = ()) -> None:
        self._non_filterable = non_filterable
        self._plain_keys = frozenset(plain_keys)
        self.restored: Counter[str] = Counter()
        self.examples: dict[str, Any] = {}
        self.unsearchable: Counter[str] = Counter()

    def restore(self, record: Record) -> Record:
        """The record as it is to be stored; key and vector stay.

        Raises:
            InvalidInputError: the index cannot hold it.
        """
        text = record.metadata.get(TEXT, "")
        if not isinstance(text, str):
            raise InvalidInputError(f"its text is {text!r:.40}, not a string")
        chunk = from_metadata(record.key, record.metadata)
        metadata = {key: self._restore_value(key, value) for key, value in chunk.metadata.items()}
        stored = to_metadata(chunk.text, metadata, None, self._non_filterable)
        return replace(record, metadata=stored.metadata)

    def _restore_value(self, key: str, value: Any) -> Any:
        if key in self._plain_keys:
            return value
        restored = (
            [_parse_object(v, (dict, list)) for v in value] if isinstance(value, list) else value
        )
        restored = _parse_object(restored, (dict,))
        if restored is not value and restored != value:
            self.restored[key] += 1
            self.examples.setdefault(key, value)
            if isinstance(value, list) and not is_metadata(restored):
                self.unsearchable[key] += 1
            return restored
        return value


def classify(record: Record) -> str:
    """The index of Stache that a vector belongs to: the older package could have one for all."""
    kinds = {SUMMARY: "summaries", INSIGHT: "insights"}
    return kinds.get(str(record.metadata.get(TYPE)), "documents")


def _parse_object(value: Any, kinds: tuple[type, ...]) -> Any:
    """The object that a string was, if it was one of these kinds; else the value."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        loaded = json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return value
    if not isinstance(loaded, kinds) or is_deep(loaded):
        return value
    return loaded if json.dumps(loaded) == value else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
