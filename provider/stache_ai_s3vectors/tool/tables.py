"""Tables on a terminal, of texts that others wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stache_ai_s3vectors.service.metadata_keys import TEXT
from stache_ai_s3vectors.service.printable import to_printable

_LONGEST: Final = 300
"""Characters of a cell, at most."""


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, whole: bool = False
) -> None:
    """Print rows of texts below their heads; nothing in them is markup or controls a terminal.

    The column `text` is cut where the terminal ends, the others are folded.

    Args:
        whole: whether long cells are not shortened.
    """
    table = Table()
    for head in heads:
        cut = head == TEXT
        table.add_column(head, no_wrap=cut, overflow="ellipsis" if cut else "fold")
    for row in rows:
        table.add_row(*(Text(to_printable(cell if whole else _shorten(cell))) for cell in row))
    Console().print(table)


def print_record(values: Iterable[tuple[str, str]]) -> None:
    """Print names and values, each whole; a line of a value stays a line."""
    table = Table(show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in values:
        lines = "\n".join(map(to_printable, value.split("\n")))
        table.add_row(Text(to_printable(name)), Text(lines))
    Console().print(table)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
