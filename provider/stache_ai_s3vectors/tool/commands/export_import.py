"""`stache-s3vectors export` and `import`: an index as a file or a stream, and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.parallel import call_in_parallel
from stache_ai_s3vectors.aws.vector_index import Progress, Row, VectorIndex
from stache_ai_s3vectors.chunks.filters import Filter
from stache_ai_s3vectors.chunks.vectors import UnreadVector, encode_vector
from stache_ai_s3vectors.errors import DamagedFileError
from stache_ai_s3vectors.operations import scan
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.tool.export_files import (
    check_target,
    explain_write_errors,
    get_written_time,
    open_partial,
)
from stache_ai_s3vectors.tool.exports import DamagedExportError, Reader, Writer, build_header
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import find_destination, open_readable_index
from stache_ai_s3vectors.tool.key_files import KeyFile
from stache_ai_s3vectors.tool.options import with_settings
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.selection import (
    filter_option,
    index_option,
    namespace_option,
    parse_conditions,
    resolve_index_options,
)
from stache_ai_s3vectors.tool.transfers import Tally, check_fit, transfer

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings

_STREAM: Final = Path("-")


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@index_option
@namespace_option
@filter_option
@click.option("--force", is_flag=True, help="Replace FILE if it exists, and start over.")
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
    """Write an index to FILE, as JSON Lines; compressed if its name ends with .gz.

    The file has vectors, texts and metadata exactly as they are stored, in the order of their keys,
    and a checksum in each line. To resume an export that was interrupted, run the same command
    again, without --force. The file may or may not include changes made meanwhile.

    FILE - is standard output, for a pipe to other programs; such an export cannot be resumed.

    \b
    Examples:
      stache-s3vectors export backup.jsonl.gz --bucket my-bucket --index documents-1024
      stache-s3vectors export - --bucket my-bucket | zstd > backup.jsonl.zst
    """  # noqa: D301 - \b keeps click from wrapping the example
    is_stream = file == _STREAM
    if not is_stream:
        check_target(file, force=force)
    parts = parse_conditions(namespace, condition)
    index = open_readable_index(settings, resolve_index_options(settings, name))
    if is_stream:
        count = _export_to_stream(index, parts)
    else:
        count = _export_to_file(index, parts, file, force=force)
    document = {"file": str(file), "index": index.options.index_name, "vectors": count}
    shown = "standard output" if is_stream else file
    report = json.dumps(document) if as_json else f"{shown}: {count} vectors of {index.name}"
    click.echo(report, err=is_stream)


def _export_to_stream(index: VectorIndex, parts: list[Filter]) -> int:
    name, stream = "standard output", sys.stdout.buffer
    writer: Writer | None = None

    def describe() -> str:
        return f"{writer.count if writer else 0} vectors went to {name}"

    with (
        report_on_stop(describe, "Only an export to a file can be resumed."),
        explain_write_errors(name),
    ):
        keys = _list_keys(index, parts)
        writer = Writer(stream, compressed=False, head=_make_header(index))
        _write_vectors(index, keys, writer)
    return writer.count


def _export_to_file(index: VectorIndex, parts: list[Filter], file: Path, *, force: bool) -> int:
    description = index.describe()
    source = [description.arn, description.created, parts]
    with open_partial(file, source, force=force) as opened:
        name = Path(opened.name).name
        with (
            report_on_stop(lambda: f"what is exported so far is in {name}"),
            explain_write_errors(name),
        ):
            keys = _list_keys(index, parts)
            writer = _resume(index, keys, opened, compressed=file.suffix == ".gz")
            _write_vectors(index, keys, writer)
    return writer.count


def _list_keys(index: VectorIndex, parts: list[Filter]) -> KeyFile:
    keys = KeyFile()
    with show_progress(f"listing {index.options.index_name}") as advance:
        for rows in _list_rows(index, parts, advance):
            keys.add(key for key, _ in rows)
    return keys


def _list_rows(
    index: VectorIndex, parts: list[Filter], advance: Progress
) -> Iterator[Sequence[Row]]:
    if parts:
        yield from (page.rows for page in scan.scan_pages(index, parts, advance))
        return
    for page in index.list_pages(metadata=False):
        advance(len(page.rows))
        yield page.rows


def _resume(
    index: VectorIndex, keys: KeyFile, opened: BufferedRandom, *, compressed: bool
) -> Writer:
    """Keep what the partial file already has, and return a writer for the rest."""
    written = get_written_time(opened)
    with show_progress("reading the partial export", len(keys)) as advance:
        expected = _follow(keys, advance)
        writer = Writer(opened, compressed=compressed, head=_make_header(index), keys=expected)
    if writer.count:
        since = written.isoformat(" ", "seconds")
        click.echo(f"Resuming after {writer.count} vectors, exported by {since}.", err=True)
    return writer


def _follow(keys: KeyFile, advance: Progress) -> Iterator[str]:
    for key in keys:
        yield key
        advance(1)


def _make_header(index: VectorIndex) -> dict[str, Any]:
    description = index.describe()
    return build_header(description.dimension, description.metric, description.non_filterable)


def _write_vectors(index: VectorIndex, keys: KeyFile, writer: Writer) -> None:
    """Read those that are not written yet, several requests at a time, and write them."""
    batches = keys.batches(limits.GET_BATCH, writer.count)
    calls = call_in_parallel(lambda batch: list(index.get(batch, data=True)), batches)
    with show_progress("exporting", len(keys) - writer.count) as advance, closing(calls):
        for batch, call in calls:
            for record in call.result():
                writer.add(record.key, record.metadata, encode_vector(record.vector))
            advance(len(batch))
    writer.finish()


@click.command("import")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@index_option
@with_settings
def import_command(settings: Settings, *, file: Path, name: str | None, as_json: bool) -> None:
    """Store the vectors of FILE, which `export` wrote.

    Vectors with the same keys are replaced, unless they are equal. To resume an import that was
    interrupted, run the same command again. Each line is checked before it is used: nothing is
    imported from a damaged line onward.

    FILE - is standard input, compressed by gzip or not.

    \b
    Examples:
      stache-s3vectors import backup.jsonl.gz --bucket my-bucket --index documents-1024
      zstd -dc backup.jsonl.zst | stache-s3vectors import - --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    tally = Tally()
    with _open_export(file) as opened, _translating_damage():
        reader = Reader(opened, "standard input" if file == _STREAM else file.name)
        source = _parse_description(reader.head)
        # A missing index is created with the dimension and the metric of the export
        place = find_destination(
            replace(resolve_index_options(settings, name), dimension=source.dimension),
            source.metric,
        )
        check_fit(source, place.description, place.name)
        index = place.create()
        title, share = f"importing into {index.options.index_name}", _get_share(file, opened)
        with report_on_stop(lambda: str(tally)), show_progress(title, share=share) as advance:
            transfer(_read_records(reader), index, tally, advance)
    document = {"file": str(file), "index": index.options.index_name}
    counts = {"written": tally.written, "unchanged": tally.unchanged}
    click.echo(json.dumps({**document, **counts}) if as_json else f"{index.name}: {tally}")


def _open_export(file: Path) -> AbstractContextManager[BinaryIO]:
    if file != _STREAM:
        return file.open("rb")
    if sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; pipe an export into it")
    return nullcontext(sys.stdin.buffer)


def _get_share(file: Path, opened: BinaryIO) -> Callable[[], float] | None:
    """Returns how much of a file is read; None for a stream, whose length is not known."""
    if file == _STREAM or not file.is_file():
        return None
    size = file.stat().st_size
    return lambda: opened.tell() / size


def _parse_description(head: dict[str, Any]) -> IndexDescription:
    """The description of the index that the vectors come from."""
    description = IndexDescription.from_dimension(head["dimension"], head["distanceMetric"])
    return replace(description, non_filterable=frozenset(head["nonFilterableMetadataKeys"]))


def _read_records(reader: Reader) -> Iterator[Record]:
    with _translating_damage():
        for vector in reader.vectors():
            yield Record(vector.key, UnreadVector(vector.numbers), vector.metadata)


@contextmanager
def _translating_damage() -> Iterator[None]:
    """Turn the error about a damaged file into ours."""
    try:
        yield
    except DamagedExportError as error:
        damaged = DamagedFileError(str(error))
        damaged.remedy = error.remedy
        raise damaged from error
