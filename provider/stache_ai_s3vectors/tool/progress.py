"""A bar on standard error for long work; nothing when that is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console

from stache_ai_s3vectors.aws.vector_index import Progress


@contextmanager
def show_progress(title: str, total: int | None = None) -> Iterator[Progress]:
    """Hands out a function to be called with the number of vectors just dealt with.

    Args:
        title: is done to them, as shown beside the bar.
        total: how many there are, where that is known.
    """
    console = Console(stderr=True)
    with bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)
