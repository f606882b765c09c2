"""A progress bar on standard error, if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich import progress as bars
from rich.console import Console

from stache_ai_s3vectors.aws.vector_index import Progress

_BAR_WIDTH: Final = 20
"""Characters, so that a line fits into a terminal of 80."""

_SPEED_SECONDS: Final = 60.0
"""How far back to look, in seconds, to estimate the remaining time from the speed."""


@contextmanager
def show_progress(
    title: str, total: int | None = None, share: Callable[[], float] | None = None
) -> Iterator[Progress]:
    """Show a bar; yields a function to call with the number of vectors that were just processed.

    Args:
        title: what is being done.
        total: how many vectors there are, if that is known.
        share: returns the part of the work that is done, from 0 to 1, if the total is not known.
    """
    console = Console(stderr=True)
    with bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(_BAR_WIDTH),
        bars.TextColumn("{task.fields[counted]}"),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,  # what is written there is the result
        speed_estimate_period=_SPEED_SECONDS,
    ) as bar:
        known = 1.0 if total is None and share is not None else total
        task = bar.add_task(title, total=known, counted=_format_count(0, total))
        count = 0

        def advance(vectors: int) -> None:
            nonlocal count
            count += vectors
            completed = count if share is None else share()
            bar.update(task, completed=completed, counted=_format_count(count, total))

        yield advance


def _format_count(count: int, total: int | None) -> str:
    return f"{count:,}" if total is None else f"{count:,}/{total:,}"
