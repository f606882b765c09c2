"""A command that is imported when it is used: the others, and --help, do not wait for it."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

import click


class LazyCommand(click.Command):
    """Stands in a group for a command, or another group, whose module is not imported yet.

    A group needs the name and the short help of its commands to list and to complete them. It
    calls `make_context` when one is run, shows its own help, or completes its own options.

    Args:
        name: of the command.
        target: where it is, as module:attribute.
        short_help: what the group lists.
    """

    def __init__(self, name: str, target: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self._target = target

    def load(self) -> click.Command:
        """Import the command."""
        command: click.Command = resolve_name(self._target)
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Prepare the command itself; the group runs the command of this context."""
        return self.load().make_context(*args, **kwargs)
