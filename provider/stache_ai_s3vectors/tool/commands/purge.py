"""`stache-s3vectors purge`: delete by namespace, status or filter."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.aws.parallel import call_in_parallel
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.filters import Filter
from stache_ai_s3vectors.operations import scan
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import NAMESPACE, STATUS
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import open_readable_indexes
from stache_ai_s3vectors.tool.key_files import KeyFile
from stache_ai_s3vectors.tool.options import indexes_option, with_settings
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.selection import parse_conditions

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_SHOWN: Final = 5
"""Keys that a dry run prints of each index."""


@click.command("purge")
@indexes_option
@click.option("--namespace", help="Delete only from this namespace; ns/* is ns and all below it.")
@click.option("--status", help="Delete only vectors with this status, for example deleting.")
@click.option(
    "--filter", "condition", help='Delete only vectors that match, for example \'{"doc_id": "a"}\'.'
)
@click.option("--yes", is_flag=True, help="Delete; without it, only print what would be deleted.")
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
    """Delete the vectors that match all of --namespace, --status and --filter, permanently.

    Without --yes, the command only counts the vectors. S3 Vectors cannot delete by filter, so the
    command reads the whole index and then deletes the vectors that match.

    \b
    Example:
      stache-s3vectors purge --bucket my-bucket --index documents-1024 --status deleting
    """  # noqa: D301 - \b keeps click from wrapping the example
    parts = _parse_all_conditions(namespace, status, condition)
    outcomes: dict[str, dict[str, Any]] = {}
    for index in open_readable_indexes(settings, names):
        deleted = ", ".join(f"{outcome['vectors']} of {name}" for name, outcome in outcomes.items())
        earlier = f"{deleted} and " if deleted and yes else ""
        outcome = _delete_matches(index, parts, earlier) if yes else _count_matches(index, parts)
        outcomes[index.options.index_name] = outcome
        if not as_json:
            _print(index.options.index_name, outcome, deleted=yes)
    if as_json:
        click.echo(json.dumps({"deleted": yes, "indexes": outcomes}))
    elif not yes:
        click.echo("Nothing was deleted. Add --yes to delete them.")


def _print(name: str, outcome: dict[str, Any], *, deleted: bool) -> None:
    click.echo(
        f"{name}: {outcome['vectors']} vectors {'deleted' if deleted else 'would be deleted'}"
    )
    for key in ("namespaces", "statuses", "keys"):
        if outcome.get(key):
            click.echo(f"  {key}: {_format(outcome[key])}")


def _parse_all_conditions(
    namespace: str | None, status: str | None, condition: str | None
) -> list[Filter]:
    parts = parse_conditions(namespace, condition)
    if status is not None:
        parts += filters.parse_filter({STATUS: status})
    if not parts:
        raise click.UsageError(
            "no condition is given: add --namespace, --status or --filter (to empty an index, "
            "delete it with stache-s3vectors indexes delete, and create it again)"
        )
    return parts


def _count_matches(index: VectorIndex, parts: list[Filter]) -> dict[str, Any]:
    namespaces: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    keys: list[str] = []
    name = index.options.index_name
    with (
        report_on_stop(lambda: "nothing was deleted", ""),
        show_progress(f"reading {name}") as advance,
    ):
        for key, stored in scan.scan_rows(index, parts, advance):
            namespaces[str(stored.get(NAMESPACE, ""))] += 1
            statuses[str(stored.get(STATUS, ""))] += 1
            keys = sorted([*keys, key])[:_SHOWN]
    return {
        "vectors": namespaces.total(),
        "namespaces": dict(namespaces.most_common()),
        "statuses": dict(statuses.most_common()),
        "keys": keys if namespaces.total() == len(keys) else [*keys, "…"],
    }


def _delete_matches(index: VectorIndex, parts: list[Filter], earlier: str) -> dict[str, Any]:
    """Delete the matching vectors, once all of them are known.

    AWS does not document how a listing reacts to deletions.
    """
    name = index.options.index_name
    keys, deleted = KeyFile(), list[int]()

    def delete(batch: list[str]) -> None:
        index.delete(batch)
        deleted.append(len(batch))  # one operation of a list, which needs no lock

    with report_on_stop(
        lambda: f"{earlier}{sum(deleted)} vectors of {name} are deleted, perhaps more"
    ):
        with show_progress(f"reading {name}") as advance:
            for page in scan.scan_pages(index, parts, advance):
                keys.add(key for key, _ in page.rows)
        calls = call_in_parallel(delete, keys.batches(limits.DELETE_BATCH))
        with show_progress(f"deleting from {name}", len(keys)) as advance, closing(calls):
            for batch, call in calls:
                call.result()
                advance(len(batch))
    return {"vectors": len(keys)}


def _format(outcome: dict[str, int] | list[str]) -> str:
    if isinstance(outcome, dict):
        return ", ".join(f"{to_printable(name) or '(none)'} {n}" for name, n in outcome.items())
    return ", ".join(map(to_printable, outcome))
