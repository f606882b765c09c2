"""`stache-s3vectors show` and `list`: look at vectors as they are stored."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.vector_index import Progress, Row, VectorIndex
from stache_ai_s3vectors.chunks.arguments import check_ids
from stache_ai_s3vectors.chunks.filters import Filter
from stache_ai_s3vectors.chunks.records import from_metadata
from stache_ai_s3vectors.chunks.vectors import read_numbers
from stache_ai_s3vectors.errors import (
    InvalidInputError,
    NotFoundError,
)
from stache_ai_s3vectors.operations import scan
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, STATUS, TEXT, TYPE
from stache_ai_s3vectors.tool.index_access import open_readable_index
from stache_ai_s3vectors.tool.options import with_settings
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.selection import (
    filter_option,
    index_option,
    namespace_option,
    parse_conditions,
    resolve_index_options,
)
from stache_ai_s3vectors.tool.tables import print_record, print_table

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_NUMBERS_SHOWN: Final = 6
"""The number of vector elements that a table shows."""


@click.command("show")
@click.argument("keys", nargs=-1, required=True)
@index_option
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
        click.echo(json.dumps({**name_index(index), "vectors": vectors, "missing": missing}))
    else:
        for record in records:
            print_record(_list_values(record))
    if missing:
        raise build_missing_error(index, missing)


def build_missing_error(index: VectorIndex, keys: Sequence[str]) -> NotFoundError:
    """The error about keys that do not exist."""
    error = NotFoundError(
        f"no vector of {index.name} has the key{'s' * (len(keys) > 1)} {', '.join(map(repr, keys))}"
    )
    error.remedy = "stache-s3vectors list shows the keys"
    return error


def name_index(index: VectorIndex) -> dict[str, str]:
    """The bucket and the index, as JSON."""
    return {"bucket": index.options.bucket_name, "index": index.options.index_name}


def describe_vector(key: str, stored: dict[str, Any]) -> dict[str, Any]:
    """A vector for a program: what was inserted, types included."""
    return {"key": key, "text": stored.get(TEXT), "metadata": from_metadata(key, stored).metadata}


def _describe_record(record: Record) -> dict[str, Any]:
    return {**describe_vector(record.key, record.metadata), "vector": read_numbers(record.vector)}


def _list_values(record: Record) -> Iterator[tuple[str, str]]:
    described = _describe_record(record)
    metadata = described["metadata"]
    yield "key", record.key
    for name in (NAMESPACE, STATUS):
        if name in metadata:
            yield name, to_cell(metadata.pop(name))
    yield "text", to_cell(described["text"])
    for name, value in metadata.items():
        yield name, to_cell(value)
    yield "vector", _summarize(described["vector"])


def to_cell(value: Any) -> str:
    """A metadata value in a cell; nothing where there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _summarize(vector: Sequence[float]) -> str:
    shown = [f"{number:.6g}" for number in vector[:_NUMBERS_SHOWN]]
    more = ["…"] if len(vector) > _NUMBERS_SHOWN else []
    return f"[{', '.join(shown + more)}], {len(vector)} numbers, length {math.hypot(*vector):.6g}"


@click.command("list")
@index_option
@click.option("--prefix", help="Only keys with this prefix.")
@namespace_option
@filter_option
@click.option(
    "--limit",
    type=click.IntRange(1, limits.VECTORS),
    default=20,
    show_default=True,
    help="Maximum number of vectors.",
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
    parts = parse_conditions(namespace, condition)
    index = open_readable_index(settings, resolve_index_options(settings, name))
    print_them = _print_lines if as_json else _print_rows
    if print_them(index, parts, prefix or "", limit):
        click.echo(f"There are more than {limit}; --limit shows more.", err=True)


def _print_lines(index: VectorIndex, parts: list[Filter], prefix: str, limit: int) -> bool:
    """Print each vector when it is found; return whether there are more."""
    with closing(_find(index, parts, prefix)) as rows:
        for row in islice(rows, limit):
            click.echo(json.dumps(describe_vector(*row)))
        return next(rows, None) is not None


def _print_rows(index: VectorIndex, parts: list[Filter], prefix: str, limit: int) -> bool:
    """Print a table sorted by key, after a progress bar; return whether there are more."""
    with (
        show_progress(f"reading {index.options.index_name}") as advance,
        closing(_find(index, parts, prefix, advance)) as rows,
    ):
        listed = [*islice(rows, limit + 1)]
    heads = ("key", NAMESPACE, STATUS, TYPE, TEXT)
    print_table(heads, (_to_cells(*row) for row in sorted(listed[:limit], key=itemgetter(0))))
    return len(listed) > limit


def _find(
    index: VectorIndex, parts: list[Filter], prefix: str, progress: Progress | None = None
) -> Generator[Row, None, None]:
    """Key and stored metadata of each vector that passes."""
    yield from (row for row in scan.scan_rows(index, parts, progress) if row[0].startswith(prefix))


def _to_cells(key: str, stored: dict[str, Any]) -> list[str]:
    names = (NAMESPACE, STATUS, TYPE, TEXT)
    return [key, *(to_cell(stored.get(name)) for name in names)]
