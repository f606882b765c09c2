"""`stache-s3vectors show`, `list` and `query`: look at vectors as they are stored."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Final, cast

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.descriptions import TEXT_SEARCH_ACTIVE, Match
from stache_ai_s3vectors.aws.vector_index import Progress, Row, VectorIndex
from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.arguments import check_ids
from stache_ai_s3vectors.chunks.filters import Filter
from stache_ai_s3vectors.chunks.records import from_metadata
from stache_ai_s3vectors.chunks.vectors import read_numbers
from stache_ai_s3vectors.errors import (
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
    S3VectorsError,
)
from stache_ai_s3vectors.operations import scan, search
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, STATUS, TEXT, TYPE
from stache_ai_s3vectors.tool.index_access import open_readable_index
from stache_ai_s3vectors.tool.options import parse_filter_option, with_settings
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.tables import print_record, print_table

from .archive import resolve_index_options

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_NUMBERS_SHOWN: Final = 6
"""Of a vector, in a table."""

_VECTOR_BYTES: Final = 1 << 20
"""A file that is longer holds no vector: 4,096 numbers take a tenth of it."""

_index = click.option("--index", "name", help="Name of the index. [default: Stache's documents]")
_namespace = click.option(
    "--namespace", help="Only of this namespace; ns/* is ns and all below it."
)
_filter = click.option(
    "--filter", "condition", help='Only what passes, for example \'{"doc_id": "a"}\'.'
)


@click.command("show")
@click.argument("keys", nargs=-1, required=True)
@_index
@with_settings
def show_command(
    settings: Settings, *, keys: tuple[str, ...], name: str | None, as_json: bool
) -> None:
    """Show the vectors KEYS: text, metadata and numbers.

    Keys that do not exist are named, and the exit status is 1. With --json: `bucket`, `index`,
    `vectors` (each with `key`, `text`, `metadata`, `vector`) and `missing`.

    \b
    Example:
      stache-s3vectors show chunk-0001 chunk-0002 --bucket my-bucket --index documents-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    check_ids(keys)
    index = open_readable_index(settings, resolve_index_options(settings, name))
    records = [*index.get(keys, data=True)]
    present = {record.key for record in records}
    missing = [key for key in dict.fromkeys(keys) if key not in present]
    if as_json:
        vectors = [_describe_record(record) for record in records]
        click.echo(json.dumps({**_names(index), "vectors": vectors, "missing": missing}))
    else:
        for record in records:
            print_record(_list_values(record))
    if missing:
        raise _missing(index, missing)


def _missing(index: VectorIndex, keys: Sequence[str]) -> NotFoundError:
    error = NotFoundError(
        f"no vector of {index.name} has the key{'s' * (len(keys) > 1)} {', '.join(map(repr, keys))}"
    )
    error.remedy = "stache-s3vectors list shows which there are"
    return error


def _names(index: VectorIndex) -> dict[str, str]:
    return {"bucket": index.options.bucket_name, "index": index.options.index_name}


def _describe(key: str, stored: dict[str, Any]) -> dict[str, Any]:
    """A vector for a program: what was inserted, types included."""
    return {"key": key, "text": stored.get(TEXT), "metadata": from_metadata(key, stored).metadata}


def _describe_record(record: Record) -> dict[str, Any]:
    return {**_describe(record.key, record.metadata), "vector": read_numbers(record.vector)}


def _list_values(record: Record) -> Iterator[tuple[str, str]]:
    described = _describe_record(record)
    metadata = described["metadata"]
    yield "key", record.key
    for name in (NAMESPACE, STATUS):
        if name in metadata:
            yield name, _as_text(metadata.pop(name))
    yield "text", _as_text(described["text"])
    for name, value in metadata.items():
        yield name, _as_text(value)
    yield "vector", _summarize(described["vector"])


def _as_text(value: Any) -> str:
    """A metadata value in a cell; nothing where there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _summarize(vector: Sequence[float]) -> str:
    shown = [f"{number:.6g}" for number in vector[:_NUMBERS_SHOWN]]
    more = ["…"] if len(vector) > _NUMBERS_SHOWN else []
    return f"[{', '.join(shown + more)}], {len(vector)} numbers, length {math.hypot(*vector):.6g}"


@click.command("list")
@_index
@click.option("--prefix", help="Only keys that begin so.")
@_namespace
@_filter
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many at most.",
)
@with_settings
def list_command(  # noqa: PLR0913 - one for each option
    settings: Settings,
    *,
    name: str | None,
    prefix: str | None,
    namespace: str | None,
    condition: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List vectors of an index, in no order, whatever their status.

    S3 Vectors cannot search by prefix or list by filter: the index is read until --limit vectors
    are found. With --json: a line for each vector as it is found, with `key`, `text` and
    `metadata`.

    \b
    Example:
      stache-s3vectors list --namespace 'books/*' --limit 5 --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    if prefix == "":
        raise InvalidInputError("--prefix is empty; leave it out for all keys")
    parts = _conditions(namespace, condition)
    index = open_readable_index(settings, resolve_index_options(settings, name))
    print_them = _print_lines if as_json else _print_rows
    if print_them(index, parts, prefix or "", limit):
        click.echo(f"There are more than {limit}; --limit shows more.", err=True)


def _conditions(namespace: str | None, condition: str | None) -> list[Filter]:
    return [
        *filters.match_namespace(namespace),
        *filters.parse_filter(parse_filter_option(condition)),
    ]


def _print_lines(index: VectorIndex, parts: list[Filter], prefix: str, limit: int) -> bool:
    """Print each vector when it is found; whether there are more."""
    with closing(_find(index, parts, prefix)) as rows:
        for row in islice(rows, limit):
            click.echo(json.dumps(_describe(*row)))
        return next(rows, None) is not None


def _print_rows(index: VectorIndex, parts: list[Filter], prefix: str, limit: int) -> bool:
    """Print all of them in a table, by key, after a bar; whether there are more."""
    with (
        show_progress(f"reading {index.options.index_name}") as advance,
        closing(_find(index, parts, prefix, advance)) as rows,
    ):
        listed = [*islice(rows, limit + 1)]
    heads = ("key", NAMESPACE, STATUS, TYPE, TEXT)
    print_table(heads, (_cells(*row) for row in sorted(listed[:limit], key=itemgetter(0))))
    return len(listed) > limit


def _find(
    index: VectorIndex, parts: list[Filter], prefix: str, progress: Progress | None = None
) -> Generator[Row, None, None]:
    """Key and stored metadata of each vector that passes."""
    yield from (row for row in scan.scan_rows(index, parts, progress) if row[0].startswith(prefix))


def _cells(key: str, stored: dict[str, Any]) -> list[str]:
    names = (NAMESPACE, STATUS, TYPE, TEXT)
    return [key, *(_as_text(stored.get(name)) for name in names)]


@click.command("query")
@click.option("--text", help="Search for this text, embedded by Stache's embedder.")
@click.option("--key", help="Search for the neighbors of this vector.")
@click.option(
    "--vector", "file", type=click.File("rb"), help="Search for the JSON array in this file, or -."
)
@click.option("--hybrid", is_flag=True, help="Also search for the words of --text.")
@_index
@_namespace
@_filter
@click.option(
    "--top-k",
    type=click.IntRange(1, limits.TOP_K),
    default=10,
    show_default=True,
    help="How many results.",
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

    `score` is what Stache would show, from 0 to 1; `distance` is the service's, of the vectors.
    With --hybrid, `fused` and `bm25` are the service's scores of both rankings and of the words;
    a result without a distance was found by its words only. With --json: `bucket`, `index`,
    `distanceMetric` and `matches`, each with `key`, `score`, `distance`, `fused`, `bm25`, `text`
    and `metadata`. Stache's own searches leave out soft-deleted chunks and summaries; --filter
    does so here.

    \b
    Examples:
      stache-s3vectors query --text 'How do I reset it?' --bucket my-bucket
      stache-s3vectors query --key chunk-0001 --namespace 'books/*' --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    if [text, key, file].count(None) != 2:  # noqa: PLR2004 - of the three
        raise click.UsageError("give one of --text, --key and --vector")
    if hybrid and text is None:
        raise click.UsageError("--hybrid searches for words: it needs --text")
    parts = _conditions(namespace, condition)
    index = open_readable_index(settings, resolve_index_options(settings, name))
    if hybrid:
        _check_text_search(index)
    vector = _question(settings, index, text, key, file)
    words = text if hybrid else None
    query = search.check_query(index.describe(), vector, top_k, parts)
    ranking = search.rank(index, query, words)
    if as_json:
        matches = [_describe_match(match, score) for match, score in ranking]
        metric = index.describe().metric
        click.echo(json.dumps({**_names(index), "distanceMetric": metric, "matches": matches}))
    else:
        _print_ranking(ranking, hybrid=hybrid)


def _question(
    settings: Settings,
    index: VectorIndex,
    text: str | None,
    key: str | None,
    file: IO[bytes] | None,
) -> Any:
    """The vector to search for."""
    if text is not None:
        return _embed(settings, index, text)
    return _read_vector(cast("IO[bytes]", file)) if key is None else _vector_of(index, key)


def _embed(settings: Settings, index: VectorIndex, text: str) -> Any:
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


def _vector_of(index: VectorIndex, key: str) -> Any:
    check_ids([key])
    for record in index.get([key], data=True):
        return read_numbers(record.vector)
    raise _missing(index, [key])


def _read_vector(file: IO[bytes]) -> list[Any]:
    """The numbers in a file; whether they are some is checked as for every search."""
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
        **_describe(match.key, match.metadata),
    }


def _print_ranking(ranking: Sequence[tuple[Match, float]], *, hybrid: bool) -> None:
    heads = ["score", "distance", *(("fused", "bm25") if hybrid else ()), "key", NAMESPACE]
    rows = []
    for match, score in ranking:
        words = ", ".join(f"{key} {points:.4g}" for key, points in match.bm25.items())
        both = (_as_number(match.fused), words) if hybrid else ()
        stored = match.metadata
        shown = (_as_text(stored.get(NAMESPACE)), _as_text(stored.get(TEXT)))
        rows.append([_as_number(score), _as_number(match.distance), *both, match.key, *shown])
    print_table([*heads, TEXT], rows)


def _as_number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
