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

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.descriptions import ENHANCED, IndexDescription
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.chunks import filters
from stache_ai_s3vectors.chunks.filters import Filter
from stache_ai_s3vectors.chunks.vectors import UnreadVector, encode_vector
from stache_ai_s3vectors.errors import (
    ConfigurationError,
    DamagedFileError,
    S3VectorsError,
    UnavailableError,
)
from stache_ai_s3vectors.operations import scan
from stache_ai_s3vectors.tool.exports import DamagedExportError, Reader, Writer, header
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import find_destination, open_readable_index
from stache_ai_s3vectors.tool.options import (
    get_index_names,
    parse_filter_option,
    resolve_options,
    with_settings,
)
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.transfers import Tally, check_fit, transfer

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings

_INDEX = click.option("--index", "name", help="Name of the index. [default: Stache's documents]")


def resolve_index_options(settings: Settings, name: str | None) -> Options:
    """Those for the index of that name, by default the documents."""
    options = resolve_options(settings)
    return replace(
        options, index_name=name or get_index_names(settings, options.dimension)["documents"]
    )


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
    _check_target(file, force=force)
    parts = [
        *filters.parse_filter(parse_filter_option(condition)),
        *filters.match_namespace(namespace),
    ]
    index = open_readable_index(settings, resolve_index_options(settings, name))
    partial = _name_partial(file, index.describe(), parts)
    if force:
        partial.unlink(missing_ok=True)
    with _open_partial(partial) as opened:
        count = _export_vectors(index, parts, opened, compressed=file.suffix == ".gz")
        partial.replace(file)  # while it is locked
    document = {"file": str(file), "index": index.options.index_name, "vectors": count}
    click.echo(json.dumps(document) if as_json else f"{file}: {count} vectors of {index.name}")


def _check_target(file: Path, *, force: bool) -> None:
    try:
        exists, regular = file.exists(), file.is_file()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error
    if not file.name or (exists and not regular):
        raise ConfigurationError(f"{str(file)!r} is no regular file; name one")
    if exists and not force:
        raise ConfigurationError(f"{file} exists; choose another name, or add --force")


def _open_partial(partial: Path) -> BufferedRandom:
    """The file, which no other process writes.

    Raises:
        ConfigurationError: it cannot be written.
        UnavailableError: another process does.
    """
    try:
        opened = partial.open("r+b" if partial.exists() else "w+b")
    except OSError as error:
        raise ConfigurationError(f"{partial} cannot be written: {error.strerror}") from error
    if _lock(opened) and partial.exists():
        return opened
    opened.close()
    raise UnavailableError(f"another export is writing {partial}; wait for it, or choose another")


def _lock(opened: BufferedRandom) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:  # pragma: no cover - Windows locks nothing here
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name_partial(file: Path, index: IndexDescription, parts: list[Filter]) -> Path:
    """The file's name until it is whole; another for another source."""
    source = json.dumps([index.arn, index.created, parts])
    tag = hashlib.sha256(source.encode()).hexdigest()[:8]
    return file.with_name(f"{file.name}.{tag}.partial")


def _export_vectors(
    index: VectorIndex, parts: list[Filter], file: BufferedRandom, *, compressed: bool
) -> int:
    with show_progress("finding the vectors") as advance:
        keys = sorted(_list_keys(index, parts, advance))
    written = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime).astimezone()
    with (
        report_on_stop(lambda: f"what is exported so far is in {file.name}"),
        _naming(file.name),
    ):
        description = index.describe()
        head = header(description.dimension, description.metric, description.non_filterable)
        writer = Writer(file, compressed=compressed, head=head, keys=keys)
        left = keys[writer.count :]
        if writer.count:
            since = written.isoformat(" ", "seconds")
            click.echo(f"Going on after {writer.count} vectors, exported by {since}.", err=True)
        with show_progress("exporting", len(left)) as advance:
            for record in index.get(left, data=True):
                writer.add(record.key, record.metadata, encode_vector(record.vector))
                advance(1)
        writer.finish()
    return writer.count


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = S3VectorsError(f"{name} cannot be written: {error.strerror}")
        full.remedy = "make room"
        raise full from error


def _list_keys(index: VectorIndex, parts: list[Filter], advance: Any) -> Iterator[str]:
    if parts:
        yield from (key for key, _ in scan.scan_rows(index, parts, advance))
        return
    for page in index.list_pages(metadata=False):
        yield from (key for key, _ in page.rows)
        advance(len(page.rows))


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
    tally = Tally()
    with file.open("rb") as opened, _translating_damage():
        reader = Reader(opened)
        source = _parse_description(reader.head)
        # Where a missing index is made, it is made for what comes
        place = find_destination(
            replace(resolve_index_options(settings, name), dimension=source.dimension),
            source.metric,
        )
        check_fit(source, place.description, place.name)
        index = place.create()
        with (
            report_on_stop(lambda: f"{tally.written} vectors are imported"),
            show_progress("importing") as advance,
        ):
            transfer(_read_records(reader), index, tally, advance)
    document = {"file": str(file), "index": index.options.index_name}
    counts = {"written": tally.written, "unchanged": tally.unchanged}
    click.echo(json.dumps({**document, **counts}) if as_json else f"{index.name}: {tally}")


def _parse_description(head: dict[str, Any]) -> IndexDescription:
    """What the index was that the vectors come from."""
    return IndexDescription(
        arn="",
        dimension=head["dimension"],
        metric=head["distanceMetric"],
        non_filterable=frozenset(head["nonFilterableMetadataKeys"]),
        mode=ENHANCED,
        text_searches={},
    )


def _read_records(reader: Reader) -> Iterator[Record]:
    with _translating_damage():
        for vector in reader.vectors():
            yield Record(vector.key, UnreadVector(vector.numbers), vector.metadata)


@contextmanager
def _translating_damage() -> Iterator[None]:
    """Around the reading of a file: damage is an error of ours."""
    try:
        yield
    except DamagedExportError as error:
        damaged = DamagedFileError(str(error))
        damaged.remedy = error.remedy
        raise damaged from error
