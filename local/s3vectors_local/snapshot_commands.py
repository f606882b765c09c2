"""The commands `export`, `import` and `reset`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any, BinaryIO, Final, NoReturn, TypeVar

import click
import orjson

from .arns import BUCKET_NAME, INDEX_NAME
from .engine import Engine
from .errors import DataDirectoryError, PolicyError, ServiceError
from .exports import DamagedExportError, Reader
from .remote import RemoteEngine
from .snapshots import Call, SnapshotIndex, delete_all, ensure_bucket, list_indexes

_INDEX: Final = re.compile(f"({BUCKET_NAME.pattern})/({INDEX_NAME.pattern})")
_SUFFIXES: Final = (".jsonl", ".jsonl.gz")

F = TypeVar("F", bound=Callable[..., Any])


def _add_engine_options(command: F) -> F:
    """Add the options that choose the engine."""
    options = [
        click.option(
            "--data",
            type=click.Path(file_okay=False, path_type=Path),
            help="Data directory; no running engine may use it.",
        ),
        click.option(
            "--endpoint-url",
            help="Endpoint of a running engine, for example http://127.0.0.1:9100.",
        ),
        click.option(
            "--region",
            default="us-east-1",
            show_default=True,
            envvar="AWS_DEFAULT_REGION",
            help="Region of the vector buckets.",
        ),
        click.option(
            "--access-key",
            metavar="ID:SECRET",
            default="any:any",
            envvar="S3VECTORS_LOCAL_ACCESS_KEY",
            help="Access key, if the engine verifies signatures; or an account id as ID.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("export")
@click.argument("target", type=click.Path(allow_dash=True))
@click.option("--index", "name", metavar="BUCKET/INDEX", help="Export only this index.")
@_add_engine_options
def export_command(target: str, name: str | None, **engine: Any) -> None:
    """Export all indexes to the directory TARGET, or one index to the file TARGET.

    An index is a file BUCKET/INDEX.jsonl: JSON Lines with checksums, like those of
    `stache-s3vectors export`. It has the configuration of the index, the vectors and their
    metadata, but no tags, policies or encryption. If TARGET ends with .gz, it is compressed;
    - is standard output.

    \b
    Examples:
      s3vectors-local export --data ./data snapshot
      s3vectors-local export --endpoint-url http://127.0.0.1:9100 snapshot
      s3vectors-local export --data ./data --index my-bucket/notes notes.jsonl.gz
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with _report_errors(), _open_engine(**engine) as call:
        if name is not None:
            _export(_parse_index(call, name), target)
            return
        directory = Path(target)
        if (
            target == "-"
            or directory.is_file()
            or (directory.exists() and any(directory.iterdir()))
        ):
            _stop(f"{target} is not a new or empty directory; name one, or add --index")
        indexes_by_bucket = list_indexes(call)
        for index in (index for indexes in indexes_by_bucket.values() for index in indexes):
            _parse_index(call, index.name)  # names become paths, and an endpoint is not trusted
        if not all(map(BUCKET_NAME.fullmatch, indexes_by_bucket)):
            _stop("the endpoint has a bucket with a name that S3 Vectors does not allow")
        directory.mkdir(parents=True, exist_ok=True)
        for bucket, indexes in indexes_by_bucket.items():
            (directory / bucket).mkdir(exist_ok=True)
            for index in indexes:
                _export(index, str(directory / f"{index.name}.jsonl"))


def _export(index: SnapshotIndex, target: str) -> None:
    if target == "-":
        count = index.write_to(sys.stdout.buffer, compressed=False)
    else:
        count = _write_file(index, Path(target))
    _print(f"{index.name}: {count} vectors to {target}")


def _write_file(index: SnapshotIndex, file: Path) -> int:
    """Write a complete file or none; only its owner may read it."""
    if file.exists():
        _stop(f"{file} exists; name another file")
    descriptor, name = mkstemp(prefix=f"{file.name}.", suffix=".partial", dir=file.parent)
    unfinished = Path(name)
    try:
        with open(descriptor, "wb") as partial:  # noqa: PTH123 - it is already open
            count = index.write_to(partial, compressed=file.suffix == ".gz")
        unfinished.replace(file)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return count


@click.command("import")
@click.argument("source", type=click.Path(allow_dash=True))
@click.option(
    "--index", "name", metavar="BUCKET/INDEX", help="Import the file SOURCE into this index."
)
@_add_engine_options
def import_command(source: str, name: str | None, **engine: Any) -> None:
    """Import the files in the directory SOURCE, or the file SOURCE into one index.

    Imports files of `export` and of `stache-s3vectors export`; - is standard input. Missing vector
    buckets and indexes are created. Vectors with the same keys are replaced. Each line is verified
    first: at a damaged line, the import stops.

    \b
    Examples:
      s3vectors-local import --data ./data snapshot
      s3vectors-local import --data ./data --index my-bucket/notes notes.jsonl.gz
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with _report_errors():
        files = [(Path(source), name)] if name is not None else _find_files(Path(source))
        if source != "-" and not Path(source).exists():
            _stop(f"{source}: No such file or directory")
        with _open_engine(**engine, create=True) as call:
            indexes = [(file, _parse_index(call, index)) for file, index in files if index]
            for file, index in files:
                if not index:
                    ensure_bucket(call, file.name)
            for file, snapshot in indexes:
                _import(snapshot, str(file))


def _find_files(directory: Path) -> list[tuple[Path, str]]:
    """Find the files in a directory, each with its index; empty directories without one."""
    if not directory.is_dir():
        _stop(f"{directory} is not a directory; add --index BUCKET/INDEX for a file")
    files: dict[str, Path] = {}
    for file in sorted(directory.glob("*/*")):
        stem = _strip_suffix(file)
        if stem is None:
            continue
        name = f"{file.parent.name}/{stem}"
        if name in files:
            _stop(f"{files[name]} and {file} are for the same index; remove one")
        if _INDEX.fullmatch(name) is None:
            _stop(f"{file} is not BUCKET/INDEX{_SUFFIXES[0]} with names that S3 Vectors allows")
        files[name] = file
    empty = [
        (each, "")
        for each in sorted(directory.iterdir())
        if each.is_dir() and BUCKET_NAME.fullmatch(each.name) and not any(each.iterdir())
    ]
    if not files and not empty:
        _stop(f"{directory} has no files BUCKET/INDEX{_SUFFIXES[0]}")
    return [*empty, *((file, name) for name, file in files.items())]


def _strip_suffix(file: Path) -> str | None:
    return next((file.name.removesuffix(s) for s in _SUFFIXES if file.name.endswith(s)), None)


def _import(index: SnapshotIndex, source: str) -> None:
    stored = 0
    with ExitStack() as opened:
        file: BinaryIO = sys.stdin.buffer
        if source != "-":
            file = opened.enter_context(Path(source).open("rb"))
        try:
            for count in index.read_steps(Reader(file)):
                stored += count
        except BaseException:
            _print(f"{index.name}: stopped after {stored} vectors from {source}")
            raise
    _print(f"{index.name}: {stored} vectors from {source}")


@click.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@_add_engine_options
def reset_command(*, yes: bool, **engine: Any) -> None:
    """Delete all vector buckets and indexes of an account in a region.

    \b
    Example:
      s3vectors-local reset --endpoint-url http://127.0.0.1:9100 --yes
    """  # noqa: D301 - \b keeps click from wrapping the example
    with _report_errors(), _open_engine(**engine) as call:
        indexes = list_indexes(call)
        summary = f"{len(indexes)} vector buckets with {sum(map(len, indexes.values()))} indexes"
        if indexes and not yes and not click.confirm(f"Delete {summary}?", err=True):
            _stop("nothing was deleted")
        delete_all(call)
        _print(f"{summary} deleted")


def _parse_index(call: Call, name: str) -> SnapshotIndex:
    match = _INDEX.fullmatch(name)
    if match is None:
        _stop(f'"{name}" is not BUCKET/INDEX with names that S3 Vectors allows')
    return SnapshotIndex(call, *match.groups())


@contextmanager
def _open_engine(
    *,
    data: Path | None,
    endpoint_url: str | None,
    region: str,
    access_key: str,
    create: bool = False,
) -> Iterator[Call]:
    """Open the engine of the options.

    Args:
        create: whether to create a missing data directory.
    """
    keys = access_key.split()  # the environment variable may have several
    first = keys[0] if keys else ""
    key, colon, secret = first.partition(":")
    if (data is None) is (endpoint_url is None):
        _stop("name either --data or --endpoint-url")
    if not (key and colon and secret):
        _stop("--access-key does not have the form ID:SECRET")
    if endpoint_url is not None:
        with closing(RemoteEngine(endpoint_url, (key, secret), region)) as remote:
            yield remote.call
    elif data is not None:
        with Engine(data, create=create) as engine:
            caller = engine.caller(key, region)
            # The same types as over HTTP
            yield lambda operation, request: engine.call(
                operation, orjson.loads(orjson.dumps(request)), caller
            )


@contextmanager
def _report_errors() -> Iterator[None]:
    """Print an error in one line and exit."""
    try:
        yield
    except (DataDirectoryError, DamagedExportError, PolicyError, ValueError) as error:
        _stop(str(error))
    except ServiceError as error:
        _stop(f"{error.code}: {error}")
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        _stop(f"{file}{error.strerror or error}")


def _print(message: str) -> None:
    click.echo(f"s3vectors-local: {message}", err=True)


def _stop(message: str) -> NoReturn:
    _print(message)
    sys.exit(2)
