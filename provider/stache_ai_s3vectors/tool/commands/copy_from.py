"""`stache-s3vectors copy-from`: copy from another vector database that Stache supports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.chunks.arguments import check_ids
from stache_ai_s3vectors.chunks.records import remove_empty_namespace, to_metadata
from stache_ai_s3vectors.chunks.vectors import check_vector
from stache_ai_s3vectors.errors import ConfigurationError, InvalidInputError, S3VectorsError
from stache_ai_s3vectors.service.metadata_keys import TEXT
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import Destination, find_destination
from stache_ai_s3vectors.tool.migration import classify
from stache_ai_s3vectors.tool.options import (
    Choice,
    get_index_names,
    resolve_options,
    with_settings,
)
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.transfers import Tally, check_fit, compare
from stache_ai_s3vectors.tool.verified_transfer import (
    Verification,
    describe_result,
    fail_for_left_out,
    format_first_keys,
    print_result,
    run_transfer,
)

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Settings
    from stache_ai_s3vectors.tool.embedding import Embedder
    from stache_ai_s3vectors.tool.provider_source import ProviderSource, SourceChunk

_METRICS: Final = ("cosine", "euclidean")
"""The metrics that S3 Vectors supports."""


@dataclass
class Part:
    """The chunks that go into one index.

    Args:
        source: the provider that they come from.
        ids: their ids, as the source has them, by kind.
        destination: the index that they go into.
        embedder: makes their vectors; None if the source's are taken.
        tally: the counts of what was done with them.
        moved: metadata keys that are too large to filter on in some of them.
    """

    source: ProviderSource
    destination: Destination
    embedder: Embedder | None
    ids: dict[str, list[Any]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    moved: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """The number of chunks."""
        return sum(map(len, self.ids.values()))

    def list_records(self) -> Iterator[Record]:
        """The records to store; chunks that cannot be stored are noted."""
        read = self.source.read if self.embedder is None else self.source.read_texts
        for kind, ids in self.ids.items():
            for chunk in read(ids):
                try:
                    record = self._convert(chunk)
                except InvalidInputError as error:
                    self.tally.left_out.add([chunk.key], str(error))
                    continue
                if classify(record) != kind:
                    raise S3VectorsError(
                        f"provider {self.source.name!r} lists {chunk.key!r} among the {kind}, and "
                        "returns it as another _type; run the command again"
                    )
                yield record

    def _convert(self, chunk: SourceChunk) -> Record:
        """The record of a chunk, as `insert` would make it.

        Raises:
            InvalidInputError: the index cannot hold it.
        """
        description = self.destination.description
        check_ids([chunk.key])
        if chunk.metadata is None:
            raise InvalidInputError(f"{self.source.name} does not return its text")
        text = chunk.metadata.get(TEXT)
        stored = to_metadata(
            "" if text is None else text,
            remove_empty_namespace(chunk.metadata),
            None,
            description.non_filterable,
        )
        self.moved.update(stored.moved)
        if self.embedder is not None:
            return Record(chunk.key, [], stored.metadata)
        vector = check_vector(chunk.vector, description.dimension, description.metric)
        return Record(chunk.key, vector, stored.metadata)


@click.command("copy-from")
@click.argument("provider")
@click.option(
    "--metric",
    type=Choice(_METRICS),
    help="Distance metric of PROVIDER. [default: as it reports]",
)
@click.option("--reembed", is_flag=True, help="Embed the texts again, with Stache's embedder.")
@click.option(
    "--replace",
    "replacing",
    is_flag=True,
    help="Replace vectors that have the key of a chunk but different content.",
)
@with_settings
def copy_from_command(  # noqa: PLR0913 - one for each option
    settings: Settings,
    *,
    provider: str,
    metric: str | None,
    reembed: bool,
    replacing: bool,
    as_json: bool,
) -> None:
    """Copy all chunks of another vector database to Stache's indexes, and compare.

    PROVIDER is one of Stache's vector providers, installed and configured with its own settings,
    for example qdrant with QDRANT_URL. Ids, vectors, texts, namespaces, statuses and metadata stay
    the same. Summaries and insights are copied to their own indexes. The source does not change.

    Everything is read and checked before anything is written. Equal vectors are not written
    again, so the same command completes a copy that was interrupted.
    With --json: `provider`, `notes`, `notFilterable`, and `indexes` as `copy` describes them.

    \b
    Examples:
      stache-s3vectors copy-from qdrant --bucket my-bucket
      stache-s3vectors copy-from qdrant --reembed --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    # Stache reads its settings when it is imported
    from stache_ai_s3vectors.tool.embedding import Embedder  # noqa: PLC0415 - see above
    from stache_ai_s3vectors.tool.provider_source import ProviderSource  # noqa: PLC0415 - see above

    source = ProviderSource(provider, settings)
    embedder = Embedder(settings) if reembed else None
    with report_on_stop(lambda: "nothing was written", ""):
        parts = _plan(source, settings, metric, embedder)
        for part in parts:
            _check(part, replacing=replacing)
    results: list[tuple[Part, VectorIndex, Verification]] = []
    with report_on_stop(lambda: ", ".join(_describe_progress(part) for part in parts)):
        indexes = [part.destination.create() for part in parts]
        for part, index in zip(parts, indexes, strict=True):
            verification = run_transfer(
                part.list_records, part.total, index, part.tally, _embed(part), replace=replacing
            )
            results.append((part, index, verification))
    _print(source, results, as_json=as_json)


def _describe_progress(part: Part) -> str:
    return f"{part.destination.options.index_name}: {part.tally}"


def _plan(
    source: ProviderSource, settings: Settings, metric: str | None, embedder: Embedder | None
) -> list[Part]:
    """Plan which chunks go into which index. Each index exists or can be created, and fits.

    Raises:
        ConfigurationError: an index does not fit.
    """
    with show_progress(f"listing {source.name}"):
        ids = source.list_ids()
    if embedder is None:
        metric = metric or _find_metric(source)
        dimension = _find_dimension(source, ids)
    else:
        dimension = embedder.dimension
    names = get_index_names(settings, dimension)
    options = replace(resolve_options(settings), dimension=dimension)
    parts: dict[str, Part] = {}
    for kind, listed in ids.items():
        destination = find_destination(replace(options, index_name=names[kind]), metric or "cosine")
        _check_fit(source, destination, dimension, metric)
        part = parts.setdefault(names[kind], Part(source, destination, embedder))
        part.ids[kind] = listed
    return [*parts.values()]


def _find_metric(source: ProviderSource) -> str:
    metric = source.find_metric()
    if metric in _METRICS:
        return metric
    reported = "does not report its metric" if metric is None else f"uses the metric {metric}"
    raise ConfigurationError(
        f"provider {source.name!r} {reported}. S3 Vectors supports cosine and euclidean. If one of "
        "them ranks in the same order (cosine does for dot products of vectors of length 1), set "
        "it: --metric cosine"
    )


def _find_dimension(source: ProviderSource, ids: dict[str, list[Any]]) -> int:
    """The dimensions of the first vector; others are checked one by one."""
    first = next(iter(ids.values()))[:1]
    chunk = next(source.read(first))
    try:
        return len(chunk.vector)
    except TypeError as error:
        raise ConfigurationError(
            f"provider {source.name!r} returns {chunk.vector!r:.40} as the vector of "
            f"{chunk.key!r}; add --reembed to embed the texts again"
        ) from error


def _check_fit(
    source: ProviderSource, destination: Destination, dimension: int, metric: str | None
) -> None:
    description = destination.description
    if dimension != description.dimension:
        raise ConfigurationError(
            f"the vectors have {dimension} dimensions, index {destination.name} has "
            f"{description.dimension}; use an index of {dimension}: set EMBEDDING_DIMENSION and "
            f"the index's setting, or add --reembed with an embedder of {description.dimension} "
            f"dimensions, to embed the texts of {source.name!r} again"
        )
    new = IndexDescription.from_dimension(dimension, metric or description.metric)
    check_fit(new, description, destination.name)


def _check(part: Part, *, replacing: bool) -> None:
    """Read everything once, and compare with what is there; nothing is written.

    Raises:
        S3VectorsError: a vector has the key of a chunk but different content.
    """
    if not part.destination.exists:
        with show_progress(f"checking {part.source.name}", part.total) as advance:
            for _ in part.list_records():
                advance(1)
        return
    index = part.destination.create()
    if part.embedder is not None:
        part.embedder.check_model(index)
    with show_progress(f"checking {part.source.name}", part.total) as advance:
        comparison = compare(part.list_records(), index, advance, data=part.embedder is None)
    if comparison.different and not replacing:
        conflict = S3VectorsError(
            f"{len(comparison.different)} vectors of {index.name} have the key of a chunk of "
            f"{part.source.name!r} but different content, and may be newer: "
            f"{format_first_keys(comparison.different)}"
        )
        conflict.remedy = "--replace replaces them; or use an empty index"
        raise conflict


def _embed(part: Part) -> Any:
    """The function that embeds a part's records; None if they have vectors."""
    if part.embedder is None:
        return None
    metric, left_out = part.destination.description.metric, part.tally.left_out
    return partial(part.embedder.embed, metric=metric, leave_out=left_out.add)


def _print(
    source: ProviderSource,
    results: list[tuple[Part, VectorIndex, Verification]],
    *,
    as_json: bool,
) -> None:
    """Say what was done and what the source does not have; fail for what was left out."""
    moved = sorted(set().union(*(part.moved for part, *_ in results)))
    if as_json:
        indexes = [
            describe_result(index, part.tally, verification)
            for part, index, verification in results
        ]
        document = {"provider": source.name, "notes": source.notes, "notFilterable": moved}
        click.echo(json.dumps({**document, "indexes": indexes}))
    else:
        for part, index, verification in results:
            print_result(index, part.tally, verification)
        for note in source.notes:
            click.echo(f"Note: {note}")
        if moved:
            names = ", ".join(map(to_printable, moved))
            click.echo(f"Note: stored, but in some vectors too large to filter on: {names}")
    fail_for_left_out(*(part.tally.left_out for part, *_ in results))
