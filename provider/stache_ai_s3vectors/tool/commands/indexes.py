"""`stache-s3vectors indexes`: the indexes that Stache keeps its vectors in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.aws.connections import get_client
from stache_ai_s3vectors.aws.deadlines import pause
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
from stache_ai_s3vectors.tool.index_access import check_index_name, open_index, open_indexes
from stache_ai_s3vectors.tool.options import (
    Choice,
    confirm,
    get_index_names,
    resolve_options,
    with_settings,
)
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.tables import print_table

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

NO_LANGUAGE: Final = "none"

POLL: Final = 2.0
"""Seconds between two calls about a text search that is BUILDING."""


@click.group()
def indexes_command() -> None:
    """List, create, upgrade and delete indexes."""


@indexes_command.command("create")
@click.argument("names", nargs=-1)
@click.option(
    "--language",
    type=Choice([*LANGUAGES, NO_LANGUAGE]),
    help="Language of the texts, for word forms and scripts without spaces. [default: "
    "S3VECTORS_TEXT_LANGUAGE, else none]",
)
@with_settings
def create_indexes(
    settings: Settings, *, names: tuple[str, ...], language: str | None, as_json: bool
) -> None:
    """Create the missing indexes of NAMES, by default Stache's three.

    The vector bucket must exist; with a local: endpoint it is created too.

    \b
    Examples:
      stache-s3vectors indexes create --bucket my-bucket --dimension 1024
      stache-s3vectors indexes create documents-1024-new --bucket my-bucket --dimension 1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    options = resolve_options(settings)
    if language is not None:
        options = replace(options, text_language=_get_language_code(language))
    by_kind = {} if names else get_index_names(settings, options.dimension)
    all_names = list(dict.fromkeys(names or by_kind.values()))
    for name in all_names:
        check_index_name(name)
    client = get_client(options, create=True)
    if options.local:
        create_bucket(client, options)
    created: dict[str, bool] = {}
    with report_on_stop(lambda: f"created {_join_names(created)}"):
        # Existing indexes are checked before any is created
        missing = [
            name
            for name in all_names
            if not _check_existing(replace(options, index_name=name), language)
        ]
        for name in missing:
            created[name] = create_index(client, options, name)
    if as_json:
        kinds = [{"kind": kind, "name": by_kind[kind]} for kind in KINDS if by_kind]
        rows: list[dict[str, Any]] = kinds or [{"name": name} for name in all_names]
        indexes = [{**row, "created": created.get(row["name"], False)} for row in rows]
        click.echo(json.dumps({"bucket": options.bucket_name, "indexes": indexes}))
        return
    for name in all_names:
        click.echo(f"{name}: {'created' if created.get(name) else 'exists already'}")
    if by_kind:
        click.echo("\nStache finds them with these settings:")
    for kind, name in by_kind.items():
        click.echo(f"{index_variable(kind)}={name}")


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _get_language_code(language: str) -> str | None:
    """The language as the service names it; None for no language."""
    return None if language == NO_LANGUAGE else language


def _check_existing(options: Options, language: str | None) -> bool:
    """Whether the index exists; refuses one that Stache cannot use."""
    try:
        description = VectorIndex(options, create=False).describe(fresh=True)
    except NotFoundError:
        return False
    problems = []
    if description.dimension != options.dimension:
        problems.append(f"has {description.dimension} dimensions instead of {options.dimension}")
    missing = sorted(set(NON_FILTERABLE) - description.non_filterable)
    if missing:
        problems.append(f"lacks the non-filterable keys {', '.join(missing)}")
    if lost := sorted(description.non_filterable.intersection(FILTERED)):
        problems.append(
            f"cannot be filtered by {', '.join(lost)}, but all of Stache's searches filter by it"
        )
    if problems:
        raise ConfigurationError(
            f"index {options.bucket_name}/{options.index_name} exists already, and "
            f"{' and '.join(problems)}. That cannot be changed: set another name, for "
            f"example S3VECTORS_DOCUMENTS_INDEX=documents-{options.dimension}"
        )
    _check_language(options, description, language)
    return True


def _check_language(options: Options, description: IndexDescription, language: str | None) -> None:
    """Refuse an index whose text search is in another language than requested."""
    existing = description.languages.get(TEXT)
    if language is not None and existing != _get_language_code(language):
        raise ConfigurationError(
            f"index {options.bucket_name}/{options.index_name} exists already, with text search in "
            f"{existing or 'no language'}. To change it: stache-s3vectors indexes upgrade "
            f"{options.index_name} --language {language}"
        )


@indexes_command.command("upgrade")
@click.argument("names", nargs=-1)
@click.option(
    "--language",
    type=Choice([*LANGUAGES, NO_LANGUAGE]),
    help="Language of the texts, for word forms and scripts without spaces; a text search in "
    "another language is rebuilt. [default: no change; for a new text search "
    "S3VECTORS_TEXT_LANGUAGE, else none]",
)
@with_settings
def upgrade_indexes(
    settings: Settings, *, names: tuple[str, ...], language: str | None, as_json: bool
) -> None:
    """Make indexes ready for hybrid search: ENHANCED mode, and text search on `text`.

    NAMES are the names of the indexes, by default Stache's three. S3VECTORS_TEXT_KEYS adds
    text search on more keys. The command waits until the text searches are built; Ctrl-C ends only
    the wait. Until then, searches use only the vector. You can repeat the command safely.

    \b
    Examples:
      stache-s3vectors indexes upgrade --bucket my-bucket documents-1024
      stache-s3vectors indexes upgrade --bucket my-bucket documents-1024 --language de
    """  # noqa: D301 - \b keeps click from wrapping the example
    code = None if language is None else _get_language_code(language) or ""
    changes: dict[str, list[str]] = {}

    def describe_changes() -> str:
        changed = ", ".join(f"{name} has {' and '.join(c)} now" for name, c in changes.items() if c)
        return f"{changed}; the service continues building" if changed else "nothing is changed"

    with report_on_stop(describe_changes):
        # All must exist before any is changed
        indexes = open_indexes(settings, names)
        descriptions = [index.describe(fresh=True) for index in indexes]
        for index, description in zip(indexes, descriptions, strict=True):
            name = index.options.index_name
            changes[name] = upgrade_index(index.client, index.options, description, code)
        _wait(indexes)
    if as_json:
        click.echo(json.dumps({"bucket": indexes[0].options.bucket_name, "changes": changes}))
        return
    for name, changed in changes.items():
        click.echo(f"{name}: {', '.join(changed) or 'already up to date'}")


def _wait(indexes: list[VectorIndex]) -> None:
    """Wait until the text search of each index is ACTIVE, with a bar in a terminal."""
    with show_progress("building text search", len(indexes)) as advance:
        left = indexes
        while left:
            waiting = [
                i
                for i in left
                if {*i.describe(fresh=True).text_searches.values()} - {TEXT_SEARCH_ACTIVE}
            ]
            advance(len(left) - len(waiting))
            left = waiting
            if left:
                pause(POLL)


@indexes_command.command("delete")
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def delete_indexes(settings: Settings, *, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete indexes with all their vectors, for good.

    Asks for each name unless --yes is given. It needs s3vectors:DeleteIndex, which no level of
    `stache-s3vectors policy` includes, because Stache never uses it.

    \b
    Example:
      stache-s3vectors indexes delete documents-1024 --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    deleted: list[str] = []
    with report_on_stop(lambda: f"deleted {_join_names(deleted)}"):
        indexes = open_indexes(settings, names)
        for index in indexes if not yes else ():
            name = index.options.index_name
            confirm(f"{_describe_contents(index)}. Type {name} to delete it", name)
        for index in indexes:
            delete_index(index.client, index.options)
            deleted.append(index.options.index_name)
            if not as_json:
                click.echo(f"{index.options.index_name}: deleted")
    if as_json:
        click.echo(json.dumps({"bucket": indexes[0].options.bucket_name, "deleted": deleted}))


def _describe_contents(index: VectorIndex) -> str:
    first = next(index.list_pages(metadata=False))
    more = "more than " if first.token else ""
    return f"{index.name} holds {more}{len(first.rows):,} vectors"


@indexes_command.command("list")
@with_settings
def list_all_indexes(settings: Settings, *, as_json: bool) -> None:
    """List the indexes of the bucket, with their properties.

    \b
    Example:
      stache-s3vectors indexes list --bucket my-bucket --endpoint local:./data
    """  # noqa: D301 - \b keeps click from wrapping the example
    with report_on_stop(lambda: "nothing is changed", "", errors=False):
        options = resolve_options(settings)
        descriptions = {
            name: open_index(replace(options, index_name=name)).describe()
            for name in list_indexes(options)
        }
    if as_json:
        click.echo(json.dumps([{"name": name, **d.as_dict()} for name, d in descriptions.items()]))
        return
    heads = ("index", "dimension", "metric", "mode", "non-filterable keys", "text search")
    print_table(heads, (_to_cells(*row) for row in descriptions.items()), whole=True)


def _to_cells(name: str, description: IndexDescription) -> list[str]:
    return [
        name,
        str(description.dimension),
        description.metric,
        description.mode,
        ", ".join(sorted(description.non_filterable)),
        ", ".join(description.list_text_searches()),
    ]
