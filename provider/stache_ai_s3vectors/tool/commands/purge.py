"""`stache-s3vectors purge`: delete by namespace, status or filter."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, STATUS
from stache_ai_s3vectors.tool.failures import resumable
from stache_ai_s3vectors.tool.options import filter_option, indexes_option, printable, with_settings
from stache_ai_s3vectors.tool.places import readable
from stache_ai_s3vectors.tool.progress import progress

if TYPE_CHECKING:
    from stache_ai_s3vectors.aws.vector_index import VectorIndex
    from stache_ai_s3vectors.chunks.filters import Filter
    from stache_ai_s3vectors.settings import Settings

_SHOWN: Final = 5
"""Keys that a dry run prints of each index."""


@click.command("purge")
@indexes_option
@click.option("--namespace", help="Those of this namespace; ns/* is ns and all below it.")
@click.option("--status", help="Those of this status, such as deleting.")
@click.option("--filter", "condition", help='Those that pass, such as \'{"doc_id": "a"}\'.')
@click.option("--yes", is_flag=True, help="Delete; without, only say what would be deleted.")
@with_settings
def purge_command(  # noqa: PLR0913 - one for each option
    settings: Settings,
    *,
    names: tuple[str, ...],
    namespace: str | None,
    status: str | None,
    condition: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the vectors for which all of --namespace, --status and --filter hold.

    Without --yes nothing is deleted, and the vectors are counted. S3 Vectors cannot delete by
    filter: the index is read, and what passes is deleted, for good.

    \b
    Example:
      stache-s3vectors purge --bucket my-bucket --index documents-1024 --status deleting
    """  # noqa: D301 - \b keeps click from wrapping the example
    parts = _parts(namespace, status, condition)
    found: dict[str, dict[str, Any]] = {}
    for index in readable(settings, names):
        deleted = ", ".join(f"{told['vectors']} of {name}" for name, told in found.items())
        before = f"{deleted} and " if deleted and yes else ""
        told = _delete(index, parts, before) if yes else _count(index, parts)
        found[index.options.index] = told
        if not as_json:
            _print(index.options.index, told, deleted=yes)
    if as_json:
        click.echo(json.dumps({"deleted": yes, "indexes": found}))
    elif not yes:
        click.echo("Nothing was deleted. Add --yes to do it.")


def _print(name: str, told: dict[str, Any], *, deleted: bool) -> None:
    click.echo(f"{name}: {told['vectors']} vectors {'deleted' if deleted else 'would be deleted'}")
    for key in ("namespaces", "statuses", "keys"):
        if told.get(key):
            click.echo(f"  {key}: {_shown(told[key])}")


def _parts(namespace: str | None, status: str | None, condition: str | None) -> list[Filter]:
    from stache_ai_s3vectors.chunks import filters

    document = filter_option(condition)
    parts = [*filters.in_namespace(namespace), *filters.conditions(document)]
    if status is not None:
        parts += filters.conditions({STATUS: status})
    if not parts:
        raise click.UsageError(
            "nothing says what to delete: give --namespace, --status or --filter (to delete all "
            "of an index: stache-s3vectors indexes delete, and create)"
        )
    return parts


def _count(index: VectorIndex, parts: list[Filter]) -> dict[str, Any]:
    from stache_ai_s3vectors.operations import scan

    namespaces: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    keys: list[str] = []
    with progress(f"reading {index.options.index}") as done:
        for key, stored in scan.rows(index, parts, done):
            namespaces[str(stored.get(NAMESPACE, ""))] += 1
            statuses[str(stored.get(STATUS, ""))] += 1
            keys = sorted([*keys, key])[:_SHOWN]
    return {
        "vectors": namespaces.total(),
        "namespaces": dict(namespaces.most_common()),
        "statuses": dict(statuses.most_common()),
        "keys": keys if namespaces.total() == len(keys) else [*keys, "…"],
    }


def _delete(index: VectorIndex, parts: list[Filter], before: str) -> dict[str, Any]:
    from stache_ai_s3vectors.operations import scan

    deleted = 0

    def count(vectors: int) -> None:
        nonlocal deleted
        deleted += vectors
        done(vectors)

    def so_far() -> str:
        return f"{before}{deleted} vectors of {index.options.index} are deleted, perhaps more"

    with resumable(so_far), progress(f"deleting from {index.options.index}") as done:
        return {"vectors": len(scan.delete_matching(index, parts, count))}


def _shown(told: object) -> str:
    if isinstance(told, dict):
        return ", ".join(f"{printable(name) or '(none)'} {n}" for name, n in told.items())
    return ", ".join(printable(str(key)) for key in told) if isinstance(told, list) else str(told)
