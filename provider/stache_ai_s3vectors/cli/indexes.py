"""`stache-s3vectors indexes`: the indexes that Stache keeps its vectors in."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.errors import ConfigurationError, S3VectorsError

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings
    from stache_ai_s3vectors.vector_index import VectorIndex

KINDS: Final = ("documents", "summaries", "insights")
LANGUAGES: Final = ("en", "fr", "es", "pt", "it", "de", "nl", "zh", "ja", "ko")
"""Those of the service's text search."""

POLL: Final = 2.0
"""Seconds between two looks at a text search that is BUILDING."""


@click.group()
def indexes() -> None:
    """List, create and upgrade indexes."""


_OPTIONS: Final = (
    click.option("--bucket", help="Vector bucket, name or ARN. [default: S3VECTORS_BUCKET_NAME]"),
    click.option("--region", help="AWS region. [default: S3VECTORS_REGION, AWS_REGION, …]"),
    click.option("--endpoint", help="local:PATH or a URL. [default: S3VECTORS_ENDPOINT_URL, AWS]"),
    click.option("--dimension", type=int, help="Embedding size. [default: EMBEDDING_DIMENSION]"),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs."),
)
_SETTINGS: Final = {
    "bucket": "s3vectors_bucket_name",
    "region": "s3vectors_region",
    "endpoint": "s3vectors_endpoint_url",
    "dimension": "embedding_dimension",
}


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that stand for settings; hand the command the settings they make."""

    @wraps(command)
    def run(**options: Any) -> None:
        from stache_ai_s3vectors.settings import load

        values = {field: options.pop(name) for name, field in _SETTINGS.items()}
        given = {field: value for field, value in values.items() if value is not None}
        try:
            command(load(**given), **options)
        except S3VectorsError as error:
            wrong_usage = isinstance(error, ConfigurationError)
            kind = click.UsageError if wrong_usage else click.ClickException
            raise kind(str(error)) from error

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


@indexes.command("create")
@_with_settings
def create_command(settings: Settings, *, as_json: bool) -> None:
    """Create the documents, summaries and insights indexes that are missing.

    The vector bucket must exist; with a local: endpoint it is made too.

    \b
    Example:
      stache-s3vectors indexes create --bucket my-bucket --dimension 1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.client import connect
    from stache_ai_s3vectors.provision import create_bucket, create_index
    from stache_ai_s3vectors.settings import resolve

    options = resolve(settings)
    client = connect(options)
    if options.local:
        create_bucket(client, options)
    names = _names(settings, options)
    made = {kind: create_index(client, options, name) for kind, name in names.items()}
    for name in names.values():
        _check_fit(replace(options, index=name))
    if as_json:
        rows = [{"kind": kind, "name": names[kind], "created": made[kind]} for kind in KINDS]
        click.echo(json.dumps({"bucket": options.bucket, "indexes": rows}))
        return
    for kind, name in names.items():
        click.echo(f"{name}: {'created' if made[kind] else 'exists already'}")
    click.echo("\nStache finds them with these settings:")
    for kind, name in names.items():
        click.echo(f"S3VECTORS_{kind.upper()}_INDEX={name}")


def _check_fit(options: Options) -> None:
    """Refuse to recommend an index that was there already and is not what Stache needs."""
    from stache_ai_s3vectors.keys import NON_FILTERABLE
    from stache_ai_s3vectors.vector_index import VectorIndex

    found = VectorIndex(options).describe()
    missing = sorted(set(NON_FILTERABLE) - found.non_filterable)
    if found.dimension != options.dimension or missing:
        lacks = f" and lacks the non-filterable keys {', '.join(missing)}" if missing else ""
        raise ConfigurationError(
            f"index {options.bucket}/{options.index} exists already, with {found.dimension} "
            f"dimensions{lacks}; wanted are {options.dimension}. Neither can be changed: choose "
            "another name for the new index"
        )


def _names(settings: Settings, options: Options) -> dict[str, str]:
    """The configured names, else ones that carry the dimension.

    No property of an index can be changed but its tags, so another embedding size needs
    another index, and with it another name.
    """
    return {
        kind: getattr(settings, f"s3vectors_{kind}_index") or f"{kind}-{options.dimension}"
        for kind in KINDS
    }


@indexes.command("upgrade")
@click.argument("names", nargs=-1)
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    help="Of the texts, for word forms. [default: none in particular]",
)
@_with_settings
def upgrade_command(
    settings: Settings, *, names: tuple[str, ...], language: str | None, as_json: bool
) -> None:
    """Make indexes ready for hybrid search: ENHANCED mode, and text search on `text`.

    NAMES are those of the indexes; by default Stache's three. Returns when the text searches
    are built; interrupting the wait interrupts nothing else. Safe to repeat.

    \b
    Example:
      stache-s3vectors indexes upgrade --bucket my-bucket documents-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.provision import upgrade_index
    from stache_ai_s3vectors.settings import resolve
    from stache_ai_s3vectors.vector_index import VectorIndex

    options = resolve(settings)
    wanted = names or tuple(_names(settings, options).values())
    # The description first: an index that is not there is an error before any is changed
    found = [VectorIndex(replace(options, index=name, create_index=False)) for name in wanted]
    told = [index.describe(fresh=True) for index in found]
    changes = {
        index.options.index: upgrade_index(index.client, index.options, description, language)
        for index, description in zip(found, told, strict=True)
    }
    _wait(found)
    if as_json:
        click.echo(json.dumps({"bucket": options.bucket, "changes": changes}))
        return
    for name, changed in changes.items():
        click.echo(f"{name}: {', '.join(changed) or 'has all of it already'}")


def _wait(found: list[VectorIndex]) -> None:
    """Until the text search of each index is ACTIVE, with a bar in a terminal."""
    from rich.progress import Progress

    from stache_ai_s3vectors.answers import ACTIVE
    from stache_ai_s3vectors.keys import TEXT

    with Progress(disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("building text search", total=len(found))
        left = found
        while left:
            left = [i for i in left if i.describe(fresh=True).text_searches.get(TEXT) != ACTIVE]
            progress.update(task, completed=len(found) - len(left))
            if left:
                time.sleep(POLL)


@indexes.command("list")
@_with_settings
def list_command(settings: Settings, *, as_json: bool) -> None:
    """List the indexes of the bucket, with what they were created as.

    \b
    Example:
      stache-s3vectors indexes list --bucket my-bucket --endpoint local:./data
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.settings import resolve

    found = _list(resolve(settings))
    if as_json:
        click.echo(json.dumps(found))
        return
    _print_table(found)


def _list(options: Options) -> list[dict[str, Any]]:
    from stache_ai_s3vectors.client import connect, far_end, translated
    from stache_ai_s3vectors.provision import advice
    from stache_ai_s3vectors.vector_index import VectorIndex

    client = connect(options)
    what = f"ListIndexes of {options.bucket} {far_end(client, options)}"
    with translated(what, advice=advice(client, options)):
        pages = client.get_paginator("list_indexes").paginate(vectorBucketName=options.bucket)
        names = [index["indexName"] for page in pages for index in page["indexes"]]
    found = [VectorIndex(replace(options, index=name, create_index=False)) for name in names]
    return [{"name": index.options.index, **index.describe().as_dict()} for index in found]


def _print_table(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("index", "dimension", "metric", "mode", "non-filterable keys", "text search")
    for index in found:
        table.add_row(
            index["name"],
            str(index["dimension"]),
            index["distanceMetric"],
            index["indexMode"],
            ", ".join(index["nonFilterableMetadataKeys"]),
            ", ".join(f"{key} {status}" for key, status in index["textSearch"].items()),
        )
    Console().print(table)
