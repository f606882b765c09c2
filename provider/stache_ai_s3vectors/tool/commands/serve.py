"""`stache-s3vectors serve`: the local engine, as `s3vectors-local serve`."""

from __future__ import annotations

import click

from stache_ai_s3vectors.tool.failures import MissingEngineError


@click.command(
    "serve",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve_command(arguments: tuple[str, ...]) -> None:
    """Run the local engine: the S3 Vectors API over HTTP, on this machine.

    Takes the options of s3vectors-local serve; --help shows them.

    \b
    Example:
      stache-s3vectors serve --port 9100 --data ./data
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        from s3vectors_local.__main__ import main  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingEngineError from error
    main.main(["serve", *arguments], prog_name="stache-s3vectors")
