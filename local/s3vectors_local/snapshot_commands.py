"""`s3vectors-local export`, `import` and `reset`: what an engine holds, as files, and back."""

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

from .engine import Engine
from .errors import DataDirectoryError, PolicyError, ServiceError
from .exports import DamagedExportError
from .remote import RemoteEngine
from .snapshots import Call, Index, delete_all, list_indexes, make_bucket
from .storage import FILE

_INDEX: Final = re.compile(r"([a-z0-9][a-z0-9-]{1,61}[a-z0-9])/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_SUFFIXES: Final = (".jsonl", ".jsonl.gz")

F = TypeVar("F", bound=Callable[..., Any])


def _with_engine(command: F) -> F:
    """Options that say which engine is meant."""
    options = [
        click.option(
            "--data",
            type=click.Path(file_okay=False, path_type=Path),
            help="Directory of an engine that is not running.",
        ),
        click.option(
            "--endpoint-url",
            help="Endpoint of a running engine, such as http://127.0.0.1:9100.",
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
            help="Access key, where the engine verifies signatures, or an account's id as ID.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("export")
@click.argument("target", type=click.Path(allow_dash=True))
@click.option("--index", "name", metavar="BUCKET/INDEX", help="Only this index.")
@_with_engine
def export_command(target: str, name: str | None, **engine: Any) -> None:
    """Write all indexes below the directory TARGET, or one index to the file TARGET.

    JSON Lines, each with a checksum, as `stache-s3vectors export` writes them: vectors and
    metadata, and what the index needs to be made again. An index is BUCKET/INDEX.jsonl there. A
    file called ….gz is compressed; - is standard output. Tags, policies and encryption are not
    kept.

    \b
    Examples:
      s3vectors-local export --data ./data snapshot
      s3vectors-local export --endpoint-url http://127.0.0.1:9100 snapshot
      s3vectors-local export --data ./data --index my-bucket/notes notes.jsonl.gz
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with _reported(), _opened(**engine) as call:
        if name is not None:
            _export(_index(call, name), target)
            return
        directory = Path(target)
        if (
            target == "-"
            or directory.is_file()
            or (directory.exists() and any(directory.iterdir()))
        ):
            _stop(f"{target} is not a new or empty directory; name one, or add --index")
        found = list_indexes(call)
        for index in (index for indexes in found.values() for index in indexes):
            _index(call, index.name)  # what answers may not be an engine: names become paths
        if not all(map(_BUCKET.fullmatch, found)):
            _stop("the endpoint has a bucket whose name S3 Vectors does not allow")
        directory.mkdir(parents=True, exist_ok=True)
        for bucket, indexes in found.items():
            (directory / bucket).mkdir(exist_ok=True)
            for index in indexes:
                _export(index, str(directory / f"{index.name}.jsonl"))


def _export(index: Index, target: str) -> None:
    if target == "-":
        count = index.write_to(sys.stdout.buffer, compressed=False)
    else:
        count = _write(index, Path(target))
    _say(f"{index.name}: {count} vectors to {target}")


def _write(index: Index, file: Path) -> int:
    """Write a file that is whole, or not there; for its owner only, as the engine's are."""
    if file.exists():
        _stop(f"{file} exists; name another file")
    opened, name = mkstemp(prefix=f"{file.name}.", suffix=".partial", dir=file.parent)
    unfinished = Path(name)
    try:
        with open(opened, "wb") as written:  # noqa: PTH123 - it is open already
            count = index.write_to(written, compressed=file.suffix == ".gz")
        unfinished.replace(file)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return count


@click.command("import")
@click.argument("source", type=click.Path(allow_dash=True))
@click.option("--index", "name", metavar="BUCKET/INDEX", help="Store the file SOURCE here.")
@_with_engine
def import_command(source: str, name: str | None, **engine: Any) -> None:
    """Store the files below the directory SOURCE, or the file SOURCE in one index.

    Files that `export` or `stache-s3vectors export` wrote; - is standard input. Vector buckets and
    indexes that are missing are made. Vectors whose keys exist are replaced. Each line is checked
    before it is used: of a damaged file, nothing is stored from the bad line on.

    \b
    Examples:
      s3vectors-local import --data ./data snapshot
      s3vectors-local import --data ./data --index my-bucket/notes notes.jsonl.gz
    """  # noqa: D301 - \b keeps click from wrapping the examples
    with _reported():
        files = [(Path(source), name)] if name is not None else _files(Path(source))
        if source != "-" and not Path(source).exists():
            _stop(f"{source}: No such file or directory")
        with _opened(**engine, must_exist=False) as call:
            indexes = [(file, _index(call, index)) for file, index in files if index]
            for file, index in files:
                if not index:
                    make_bucket(call, file.name)
            for file, place in indexes:
                _import(place, str(file))


def _files(directory: Path) -> list[tuple[Path, str]]:
    """The files below a directory, each with its index; empty directories with none."""
    if not directory.is_dir():
        _stop(f"{directory} is not a directory; add --index BUCKET/INDEX for a file")
    found: dict[str, Path] = {}
    for file in sorted(directory.glob("*/*")):
        stem = _stem(file)
        if stem is None:
            continue
        name = f"{file.parent.name}/{stem}"
        if name in found:
            _stop(f"{found[name]} and {file} are for the same index; leave one")
        if _INDEX.fullmatch(name) is None:
            _stop(f"{file} is not BUCKET/INDEX{_SUFFIXES[0]}, two names that S3 Vectors allows")
        found[name] = file
    empty = [
        (each, "")
        for each in sorted(directory.iterdir())
        if each.is_dir() and _BUCKET.fullmatch(each.name) and not any(each.iterdir())
    ]
    if not found and not empty:
        _stop(f"{directory} has no files BUCKET/INDEX{_SUFFIXES[0]}")
    return [*empty, *((file, name) for name, file in found.items())]


def _stem(file: Path) -> str | None:
    return next((file.name.removesuffix(s) for s in _SUFFIXES if file.name.endswith(s)), None)


def _import(index: Index, source: str) -> None:
    stored = 0

    def count(more: int) -> None:
        nonlocal stored
        stored += more

    with ExitStack() as opened:
        file: BinaryIO = sys.stdin.buffer
        if source != "-":
            file = opened.enter_context(Path(source).open("rb"))
        try:
            index.read_from(file, count)  # type: ignore[arg-type]  # both are buffered
        except BaseException:
            _say(f"{index.name}: stopped after {stored} vectors from {source}")
            raise
    _say(f"{index.name}: {stored} vectors from {source}")


@click.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_with_engine
def reset_command(*, yes: bool, **engine: Any) -> None:
    """Delete all vector buckets and indexes of an account in a region.

    \b
    Example:
      s3vectors-local reset --endpoint-url http://127.0.0.1:9100 --yes
    """  # noqa: D301 - \b keeps click from wrapping the example
    with _reported(), _opened(**engine) as call:
        found = list_indexes(call)
        what = f"{len(found)} vector buckets with {sum(map(len, found.values()))} indexes"
        if found and not yes and not click.confirm(f"Delete {what}?", err=True):
            _stop("nothing was deleted")
        delete_all(call)
        _say(f"{what} deleted")


def _index(call: Call, name: str) -> Index:
    found = _INDEX.fullmatch(name)
    if found is None:
        _stop(f'"{name}" is not BUCKET/INDEX, two names that S3 Vectors allows')
    return Index(call, *found.groups())


@contextmanager
def _opened(
    *,
    data: Path | None,
    endpoint_url: str | None,
    region: str,
    access_key: str,
    must_exist: bool = True,
) -> Iterator[Call]:
    """The engine that the options name; a directory without one is only made for an import."""
    first = (
        access_key.split(maxsplit=1)[0] if access_key.split() else ""
    )  # the variable may have several
    key, colon, secret = first.partition(":")
    if (data is None) is (endpoint_url is None):
        _stop("name either --data or --endpoint-url")
    if not (key and colon and secret):
        _stop("--access-key does not have the form ID:SECRET")
    if endpoint_url is not None:
        with closing(RemoteEngine(endpoint_url, (key, secret), region)) as remote:
            yield remote.call
    elif data is not None:
        if must_exist and not (data / FILE).is_file():
            _stop(f"there is no {FILE} in {data}")
        with Engine(data) as engine:
            caller = engine.caller(key, region)
            # As it comes over HTTP
            yield lambda operation, request: engine.call(
                operation, orjson.loads(orjson.dumps(request)), caller
            )


@contextmanager
def _reported() -> Iterator[None]:
    """Errors are one line, and a status."""
    try:
        yield
    except (DataDirectoryError, DamagedExportError, PolicyError, ValueError) as error:
        _stop(str(error))
    except ServiceError as error:
        _stop(f"{error.code}: {error}")
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        _stop(f"{named}{error.strerror or error}")


def _say(message: str) -> None:
    click.echo(f"s3vectors-local: {message}", err=True)


def _stop(message: str) -> NoReturn:
    _say(message)
    sys.exit(2)
