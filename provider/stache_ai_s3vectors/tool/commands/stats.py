"""`stache-s3vectors stats`: what the indexes hold, and what that costs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool import prices
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import open_readable_indexes
from stache_ai_s3vectors.tool.options import indexes_option, with_settings
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.statistics import Stats

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_SHOWN: Final = 10
"""Namespaces, statuses and types that are printed; --json prints all."""


@click.command("stats")
@indexes_option
@click.option(
    "--queries",
    type=click.IntRange(0, 10**12),
    default=10_000,
    show_default=True,
    help="Queries a month, for the estimate of costs.",
)
@with_settings
def stats_command(
    settings: Settings, *, names: tuple[str, ...], queries: int, as_json: bool
) -> None:
    """Count vectors, bytes, namespaces, statuses and types, and compare with the limits.

    S3 Vectors has no counts, so this reads the metadata of every vector. Bytes are counted as the
    service counts them. Costs are list prices, without taxes, free tier and text search.

    \b
    Example:
      stache-s3vectors stats --bucket my-bucket --index documents-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    by_name: dict[str, Stats] = {}
    with report_on_stop(lambda: "nothing is changed", "", errors=False):
        for index in open_readable_indexes(settings, names):
            by_name[index.options.index_name] = _read(index)
    if as_json:
        indexes = {
            name: {**stats.as_dict(), "costPerMonth": sum(_estimate_costs(stats, queries))}
            for name, stats in by_name.items()
        }
        source = {"region": prices.REGION, "readOn": prices.READ_ON, "queries": queries}
        click.echo(json.dumps({"indexes": indexes, "prices": source}))
        return
    for name, stats in by_name.items():
        _print(name, stats)
    _print_costs(by_name, queries)


def _read(index: VectorIndex) -> Stats:
    stats = Stats(index.describe())
    with show_progress(f"reading {index.options.index_name}") as advance:
        for page in index.list_pages():
            for key, stored in page.rows:
                stats.add(key, stored)
            advance(len(page.rows))
    return stats


def _print(name: str, stats: Stats) -> None:
    click.echo(f"{name}: {stats.vectors:,} vectors, {_format_size(stats.stored_bytes)}")
    for title, counts in (
        ("namespaces", stats.namespaces),
        ("statuses", stats.statuses),
        ("types", stats.types),
    ):
        if counts:
            click.echo(f"  {title}: {_format_counts(counts)}")
    for what, (value, limit, key) in stats.measure_limits().items():
        owner = f" ({to_printable(key)})" if key else ""
        click.echo(f"  {what}: {value:,} of {limit:,}, {_format_share(value / limit)}{owner}")
    click.echo(
        f"  cost in USD to store it once, in full batches: {_format_usd(stats.estimate_put_cost())}"
    )


def _format_counts(counts: Counter[str]) -> str:
    shown = [f"{to_printable(name)} {count:,}" for name, count in counts.most_common(_SHOWN)]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {rest} more" if rest > 0 else "")


def _format_size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 - that many of a unit make one of the next
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


def _format_share(share: float) -> str:
    percent = int(100 * share)  # 100 only if it is reached
    return f"{percent}%" if percent or not share else "under 1%"


def _print_costs(by_name: dict[str, Stats], queries: int) -> None:
    table = Table("USD a month", "storage", f"{queries:,} queries", "total")
    rows: list[tuple[str, float, float]] = [
        (name, *_estimate_costs(stats, queries)) for name, stats in by_name.items()
    ]
    for name, storage, querying in rows:
        table.add_row(name, *map(_format_usd, (storage, querying, storage + querying)))
    if len(rows) > 1:
        total: list[Any] = [sum(row[1] for row in rows), sum(row[2] for row in rows)]
        table.add_row("all", *map(_format_usd, (*total, sum(total))))
    Console().print(table)
    click.echo(f"List prices of {prices.REGION}, read on {prices.READ_ON}.")


def _estimate_costs(stats: Stats, queries: int) -> tuple[float, float]:
    return stats.estimate_storage_cost(), queries * stats.estimate_query_cost()


def _format_usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 0.01 or not amount else "under 0.01"  # noqa: PLR2004 - a cent
