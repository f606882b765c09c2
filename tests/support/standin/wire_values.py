"""Terraform's values on the wire. They are MessagePack; an extension is an unknown value."""

from __future__ import annotations

import json
from typing import Any, Final

import msgpack

from . import messages


class _Unknown:
    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN: Final = _Unknown()


def decode(value: Any) -> Any:
    """Decode the value of a DynamicValue."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, ext_hook=lambda *_: UNKNOWN, strict_map_key=False)
    return json.loads(value.json) if value.json else None


def encode(value: Any) -> Any:
    """Encode the value as a DynamicValue."""
    packed = msgpack.packb(value, default=lambda _: msgpack.ExtType(0, b"\0"))
    return messages.DynamicValue(msgpack=packed)


def is_known(value: Any) -> bool:
    """Whether the value is set, and no part of it is unknown."""
    return value is not None and not has_unknown(value)


def has_unknown(value: Any) -> bool:
    """Whether any part of the value is unknown."""
    if isinstance(value, dict):
        return any(has_unknown(part) for part in value.values())
    if isinstance(value, list):
        return any(has_unknown(part) for part in value)
    return value is UNKNOWN


def keep_wording(document: Any, before: str | None) -> str:
    """Encode a JSON document. Return `before` if it encodes the same document."""
    if before and json.loads(before) == document:
        return before
    return json.dumps(document)


def replace_unknown(state: dict[str, Any]) -> dict[str, Any]:
    """Replace unknown values with null: no call returned them."""
    return {name: None if value is UNKNOWN else value for name, value in state.items()}
