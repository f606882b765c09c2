"""The genuine schemas of the provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from . import messages

_FOLDER: Final = Path(__file__).parent / "schemas"
_NESTING: Final[Mapping[str, int]] = {"single": 1, "list": 2, "set": 3}


def _read(folder: str) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in (_FOLDER / folder).glob("*.json")}


PROVIDER: Final = _read(".")["provider"]
RESOURCES: Final = _read("resources")
DATA: Final = _read("data")


def list_attributes(type_name: str) -> dict[str, Any]:
    """Return the attributes of a resource type, by name."""
    attributes_by_name: dict[str, Any] = RESOURCES[type_name]["block"]["attributes"]
    return attributes_by_name


def make_empty_state(type_name: str, nested: str | None = None) -> dict[str, Any]:
    """Make the state of a resource type, or of one of its blocks, in which nothing is set."""
    block = RESOURCES[type_name]["block"]
    if nested:
        block = block["block_types"][nested]["block"]
    blocks = {
        name: _make_empty(block_type) for name, block_type in block.get("block_types", {}).items()
    }
    return {**dict.fromkeys(block.get("attributes", {})), **blocks}


def _make_empty(block: dict[str, Any]) -> Any:
    return None if block["nesting_mode"] == "single" else []


def build_response() -> Any:
    """Build the response to Terraform's request for all schemas."""
    return messages.Schemas(
        provider=_encode_schema(PROVIDER),
        resource_schemas={name: _encode_schema(schema) for name, schema in RESOURCES.items()},
        data_source_schemas={name: _encode_schema(schema) for name, schema in DATA.items()},
        server_capabilities=messages.ServerCapabilities(plan_destroy=True),
    )


def _encode_schema(schema: dict[str, Any]) -> Any:
    return messages.Schema(version=schema["version"], block=_encode_block(schema["block"]))


def _encode_block(block: dict[str, Any]) -> Any:
    return messages.Block(
        attributes=[
            messages.Attribute(
                name=name, **{**attribute, "type": json.dumps(attribute["type"]).encode()}
            )
            for name, attribute in block.get("attributes", {}).items()
        ],
        block_types=[
            _encode_nested(name, attribute)
            for name, attribute in block.get("block_types", {}).items()
        ],
    )


def _encode_nested(name: str, block_type: dict[str, Any]) -> Any:
    return messages.NestedBlock(
        type_name=name,
        block=_encode_block(block_type["block"]),
        nesting=_NESTING[block_type["nesting_mode"]],
        min_items=block_type.get("min_items", 0),
        max_items=block_type.get("max_items", 0),
    )
