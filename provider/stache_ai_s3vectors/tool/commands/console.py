"""`stache-s3vectors console`: web pages that show the vectors of a bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from stache_ai_s3vectors.tool.failures import MissingEngineError
from stache_ai_s3vectors.tool.options import with_settings

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_HOST = "127.0.0.1"
_PORT = 9101


@click.command("console")
@click.option(
    "--port",
    default=_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on, on this machine only; 0 takes a free one.",
)
@click.option("--write", is_flag=True, help="Allow the console to delete and import.")
@with_settings
def console_command(settings: Settings, *, port: int, write: bool, as_json: bool) -> None:
    """Show the vectors of a bucket in a browser: list, query, map, export.

    The command prints the address, with a token that the console requires. It runs until Ctrl-C,
    with the permissions of your credentials. To read, the level `read` is enough. The list of all
    indexes needs `manage-indexes`, and --write needs `read-write`. With a `local:` endpoint, the
    engine runs in this process. With --json: `address`.

    \b
    Examples:
      stache-s3vectors console --bucket my-bucket
      stache-s3vectors console --endpoint local:./stache --write
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        from s3vectors_local import server  # noqa: PLC0415 - an extra
        from s3vectors_local.console.options import (  # noqa: PLC0415 - an extra
            ConsoleOptions,
            make_token,
        )
    except ImportError as error:
        raise MissingEngineError from error
    from stache_ai_s3vectors.tool.console import open_service  # noqa: PLC0415 - needs the extra

    service = open_service(settings, create=write)
    try:
        bound = server.listen(_HOST, port)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {_HOST}:{port}: {error.strerror}; choose another --port"
        ) from error
    options = ConsoleOptions(write, make_token())
    address = options.build_address(f"http://{_HOST}:{bound.getsockname()[1]}")
    click.echo(json.dumps({"address": address}) if as_json else f"{address}\nPress Ctrl-C to stop.")
    server.serve_console(service, bound, options)
