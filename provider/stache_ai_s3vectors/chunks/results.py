"""Stored vectors as the dictionaries that Stache expects. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stache_ai_s3vectors.service.metadata_keys import NAMESPACE

from .records import from_metadata


def to_search_result(key: str, score: float, stored: Mapping[str, Any]) -> dict[str, Any]:
    """One result of a search."""
    chunk = from_metadata(key, stored)
    return {
        "id": key,
        "score": score,
        "text": chunk.text,
        "content": chunk.text,
        "namespace": str(chunk.metadata.get(NAMESPACE, "")),
        "metadata": chunk.metadata,
    }


def to_fetched_chunk(
    key: str, stored: Mapping[str, Any], fields: Sequence[str] | None
) -> dict[str, Any]:
    """One chunk of a read by id; `id`, `text` and `content` override metadata of these names."""
    chunk = from_metadata(key, stored)
    text = {"text": chunk.text, "content": chunk.text}
    return {**_select_fields(chunk.metadata, fields), **text, "id": key}


def to_listed_chunk(
    key: str, stored: Mapping[str, Any], fields: Sequence[str] | None
) -> dict[str, Any]:
    """One chunk of a scan; `id` and `key` override metadata of these names."""
    chunk = from_metadata(key, stored)
    return {**_select_fields(chunk.everything, fields), "id": key, "key": key}


def _select_fields(metadata: dict[str, Any], fields: Sequence[str] | None) -> dict[str, Any]:
    if fields is None:
        return metadata
    return {name: metadata[name] for name in fields if name in metadata}
