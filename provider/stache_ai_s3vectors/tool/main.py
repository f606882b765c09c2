"""The command `stache-s3vectors`: its commands, each in a module of `commands`."""

from __future__ import annotations

from typing import Any, Final

import click

from .failures import INTERRUPTED, is_interrupt
from .lazy import LazyCommand

_COMMANDS: Final = (
    ("console", "console:console_command", "Show the vectors of a bucket in a browser."),
    ("copy", "copy_reembed:copy_command", "Copy all vectors of an index to another, and compare."),
    (
        "copy-from",
        "copy_from:copy_from_command",
        "Copy all chunks from another vector database that Stache supports.",
    ),
    ("doctor", "doctor:doctor_command", "Check settings, bucket, indexes and permissions."),
    ("export", "export_import:export_command", "Write an index to a file, as JSON Lines."),
    ("import", "export_import:import_command", "Store the vectors of a file that export wrote."),
    ("indexes", "indexes:indexes_command", "List, create, upgrade and delete indexes."),
    ("list", "list_show:list_command", "List vectors by prefix, namespace or filter."),
    ("migrate", "migrate:migrate_command", "Copy an index of the older package (0.2.x)."),
    ("policy", "policy:policy_command", "Print the least-privilege IAM policy, or check one."),
    ("purge", "purge:purge_command", "Delete vectors by namespace, status or filter."),
    ("query", "query:query_command", "Search for the vectors nearest to a text or a vector."),
    ("reembed", "copy_reembed:reembed_command", "Embed the texts again, with another model."),
    ("serve", "serve:serve_command", "Run the local engine: the S3 Vectors API over HTTP."),
    ("show", "list_show:show_command", "Show vectors by key, with text and metadata."),
    ("stats", "stats:stats_command", "Count vectors and bytes, and estimate what they cost."),
)
"""Name, module and function, and the short help."""


class _Tool(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; after Ctrl-C exit with 130."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            if not is_interrupt(error):
                raise
            click.echo("Stopped.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from error


@click.group(cls=_Tool, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stache-ai-s3vectors", prog_name="stache-s3vectors")
def main() -> None:
    """Manage Stache's vectors in Amazon S3 Vectors.

    The commands use the provider's settings: environment variables, a .env file, or the options
    of a command. Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
    """


for _name, _target, _short_help in _COMMANDS:
    main.add_command(LazyCommand(_name, f"{__package__}.commands.{_target}", _short_help))
