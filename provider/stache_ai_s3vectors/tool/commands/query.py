"""`stache-s3vectors query`: search an index, and see the service's numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, Final, cast

import click

from stache_ai_s3vectors.aws.descriptions import TEXT_SEARCH_ACTIVE, Match
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.chunks.arguments import check_ids
from stache_ai_s3vectors.chunks.vectors import read_numbers
from stache_ai_s3vectors.errors import ConfigurationError, InvalidInputError, S3VectorsError
from stache_ai_s3vectors.operations import search
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, TEXT
from stache_ai_s3vectors.tool.index_access import open_readable_index
from stache_ai_s3vectors.tool.options import with_settings
from stache_ai_s3vectors.tool.selection import (
    filter_option,
    index_option,
    namespace_option,
    parse_conditions,
    resolve_index_options,
)
from stache_ai_s3vectors.tool.tables import print_table

from .list_show import build_missing_error, describe_vector, name_index, to_cell

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_VECTOR_BYTES: Final = 1 << 20
"""A file that is longer holds no vector: 4,096 numbers take a tenth of it."""


@click.command("query")
@click.option("--text", help="Search for this text, embedded by Stache's embedder.")
@click.option("--key", help="Search for the neighbors of this vector.")
@click.option(
    "--vector", "file", type=click.File("rb"), help="Search for the JSON array in this file, or -."
)
@click.option("--hybrid", is_flag=True, help="Also search for the words of --text.")
@index_option
@namespace_option
@filter_option
@click.option(
    "--top-k",
    type=click.IntRange(1, limits.TOP_K),
    default=10,
    show_default=True,
    help="Number of results.",
)
@with_settings
def query_command(  # noqa: PLR0913 - one for each option
    settings: Settings,
    *,
    text: str | None,
    key: str | None,
    file: IO[bytes] | None,
    hybrid: bool,
    name: str | None,
    namespace: str | None,
    condition: str | None,
    top_k: int,
    as_json: bool,
) -> None:
    """Search an index by --text, --key or --vector: the nearest vectors, whatever their status.

    `score` is what Stache would show, from 0 to 1; `distance` is the service's distance.
    With --hybrid, `fused` and `bm25` are the service's scores of both rankings and of the words;
    a result without a distance was found by its words only. With --json: `bucket`, `index`,
    `distanceMetric` and `matches`, each with `key`, `score`, `distance`, `fused`, `bm25`, `text`
    and `metadata`. Stache's own searches leave out soft-deleted chunks and summaries; to
    leave them out here, use --filter.

    \b
    Examples:
      stache-s3vectors query --text 'How do I reset it?' --bucket my-bucket
      stache-s3vectors query --key chunk-0001 --namespace 'books/*' --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    if [text, key, file].count(None) != 2:  # noqa: PLR2004 - of the three
        raise click.UsageError("give one of --text, --key and --vector")
    if hybrid and text is None:
        raise click.UsageError("--hybrid searches for words: it needs --text")
    parts = parse_conditions(namespace, condition)
    index = open_readable_index(settings, resolve_index_options(settings, name))
    if hybrid:
        _check_text_search(index)
    vector = _resolve_vector(settings, index, text, key, file)
    words = text if hybrid else None
    query = search.check_query(index.describe(), vector, top_k, parts)
    ranking = search.fetch_ranking(index, query, words)
    if as_json:
        matches = [_describe_match(match, score) for match, score in ranking]
        metric = index.describe().metric
        click.echo(json.dumps({**name_index(index), "distanceMetric": metric, "matches": matches}))
    else:
        _print_ranking(ranking, hybrid=hybrid)


def _resolve_vector(
    settings: Settings,
    index: VectorIndex,
    text: str | None,
    key: str | None,
    file: IO[bytes] | None,
) -> Any:
    """The vector to search for."""
    if text is not None:
        return _embed_text(settings, index, text)
    return _read_vector(cast("IO[bytes]", file)) if key is None else _fetch_vector(index, key)


def _embed_text(settings: Settings, index: VectorIndex, text: str) -> Any:
    from stache_ai_s3vectors.tool.embedding import Embedder  # noqa: PLC0415 - imports Stache

    if not text.strip():
        raise InvalidInputError("--text is empty; give the words of a question")
    embedder, dimension = Embedder(settings), index.describe().dimension
    if embedder.dimension != dimension:
        raise ConfigurationError(
            f"the embedder {settings.embedding_provider!r} makes vectors of {embedder.dimension} "
            f"dimensions, index {index.name} has {dimension}; set EMBEDDING_PROVIDER and its model "
            "to those that made the vectors of the index"
        )
    return embedder.embed_question(text)


def _fetch_vector(index: VectorIndex, key: str) -> Any:
    check_ids([key])
    for record in index.get([key], data=True):
        return read_numbers(record.vector)
    raise build_missing_error(index, [key])


def _read_vector(file: IO[bytes]) -> list[Any]:
    """Read the array in a file; its items are checked later, as for every search."""
    content = file.read(_VECTOR_BYTES + 1)
    try:
        vector = None if len(content) > _VECTOR_BYTES else json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the --vector file is not JSON: {error}") from error
    if not isinstance(vector, list):
        raise InvalidInputError(
            "the --vector file is not a vector; write one as a JSON array of up to "
            f"{limits.DIMENSIONS} numbers, for example [0.5, 1.25]"
        )
    return vector


def _check_text_search(index: VectorIndex) -> None:
    """Refuse to search by vector only for somebody who asked for hybrid search."""
    status = index.describe(fresh=True).text_searches.get(TEXT)
    if status == TEXT_SEARCH_ACTIVE:
        return
    has = "has no text search" if status is None else f"is {status} its text search"
    error = S3VectorsError(f"index {index.name} {has} on {TEXT!r}, which --hybrid needs")
    error.remedy = f"stache-s3vectors indexes upgrade {index.options.index_name}"
    raise error


def _describe_match(match: Match, score: float) -> dict[str, Any]:
    return {
        "key": match.key,
        "score": score,
        "distance": match.distance,
        "fused": match.fused,
        "bm25": dict(match.bm25),
        **describe_vector(match.key, match.metadata),
    }


def _print_ranking(ranking: Sequence[tuple[Match, float]], *, hybrid: bool) -> None:
    heads = ["score", "distance", *(("fused", "bm25") if hybrid else ()), "key", NAMESPACE]
    rows = []
    for match, score in ranking:
        words = ", ".join(f"{key} {points:.4g}" for key, points in match.bm25.items())
        both = (_format_number(match.fused), words) if hybrid else ()
        stored = match.metadata
        shown = (to_cell(stored.get(NAMESPACE)), to_cell(stored.get(TEXT)))
        rows.append(
            [_format_number(score), _format_number(match.distance), *both, match.key, *shown]
        )
    print_table([*heads, TEXT], rows)


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
