"""The command `s3vectors-local`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from .engine import Engine
from .errors import DataDirectoryError
from .server import DEFAULT_HOST, DEFAULT_PORT, listen, serve


@click.group()
@click.version_option(package_name="s3vectors-local", prog_name="s3vectors-local")
def main() -> None:
    """Amazon S3 Vectors in a box.

    Point any AWS SDK or the AWS CLI at it with --endpoint-url (or
    AWS_ENDPOINT_URL_S3VECTORS); any credentials will do.
    """


@main.command("serve")
@click.option(
    "--host",
    default=DEFAULT_HOST,
    show_default=True,
    help="Address to listen on. Whoever can reach it can read and change the data.",
)
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory that keeps the data, made when missing. Without it, all is in memory.",
)
def serve_command(host: str, port: int, data: Path | None) -> None:
    """Answer the S3 Vectors API over HTTP until stopped.

    \b
    Example:
      s3vectors-local serve --port 9100 --data ./data
      aws s3vectors list-vector-buckets --endpoint-url http://127.0.0.1:9100
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        bound = listen(host, port)
    except OSError as error:
        _stop(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port")
    try:
        engine = Engine(data)
    except DataDirectoryError as error:
        _stop(str(error))
    where = f"data in {data}" if data else "data in memory only"
    name = f"[{host}]" if ":" in host else host
    click.echo(f"s3vectors-local: http://{name}:{bound.getsockname()[1]}, {where}; Ctrl-C stops")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again at its end
    try:
        serve(engine, bound)
    except KeyboardInterrupt:
        pass  # uvicorn has answered what was under way and raises Ctrl-C again
    finally:
        engine.close()


def _stop(message: str) -> None:
    click.echo(f"s3vectors-local: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
