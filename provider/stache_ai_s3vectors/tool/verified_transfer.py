"""Shared by `copy`, `copy-from`, `reembed` and `migrate`: transfer, compare both sides, report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.service.printable import to_printable

from .key_files import KeyFile
from .progress import show_progress
from .transfers import (
    Comparison,
    Embed,
    Tally,
    compare,
    find_extra_keys,
    transfer,
)

SHOWN: Final = 10
"""Keys of vectors with a problem that are printed."""


class Verification(NamedTuple):
    """The result of comparing both sides after a transfer.

    Args:
        verified: vectors of the source that are the same in the destination.
        extra: keys that only the destination has.
    """

    verified: int
    extra: KeyFile


def count_vectors(index: VectorIndex) -> int:
    """Count the vectors of an index; S3 Vectors keeps no count, so it is listed."""
    count = 0
    with show_progress(f"counting {index.options.index_name}") as advance:
        for page in index.list_pages(metadata=False):
            count += len(page.rows)
            advance(len(page.rows))
    return count


def run_transfer(  # noqa: PLR0913 - all that a transfer is
    records: Callable[[], Iterator[Record]],
    total: int | None,
    destination: VectorIndex,
    tally: Tally,
    embed: Embed | None = None,
    *,
    replace: bool = True,
) -> Verification:
    """Transfer, then compare.

    Args:
        records: reads the source from its beginning.
        total: how many there are, if that is known.
        destination: exists.
        tally: is kept up to date.
        embed: as for `transfer`.
        replace: also replace vectors of the same keys with other content.
    """
    title = f"writing to {destination.options.index_name}"
    with show_progress(title if embed is None else f"embedding, {title}", total) as advance:
        transfer(records(), destination, tally, advance, embed, replace=replace)
    with show_progress("comparing with the source", tally.stored) as advance:
        comparison = compare(records(), destination, advance, data=embed is None)
    _check_comparison(comparison, destination, tally)
    comparison.keys.add(tally.left_out)  # the source has them
    with show_progress(f"listing {destination.options.index_name}") as advance:
        extra = find_extra_keys(destination, comparison.keys, advance)
    return Verification(comparison.unchanged, extra)


def _check_comparison(comparison: Comparison, destination: VectorIndex, tally: Tally) -> None:
    """Fail if a vector that was stored is missing or different in the destination.

    Raises:
        click.ClickException: something is missing or different.
    """
    wrong = KeyFile()
    for keys in (comparison.absent, comparison.different):
        wrong.add(key for key in keys if key not in tally.left_out and key not in tally.different)
    if wrong:
        raise click.ClickException(
            f"{len(wrong)} vectors of the source are missing or differ in {destination.name}: "
            f"{format_first_keys(wrong)}. If the source has changed, run the command again"
        )
    if len(comparison.keys) < tally.stored:
        raise click.ClickException(
            f"{tally.stored} vectors went to {destination.name}, and the source has "
            f"{len(comparison.keys)} now: it has changed; run the command again"
        )


def print_report(
    destination: VectorIndex,
    tally: Tally,
    verification: Verification,
    *,
    as_json: bool,
    subject: str = "",
) -> None:
    """Print what was done."""
    if as_json:
        click.echo(json.dumps(describe_result(destination, tally, verification)))
    else:
        print_result(destination, tally, verification, subject)


def describe_result(
    destination: VectorIndex, tally: Tally, verification: Verification
) -> dict[str, Any]:
    """The outcome, for a program."""
    return {
        "index": destination.options.index_name,
        "written": tally.written,
        "unchanged": tally.unchanged,
        "different": len(tally.different),
        "onlyInDestination": len(verification.extra),
        "verified": verification.verified,
        "leftOut": dict(tally.left_out.items()),
    }


def print_result(
    destination: VectorIndex, tally: Tally, verification: Verification, subject: str = ""
) -> None:
    """Say what was done."""
    click.echo(
        f"{destination.name}: {tally}; {subject}all {verification.verified} verified "
        "against the source"
    )
    _print_keys("differ from the source's, and were left as they are", tally.different)
    _print_keys("are only in the destination", verification.extra)


def format_first_keys(keys: KeyFile) -> str:
    """The first of some keys, for a message."""
    more = ", …" if len(keys) > SHOWN else ""
    return f"{', '.join(map(to_printable, keys.first(SHOWN)))}{more}"


def _print_keys(problem: str, keys: KeyFile) -> None:
    if keys:
        click.echo(f"{len(keys)} vectors {problem}: {format_first_keys(keys)}")


def fail_for_left_out(*left_out: KeyFile) -> None:
    """Name the first vectors that were left out, of each index.

    Raises:
        click.ClickException: some were.
    """
    for keys in left_out:
        for key, why in islice(keys.items(), SHOWN):
            click.echo(f"  {to_printable(key)}: {to_printable(why)}", err=True)
    if count := sum(map(len, left_out)):
        raise click.ClickException(f"{count} vectors were left out; the first are listed above")
