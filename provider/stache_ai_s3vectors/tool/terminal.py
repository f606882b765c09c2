"""Text on a terminal: lines end between words."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

import click

_COMMAND_AT_END = re.compile(r"(^|\s)(stache-s3vectors|aws|pip) [^;]*$")
"""A command that goes on after the end of a text."""


def echo_wrapped(text: str, *, start: int = 0, indent: int = 0, err: bool = False) -> None:
    """Print a text in lines of the terminal's width; on one line to a file or a pipe.

    A command that is too long for a line goes on after a backslash, so that it can be copied.

    Args:
        text: what to print.
        start: columns of the first line that are already used.
        indent: columns that the further lines are indented.
        err: whether to print on standard error.
    """
    if (sys.stderr if err else sys.stdout).isatty():
        text = _wrap(text, shutil.get_terminal_size().columns, start, indent)
    click.echo(text, err=err)


def _wrap(text: str, width: int, start: int, indent: int) -> str:
    lines = textwrap.wrap(
        text,
        max(width - 2, 20),  # room for the backslash
        initial_indent=" " * start,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    whole = ""
    for line in lines:
        if whole:
            whole += " \\\n" if _COMMAND_AT_END.search(whole) else "\n"
        whole += line
    return whole[start:]
