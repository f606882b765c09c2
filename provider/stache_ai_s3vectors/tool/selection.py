"""The options with which commands choose one index, and some of its vectors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.filters import Filter
from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.tool.options import get_index_names, resolve_options

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

index_option = click.option(
    "--index", "name", help="Name of the index. [default: Stache's documents]"
)
namespace_option = click.option(
    "--namespace", help="Only of this namespace; ns/* is ns and all below it."
)
filter_option = click.option(
    "--filter", "condition", help='Only what matches, for example \'{"doc_id": "a"}\'.'
)


def resolve_index_options(settings: Settings, name: str | None) -> Options:
    """The options for the index of that name, by default the index of the documents."""
    options = resolve_options(settings)
    return replace(
        options, index_name=name or get_index_names(settings, options.dimension)["documents"]
    )


def parse_conditions(namespace: str | None, condition: str | None) -> list[Filter]:
    """Parse the values of --namespace and --filter.

    Raises:
        InvalidInputError: --filter is not a JSON object, or one of them cannot be a condition.
    """
    return [
        *filters.parse_filter(_parse_filter(condition)),
        *filters.match_namespace(namespace),
    ]


def _parse_filter(value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        document = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"--filter {value!r:.80} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInputError(
            f"""--filter {value!r:.80} is not a JSON object like '{{"a": "b"}}'"""
        )
    return document
