"""`stache-s3vectors export` and `import`: an index as a file, and back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stache_ai_s3vectors.errors import (
    ConfigurationError,
    DamagedFileError,
    S3VectorsError,
    UnavailableError,
)
from stache_ai_s3vectors.tool.failures import resumable
from stache_ai_s3vectors.tool.options import filter_option, with_settings
from stache_ai_s3vectors.tool.places import destination, names_of, readable_index
from stache_ai_s3vectors.tool.progress import progress

if TYPE_CHECKING:
    from stache_ai_s3vectors.aws.batches import Record
    from stache_ai_s3vectors.aws.descriptions import Description
    from stache_ai_s3vectors.aws.vector_index import VectorIndex
    from stache_ai_s3vectors.chunks.filters import Filter
    from stache_ai_s3vectors.settings import Options, Settings
    from stache_ai_s3vectors.tool.exports import Reader

_INDEX = click.option("--index", "name", help="Name of the index. [default: Stache's documents]")


def options_of(settings: Settings, name: str | None) -> Options:
    """Those for the index of that name, by default the documents."""
    from stache_ai_s3vectors.settings import resolve

    options = resolve(settings)
    return replace(options, index=name or names_of(settings, options.dimension)["documents"])


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@_INDEX
@click.option("--namespace", help="Only of this namespace; ns/* is ns and all below it.")
@click.option("--filter", "condition", help='Only what passes, such as \'{"doc_id": "a"}\'.')
@click.option("--force", is_flag=True, help="Replace FILE when it exists, and begin anew.")
@with_settings
def export_command(  # noqa: PLR0913 - one for each option
    settings: Settings,
    *,
    file: Path,
    name: str | None,
    namespace: str | None,
    condition: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write an index to FILE, as JSON Lines; compressed when it is called ….gz.

    Vectors, texts and metadata exactly as they are stored, in the order of their keys, each
    line with a checksum. An export that was interrupted goes on when it is called again (but
    not with --force); what changes in the index meanwhile may or may not be in it. The keys are
    held in memory, about 150 bytes each.

    \b
    Example:
      stache-s3vectors export backup.jsonl.gz --bucket my-bucket --index documents-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.chunks import filters

    _check_target(file, force=force)
    parts = [*filters.conditions(filter_option(condition)), *filters.in_namespace(namespace)]
    index = readable_index(settings, options_of(settings, name))
    partial = _partial(file, index.describe(), parts)
    if force:
        partial.unlink(missing_ok=True)
    with _opened(partial) as opened:
        count = _export(index, parts, opened, compressed=file.suffix == ".gz")
        partial.replace(file)  # while it is locked
    told = {"file": str(file), "index": index.options.index, "vectors": count}
    click.echo(json.dumps(told) if as_json else f"{file}: {count} vectors of {index.name}")


def _check_target(file: Path, *, force: bool) -> None:
    try:
        there, regular = file.exists(), file.is_file()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error
    if not file.name or (there and not regular):
        raise ConfigurationError(f"{str(file)!r} is no regular file; name one")
    if there and not force:
        raise ConfigurationError(f"{file} exists; choose another name, or add --force")


def _opened(partial: Path) -> BufferedRandom:
    """The file, which no other process writes.

    Raises:
        ConfigurationError: it cannot be written.
        UnavailableError: another process does.
    """
    try:
        opened = partial.open("r+b" if partial.exists() else "w+b")
    except OSError as error:
        raise ConfigurationError(f"{partial} cannot be written: {error.strerror}") from error
    if _is_locked(opened) and partial.exists():
        return opened
    opened.close()
    raise UnavailableError(f"another export is writing {partial}; wait for it, or choose another")


def _is_locked(opened: BufferedRandom) -> bool:
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows locks nothing here
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _partial(file: Path, index: Description, parts: list[Filter]) -> Path:
    """The file's name until it is whole; another for another source."""
    source = json.dumps([index.arn, index.created, parts])
    tag = hashlib.sha256(source.encode()).hexdigest()[:8]
    return file.with_name(f"{file.name}.{tag}.partial")


def _export(
    index: VectorIndex, parts: list[Filter], file: BufferedRandom, *, compressed: bool
) -> int:
    from stache_ai_s3vectors.aws.bodies import dumps
    from stache_ai_s3vectors.tool.exports import Writer, header

    with progress("finding the vectors") as found:
        keys = sorted(_keys(index, parts, found))
    written = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime).astimezone()
    with resumable(lambda: f"what is exported so far is in {file.name}"), _room(file.name):
        told = index.describe()
        head = header(told.dimension, told.metric, told.non_filterable)
        writer = Writer(file, compressed=compressed, head=head, keys=keys)
        left = keys[writer.count :]
        if writer.count:
            since = written.isoformat(" ", "seconds")
            click.echo(f"Going on after {writer.count} vectors, exported by {since}.", err=True)
        with progress("exporting", len(left)) as done:
            for record in index.get(left, data=True):
                writer.add(record.key, record.metadata, dumps(record.vector))
                done(1)
        writer.finish()
    return writer.count


@contextmanager
def _room(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = S3VectorsError(f"{name} cannot be written: {error.strerror}")
        full.remedy = "make room"
        raise full from error


def _keys(index: VectorIndex, parts: list[Filter], found: Any) -> Iterator[str]:
    from stache_ai_s3vectors.operations import scan

    if parts:
        yield from (key for key, _ in scan.rows(index, parts, found))
        return
    for page in index.pages(metadata=False):
        yield from (key for key, _ in page.rows)
        found(len(page.rows))


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_INDEX
@with_settings
def import_command(settings: Settings, *, file: Path, name: str | None, as_json: bool) -> None:
    """Store the vectors of FILE, which `export` wrote.

    Vectors whose keys exist are replaced; those that are in the index exactly so are left
    alone, so an import that was interrupted goes on when it is called again. Each line is
    checked before it is used: of a damaged file, nothing is imported from the bad line on.

    \b
    Example:
      stache-s3vectors import backup.jsonl.gz --bucket my-bucket --index documents-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.tool.exports import Reader
    from stache_ai_s3vectors.tool.transfers import Tally, check_fit, transfer

    tally = Tally()
    with file.open("rb") as opened, _undamaged():
        reader = Reader(opened)
        source = _description(reader.head)
        # Where a missing index is made, it is made for what comes
        place = destination(
            replace(options_of(settings, name), dimension=source.dimension), source.metric
        )
        check_fit(source, place.told, place.name)
        index = place.made()
        with resumable(lambda: f"{tally.written} vectors are imported"), progress("importing") as d:
            transfer(_records(reader), index, tally, d)
    told = {"file": str(file), "index": index.options.index}
    counts = {"written": tally.written, "unchanged": tally.same}
    click.echo(json.dumps({**told, **counts}) if as_json else f"{index.name}: {tally}")


def _description(head: dict[str, Any]) -> Description:
    """What the index was that the vectors come from."""
    from stache_ai_s3vectors.aws.descriptions import ENHANCED, Description

    return Description(
        arn="",
        dimension=head["dimension"],
        metric=head["distanceMetric"],
        non_filterable=frozenset(head["nonFilterableMetadataKeys"]),
        mode=ENHANCED,
        text_searches={},
    )


def _records(reader: Reader) -> Iterator[Record]:
    from stache_ai_s3vectors.aws.batches import Record
    from stache_ai_s3vectors.aws.bodies import Unread

    with _undamaged():
        for vector in reader.vectors():
            yield Record(vector.key, Unread(vector.numbers), vector.metadata)


@contextmanager
def _undamaged() -> Iterator[None]:
    """Around the reading of a file: damage is an error of ours."""
    from stache_ai_s3vectors.tool.exports import DamagedExportError

    try:
        yield
    except DamagedExportError as error:
        damaged = DamagedFileError(str(error))
        damaged.remedy = error.remedy
        raise damaged from error
