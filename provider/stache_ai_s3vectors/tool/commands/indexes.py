"""`stache-s3vectors indexes`: the indexes that Stache keeps its vectors in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stache_ai_s3vectors.aws.connections import connect
from stache_ai_s3vectors.aws.descriptions import TEXT_SEARCH_ACTIVE, IndexDescription
from stache_ai_s3vectors.aws.provision import (
    create_bucket,
    create_index,
    delete_index,
    list_indexes,
    upgrade_index,
)
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import ConfigurationError, NotFoundError
from stache_ai_s3vectors.service.metadata_keys import (
    FILTERED,
    KINDS,
    LANGUAGES,
    NON_FILTERABLE,
    TEXT,
    index_variable,
)
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import open_index, open_indexes
from stache_ai_s3vectors.tool.options import (
    Choice,
    confirm,
    get_index_names,
    resolve_options,
    with_settings,
)
from stache_ai_s3vectors.tool.progress import show_progress

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

NO_LANGUAGE: Final = "none"

POLL: Final = 2.0
"""Seconds between two looks at a text search that is BUILDING."""


@click.group()
def indexes() -> None:
    """List, create, upgrade and delete indexes."""


@indexes.command("create")
@click.argument("names", nargs=-1)
@click.option(
    "--language",
    type=Choice([*LANGUAGES, NO_LANGUAGE]),
    help="Of the texts, for word forms and for scripts without spaces. [default: that of "
    "S3VECTORS_TEXT_LANGUAGE, else none]",
)
@with_settings
def create_command(
    settings: Settings, *, names: tuple[str, ...], language: str | None, as_json: bool
) -> None:
    """Create the indexes NAMES, by default Stache's three, as far as they are missing.

    The vector bucket must exist; with a local: endpoint it is made too.

    \b
    Examples:
      stache-s3vectors indexes create --bucket my-bucket --dimension 1024
      stache-s3vectors indexes create documents-1024-new --bucket my-bucket --dimension 1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    options = resolve_options(settings)
    if language is not None:
        options = replace(options, text_language=_code(language))
    client = connect(options)
    if options.local:
        create_bucket(client, options)
    by_kind = {} if names else get_index_names(settings, options.dimension)
    wanted = list(dict.fromkeys(names or by_kind.values()))
    made: dict[str, bool] = {}
    # What is there is looked at before anything is made
    missing = [name for name in wanted if not _fits(replace(options, index_name=name), language)]
    with report_on_stop(lambda: f"created {_listed(made)}"):
        for name in missing:
            made[name] = create_index(client, options, name)
    if as_json:
        kinds = [{"kind": kind, "name": by_kind[kind]} for kind in KINDS if by_kind]
        rows: list[dict[str, Any]] = kinds or [{"name": name} for name in wanted]
        told = [{**row, "created": made.get(row["name"], False)} for row in rows]
        click.echo(json.dumps({"bucket": options.bucket_name, "indexes": told}))
        return
    for name in wanted:
        click.echo(f"{name}: {'created' if made.get(name) else 'exists already'}")
    if by_kind:
        click.echo("\nStache finds them with these settings:")
    for kind, name in by_kind.items():
        click.echo(f"{index_variable(kind)}={name}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _code(language: str) -> str | None:
    """A language as the service names it; None for none in particular."""
    return None if language == NO_LANGUAGE else language


def _fits(options: Options, language: str | None) -> bool:
    """Whether the index is there; refuses to recommend one that is not what Stache needs."""
    try:
        found = VectorIndex(options, create=False).describe(fresh=True)
    except NotFoundError:
        return False
    problems = []
    if found.dimension != options.dimension:
        problems.append(f"has {found.dimension} dimensions; expected {options.dimension}")
    missing = sorted(set(NON_FILTERABLE) - found.non_filterable)
    if missing:
        problems.append(f"lacks the non-filterable keys {', '.join(missing)}")
    if lost := sorted(found.non_filterable.intersection(FILTERED)):
        problems.append(f"cannot be filtered by {', '.join(lost)}, as all of Stache's searches do")
    if problems:
        raise ConfigurationError(
            f"index {options.bucket_name}/{options.index_name} exists already, and "
            f"{' and '.join(problems)}. That cannot be changed: name another in the setting that "
            f"names it, such as S3VECTORS_DOCUMENTS_INDEX=documents-{options.dimension}"
        )
    _check_language(options, found, language)
    return True


def _check_language(options: Options, found: IndexDescription, language: str | None) -> None:
    """Refuse to leave an index in another language than the one that was asked for."""
    there = found.languages.get(TEXT)
    if language is not None and there != _code(language):
        raise ConfigurationError(
            f"index {options.bucket_name}/{options.index_name} exists already, with text search in "
            f"{there or 'no language'}. To change it: stache-s3vectors indexes upgrade "
            f"{options.index_name} --language {language}"
        )


@indexes.command("upgrade")
@click.argument("names", nargs=-1)
@click.option(
    "--language",
    type=Choice([*LANGUAGES, NO_LANGUAGE]),
    help="Of the texts, for word forms and for scripts without spaces; a text search in another "
    "language is built anew. [default: as it is; for a new text search that of "
    "S3VECTORS_TEXT_LANGUAGE, else none]",
)
@with_settings
def upgrade_command(
    settings: Settings, *, names: tuple[str, ...], language: str | None, as_json: bool
) -> None:
    """Make indexes ready for hybrid search: ENHANCED mode, and text search on `text`.

    NAMES are those of the indexes; by default Stache's three. Returns when the text searches
    are built; interrupting the wait interrupts nothing else. Safe to repeat. With
    S3VECTORS_TEXT_KEYS, text search on those keys too. While a text search is built, searches go
    by vector.

    \b
    Examples:
      stache-s3vectors indexes upgrade --bucket my-bucket documents-1024
      stache-s3vectors indexes upgrade --bucket my-bucket documents-1024 --language de
    """  # noqa: D301 - \b keeps click from wrapping the example
    # All are there before any is changed
    code = None if language is None else _code(language) or ""
    found = open_indexes(settings, names)
    told = [index.describe(fresh=True) for index in found]
    changes: dict[str, list[str]] = {}

    def so_far() -> str:
        changed = ", ".join(f"{name} has {' and '.join(c)} now" for name, c in changes.items() if c)
        return f"{changed or 'nothing is changed'}; what is BUILDING goes on by itself"

    with report_on_stop(so_far):
        for index, description in zip(found, told, strict=True):
            name = index.options.index_name
            changes[name] = upgrade_index(index.client, index.options, description, code)
        _wait(found)
    if as_json:
        click.echo(json.dumps({"bucket": found[0].options.bucket_name, "changes": changes}))
        return
    for name, changed in changes.items():
        click.echo(f"{name}: {', '.join(changed) or 'has all of it already'}")


def _wait(found: list[VectorIndex]) -> None:
    """Until the text search of each index is ACTIVE, with a bar in a terminal."""
    with show_progress("building text search", len(found)) as done:
        left = found
        while left:
            waiting = [
                i
                for i in left
                if {*i.describe(fresh=True).text_searches.values()} - {TEXT_SEARCH_ACTIVE}
            ]
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
    found = open_indexes(settings, names)
    for index in found if not yes else ():
        name = index.options.index_name
        confirm(f"{_contents(index)}. Type {name} to delete it", name)
    deleted: list[str] = []
    with report_on_stop(lambda: f"deleted {_listed(deleted)}"):
        for index in found:
            delete_index(index.client, index.options)
            deleted.append(index.options.index_name)
            if not as_json:
                click.echo(f"{index.options.index_name}: deleted")
    if as_json:
        click.echo(json.dumps({"bucket": found[0].options.bucket_name, "deleted": deleted}))


def _contents(index: VectorIndex) -> str:
    first = next(index.list_pages(metadata=False))
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
    found = _list(resolve_options(settings))
    if as_json:
        click.echo(json.dumps(found))
        return
    _print_table(found)


def _list(options: Options) -> list[dict[str, Any]]:
    found = [open_index(replace(options, index_name=name)) for name in list_indexes(options)]
    return [{"name": index.options.index_name, **index.describe().as_dict()} for index in found]


def _text_searches(index: dict[str, Any]) -> Iterable[str]:
    for key, status in index["textSearch"].items():
        language = index["textLanguages"].get(key)
        yield f"{key} {status}" + (f" ({language})" if language else "")


def _print_table(found: list[dict[str, Any]]) -> None:
    table = Table("index", "dimension", "metric", "mode", "non-filterable keys", "text search")
    table.columns[0].overflow = "fold"
    for index in found:
        table.add_row(
            index["name"],
            str(index["dimension"]),
            index["distanceMetric"],
            index["indexMode"],
            escape(", ".join(index["nonFilterableMetadataKeys"])),
            escape(", ".join(_text_searches(index))),
        )
    Console().print(table)
