"""`stache-s3vectors migrate`: copy an index of the older package into one of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import KINDS, NAMESPACE, NON_FILTERABLE, STATUS
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import find_destination
from stache_ai_s3vectors.tool.key_files import KeyFile
from stache_ai_s3vectors.tool.migration import Restorer, classify
from stache_ai_s3vectors.tool.options import Choice, with_setting_options
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.transfers import Tally, check_fit, compare, find_extra_keys
from stache_ai_s3vectors.tool.verified_transfer import (
    SHOWN,
    count_vectors,
    fail_for_left_out,
    format_first_keys,
    print_report,
    run_transfer,
)

from .copy_reembed import create_destination, resolve_sides, with_sides


@click.command("migrate")
@with_sides
@click.option(
    "--keep", "plain_keys", multiple=True, help="Metadata key whose strings stay strings."
)
@click.option(
    "--kind",
    type=Choice(KINDS),
    help="Copy only these, from an index that has all three. [default: all]",
)
@click.option("--yes", is_flag=True, help="Copy; without it, only print what would be copied.")
@click.option(
    "--resume", is_flag=True, help="DESTINATION already has vectors: store the missing ones."
)
@click.option(
    "--replace",
    "replacing",
    is_flag=True,
    help="Like --resume, and also overwrite vectors that differ from SOURCE.",
)
@with_setting_options
def migrate_command(  # noqa: PLR0913 - one for each option
    *,
    plain_keys: tuple[str, ...],
    kind: str | None,
    yes: bool,
    resume: bool,
    replacing: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Copy an index of the older package (0.2.x) into a new index.

    Keys, vectors, namespaces and statuses stay the same. Objects that the older package stored
    as JSON strings become objects again, including those in lists. Without --yes, nothing is
    written. DESTINATION needs the same dimension, and _overflow as a non-filterable key; indexes
    create creates such an index. SOURCE does not change.

    If DESTINATION already has vectors, those that differ may be newer, and missing ones may have
    been deleted there. Nothing is then written without --resume or --replace. Vectors that only
    DESTINATION has are counted and named.

    To avoid losing writes, run the command, stop everything that writes to SOURCE, and run the
    command again with --replace. Delete the vectors that are only in DESTINATION, because they were
    deleted in SOURCE, and set S3VECTORS_DOCUMENTS_INDEX to DESTINATION. Do not run the command
    after that.

    The older package could have one index for everything. --kind copies a part of it.

    \b
    Examples:
      stache-s3vectors migrate stache-documents documents-1024 --bucket my-bucket
      stache-s3vectors migrate stache summaries-1024 --kind summaries --bucket my-bucket
      stache-s3vectors migrate stache-documents documents-1024 --bucket my-bucket --yes --replace
    """  # noqa: D301 - \b keeps click from wrapping the example
    if resume and replacing:
        raise click.UsageError("--resume and --replace cannot be combined")
    source, place = resolve_sides(values)
    description = source.describe()
    destination = find_destination(
        replace(place, dimension=description.dimension), description.metric
    )
    required = replace(description, non_filterable=description.non_filterable | set(NON_FILTERABLE))
    check_fit(required, destination.description, destination.name)
    restorer = Restorer(destination.description.non_filterable, plain_keys)
    if not yes:
        with report_on_stop(lambda: "nothing was written", ""):
            _print_preview(source, destination.name, restorer, kind, as_json=as_json)
        return
    tally = Tally()

    def list_restored() -> Iterator[Record]:
        return _restore(_select_kind(source.list_records(), kind), restorer, tally.left_out)

    with report_on_stop(lambda: str(tally)):
        total = count_vectors(source) if kind is None else None
        index = create_destination(destination, values["destination"])
        if not (resume or replacing or index.is_empty()):
            _check_unused(list_restored(), total, index)
        verification = run_transfer(list_restored, total, index, tally, replace=replacing)
    print_report(index, tally, verification, as_json=as_json)
    fail_for_left_out(tally.left_out)


def _check_unused(records: Iterator[Record], total: int | None, index: VectorIndex) -> None:
    """Refuse to write where something may be newer than in the source."""
    with show_progress(f"comparing with {index.options.index_name}", total) as advance:
        comparison = compare(records, index, advance)
    if not comparison.absent and not comparison.different:
        return
    with show_progress(f"listing {index.options.index_name}") as advance:
        extra = find_extra_keys(index, comparison.keys, advance)
    shown = [
        f"{len(keys)} {problem} ({format_first_keys(keys)})"
        for problem, keys in (
            ("differ", comparison.different),
            ("are missing", comparison.absent),
            ("are only in the destination", extra),
        )
        if keys
    ]
    raise click.ClickException(
        f"{index.name} already has vectors. Compared with the source, {comparison.unchanged} are "
        f"equal, {', '.join(shown)}. Nothing was written: those that differ may be newer, and "
        "those that are missing may have been deleted. Use --resume to store the missing vectors, "
        "or --replace to also replace those that differ"
    )


def _select_kind(records: Iterator[Record], kind: str | None) -> Iterator[Record]:
    return (record for record in records if kind is None or classify(record) == kind)


def _restore(records: Iterator[Record], restorer: Restorer, left_out: KeyFile) -> Iterator[Record]:
    for record in records:
        try:
            yield restorer.restore(record)
        except S3VectorsError as error:  # noqa: PERF203 - the others are migrated
            left_out.add([record.key], str(error))


def _print_preview(
    source: VectorIndex, destination: str, restorer: Restorer, kind: str | None, *, as_json: bool
) -> None:
    """Say what would be done."""
    left_out = KeyFile()
    namespaces: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    with show_progress(f"reading {source.options.index_name}") as advance:
        for page in source.list_pages():
            records = (Record(key, [], stored) for key, stored in page.rows)
            for record in _restore(_select_kind(records, kind), restorer, left_out):
                namespaces[record.metadata[NAMESPACE]] += 1
                statuses[record.metadata[STATUS]] += 1
            advance(len(page.rows))
    document = {
        "vectors": namespaces.total(),
        "namespaces": dict(namespaces.most_common()),
        "statuses": dict(statuses.most_common()),
        "objects": dict(restorer.restored.most_common()),
        "listsWithObjects": dict(restorer.unsearchable.most_common()),
        "leftOut": dict(left_out.items()),
    }
    if as_json:
        click.echo(json.dumps(document))
        return
    click.echo(f"{document['vectors']} vectors of {source.name} would go to {destination}")
    for title, counts in (("namespaces", namespaces), ("statuses", statuses)):
        most = counts.most_common(SHOWN)
        shown = ", ".join(f"{to_printable(name)} {count}" for name, count in most)
        click.echo(f"{title}: {shown}")
    for key, count in restorer.restored.most_common():
        example = f"{restorer.examples[key]!r:.80}"
        click.echo(f"{to_printable(key)}: {count} strings become objects, for example {example}")
    for name, count in restorer.unsearchable.most_common():
        key = to_printable(name)
        click.echo(
            f"{key}: objects are restored in {count} lists; filters no longer match the strings in "
            f"these lists (--keep {key} leaves them as they are)"
        )
    for key, why in islice(left_out.items(), SHOWN):
        click.echo(f"{to_printable(key)} cannot be migrated: {why}")
    click.echo("Nothing was written. Add --yes to write; --keep KEY keeps strings of your own.")
