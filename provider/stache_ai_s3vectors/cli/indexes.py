"""`stache-s3vectors indexes`: the indexes that Stache keeps its vectors in."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.errors import ConfigurationError

from .options import KINDS, Choice, chosen, confirm, existing, names_of, with_settings
from .progress import progress

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings
    from stache_ai_s3vectors.vector_index import VectorIndex

LANGUAGES: Final = ("en", "fr", "es", "pt", "it", "de", "nl", "zh", "ja", "ko")
"""Those of the service's text search."""

POLL: Final = 2.0
"""Seconds between two looks at a text search that is BUILDING."""


@click.group()
def indexes() -> None:
    """List, create, upgrade and delete indexes."""


@indexes.command("create")
@with_settings
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
    names = names_of(settings, options.dimension)
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


@indexes.command("upgrade")
@click.argument("names", nargs=-1)
@click.option(
    "--language",
    type=Choice(LANGUAGES),
    help="Of the texts, for word forms. [default: none in particular]",
)
@with_settings
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

    # All are there before any is changed
    found = chosen(settings, names)
    told = [index.describe(fresh=True) for index in found]
    changes = {
        index.options.index: upgrade_index(index.client, index.options, description, language)
        for index, description in zip(found, told, strict=True)
    }
    _wait(found)
    if as_json:
        click.echo(json.dumps({"bucket": found[0].options.bucket, "changes": changes}))
        return
    for name, changed in changes.items():
        click.echo(f"{name}: {', '.join(changed) or 'has all of it already'}")


def _wait(found: list[VectorIndex]) -> None:
    """Until the text search of each index is ACTIVE, with a bar in a terminal."""
    from stache_ai_s3vectors.answers import ACTIVE
    from stache_ai_s3vectors.keys import TEXT

    with progress("building text search", len(found)) as done:
        left = found
        while left:
            waiting = [i for i in left if i.describe(fresh=True).text_searches.get(TEXT) != ACTIVE]
            done(len(left) - len(waiting))
            left = waiting
            if left:
                time.sleep(POLL)


@indexes.command("delete")
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def delete_command(settings: Settings, *, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete indexes with all their vectors, for good.

    Asks for each name unless --yes is given. No level of `stache-s3vectors policy` allows it:
    Stache never needs s3vectors:DeleteIndex, so it takes an administrator's credentials.

    \b
    Example:
      stache-s3vectors indexes delete documents-1024 --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.provision import delete_index

    found = chosen(settings, names)
    for index in found:
        name = index.options.index
        question = f"{_contents(index)}. Type {name} to delete it" if not yes else ""
        confirm(question, name, yes=yes)
        delete_index(index.client, index.options)
        if not as_json:
            click.echo(f"{name}: deleted")
    if as_json:
        click.echo(json.dumps({"bucket": found[0].options.bucket, "deleted": list(names)}))


def _contents(index: VectorIndex) -> str:
    first = next(index.pages(metadata=False))
    more = "more than " if first.token else ""
    return f"{index.name} holds {more}{len(first.rows):,} vectors"


@indexes.command("list")
@with_settings
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
    from stache_ai_s3vectors.provision import list_indexes

    found = [existing(replace(options, index=name)) for name in list_indexes(options)]
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
