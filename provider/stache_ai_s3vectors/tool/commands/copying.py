"""`stache-s3vectors copy`, `reembed` and `migrate`: from one index into another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import ConfigurationError
from stache_ai_s3vectors.service.arns import INDEX_ARN
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import Destination, find_destination, open_index
from stache_ai_s3vectors.tool.options import load_settings, resolve_options, with_values
from stache_ai_s3vectors.tool.progress import show_progress
from stache_ai_s3vectors.tool.transfers import (
    Tally,
    check_fit,
    check_keys,
    find_differences,
    find_extra_keys,
    transfer,
)

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options

SHOWN: Final = 10
"""Keys of vectors with a problem that are printed."""

_SIDES: Final = (
    click.argument("source"),
    click.argument("destination"),
    click.option("--from-endpoint", help="Endpoint of SOURCE. [default: --endpoint]"),
    click.option("--from-region", help="Region of SOURCE. [default: --region]"),
    click.option("--to-endpoint", help="Endpoint of DESTINATION. [default: --endpoint]"),
    click.option("--to-region", help="Region of DESTINATION. [default: --region]"),
)


def with_sides(command: Callable[..., None]) -> Callable[..., None]:
    """Add what tells the source and the destination, for `resolve_sides`."""
    for option in reversed(_SIDES):
        command = option(command)
    return command


def resolve_sides(values: dict[str, Any]) -> tuple[VectorIndex, Options]:
    """The source, which is there, and where the destination is or will be."""
    source = _locate("source", "from", values)
    place = _locate("destination", "to", values)
    if source == place:
        raise click.UsageError("SOURCE and DESTINATION are the same index")
    index = open_index(source)
    _check_account(values["source"], index)
    return index, place


def create_destination(into: Destination, location: str) -> VectorIndex:
    """The destination, which is there from now on."""
    index = into.create()
    _check_account(location, index)
    return index


def _check_account(location: str, index: VectorIndex) -> None:
    """Names are looked up in the caller's own account, whatever an ARN says."""
    named, own = INDEX_ARN.fullmatch(location), INDEX_ARN.fullmatch(index.describe().arn)
    if named and own and named["account"] != own["account"]:
        raise ConfigurationError(
            f"{location} is in account {named['account']}, the credentials are of "
            f"{own['account']}; export with those of one account, import with the other's"
        )


def _locate(name: str, way: str, values: dict[str, Any]) -> Options:
    """The options of INDEX, BUCKET/INDEX or an index's ARN."""
    arn = INDEX_ARN.fullmatch(values[name])
    bucket, _, index = values[name].rpartition("/")
    options = {name: _choose_side_value(values, way, name) for name in ("region", "endpoint")}
    if arn:
        bucket, index = arn["bucket"], arn["index"]
        options["region"] = options["region"] or arn["region"]
    settings = load_settings(
        {**options, "bucket": bucket or values["bucket"], "dimension": values["dimension"]}
    )
    return replace(resolve_options(settings), index_name=index)


def _choose_side_value(values: dict[str, Any], way: str, name: str) -> Any:
    """The option of one side, else that of both."""
    own = values[f"{way}_{name}"]
    return values[name] if own is None else own


@click.command("copy")
@with_sides
@with_values
def copy_command(*, as_json: bool, **values: Any) -> None:
    """Copy all vectors of SOURCE into DESTINATION, and compare both at the end.

    Each is INDEX, BUCKET/INDEX or an index's ARN; an endpoint is local:PATH, a URL or aws.
    Vectors of the same key are replaced; those that are there already, exactly so, are not
    written again: the same command completes a copy that was interrupted. Other vectors of
    DESTINATION stay, and are counted. Both sides use the same credentials; export and import do
    without.

    \b
    Example:
      stache-s3vectors copy documents-1024 my-bucket-123456789012/documents-1024 \\
        --bucket my-bucket --from-endpoint local:./data --to-endpoint aws --to-region us-east-1
    """  # noqa: D301 - \b keeps click from wrapping the example
    source, place = resolve_sides(values)
    description = source.describe()
    into = find_destination(replace(place, dimension=description.dimension), description.metric)
    check_fit(description, into.description, into.name)
    tally, index = Tally(), create_destination(into, values["destination"])
    verification = run_transfer(source.list_records, index, tally)
    print_report(index, tally, verification, as_json=as_json)


class Verification(NamedTuple):
    """What comparing both sides after a transfer found.

    Args:
        verified: vectors of the source that are the same in the destination.
        extra: keys that only the destination has.
    """

    verified: int
    extra: list[str]


def run_transfer(
    records: Callable[[], Iterator[Record]],
    destination: VectorIndex,
    tally: Tally,
    embed: Any = None,
    *,
    replace: bool = True,
) -> Verification:
    """Transfer, then compare.

    Args:
        records: reads the source from its beginning.
        destination: is there.
        tally: is kept up to date.
        embed: as for `transfer`.
        replace: also those whose keys are there with other content.
    """
    keys: set[str] = set()

    def note_keys() -> Iterator[Record]:
        for record in records():
            keys.add(record.key)
            yield record

    with report_on_stop(
        lambda: f"{tally.written} vectors are written, {tally.unchanged} were there"
    ):
        with show_progress("copying") as advance:
            transfer(records(), destination, tally, advance, embed, replace=replace)
        compared = _verify(note_keys(), destination, tally, data=embed is None)
    stored = tally.written + tally.unchanged
    if compared < stored:
        raise click.ClickException(
            f"{stored} vectors went to {destination.name}, and the source has {compared} now: it "
            "was changed meanwhile; run it again"
        )
    return Verification(compared, find_extra_keys(destination, keys | tally.left_out.keys()))


def _verify(
    records: Iterator[Record], destination: VectorIndex, tally: Tally, *, data: bool
) -> int:
    """How many vectors were compared, all of them the same."""
    compared, unreplaced = 0, set(tally.different)

    def count(vectors: int) -> None:
        nonlocal compared
        compared += vectors
        advance(vectors)

    with show_progress("comparing", tally.written + tally.unchanged) as advance:
        different = list(find_differences(records, destination, count, data=data))
    wrong = [key for key in different if key not in tally.left_out and key not in unreplaced]
    if wrong:
        raise click.ClickException(
            f"{len(wrong)} vectors of the source are not in {destination.name}, or not so: "
            f"{', '.join(map(to_printable, wrong[:SHOWN]))}. If the source was written meanwhile, "
            "run it again"
        )
    return compared - len(different)


def print_report(
    destination: VectorIndex,
    tally: Tally,
    verification: Verification,
    *,
    as_json: bool,
    subject: str = "",
) -> None:
    """Say what was done; fail for what was left out."""
    document = {
        "index": destination.options.index_name,
        "written": tally.written,
        "unchanged": tally.unchanged,
        "different": len(tally.different),
        "onlyThere": len(verification.extra),
        "verified": verification.verified,
        "leftOut": tally.left_out,
    }
    if as_json:
        click.echo(json.dumps(document))
    else:
        click.echo(
            f"{destination.name}: {tally}; {subject}all {verification.verified} compared with the "
            "source and the same"
        )
        _print_keys("differ from the source's, and were left as they are", sorted(tally.different))
        _print_keys("are only in the destination", verification.extra)
    _fail_for_left_out(tally.left_out)


def _print_keys(problem: str, keys: list[str]) -> None:
    if keys:
        more = ", …" if len(keys) > SHOWN else ""
        click.echo(
            f"{len(keys)} vectors {problem}: {', '.join(map(to_printable, keys[:SHOWN]))}{more}"
        )


def _fail_for_left_out(left_out: dict[str, str]) -> None:
    if not left_out:
        return
    for key, why in list(left_out.items())[:SHOWN]:
        click.echo(f"  {to_printable(key)}: {why}", err=True)
    raise click.ClickException(f"{len(left_out)} vectors are left out, the first are above")


@click.command("reembed")
@with_sides
@with_values
def reembed_command(*, as_json: bool, **values: Any) -> None:
    """Embed the texts of SOURCE anew, into DESTINATION: the way to another embedding model.

    The embedder is the one that Stache's settings name (EMBEDDING_PROVIDER and so on); set them
    to the new model first. Make the new index (the infrastructure, or indexes create), run this,
    then point S3VECTORS_DOCUMENTS_INDEX and EMBEDDING_DIMENSION to it. Keys, texts and metadata
    stay. What is there already is not embedded again: the same command completes an interrupted
    run. Do it for each of Stache's indexes.

    \b
    Example:
      stache-s3vectors reembed documents-1024 documents-1536 --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    # It imports Stache, which reads its settings then
    from stache_ai_s3vectors.tool.embedding import Embedder  # noqa: PLC0415

    source, place = resolve_sides(values)
    embedder = Embedder(load_settings({"bucket": place.bucket_name}))
    into = find_destination(replace(place, dimension=embedder.dimension), source.describe().metric)
    if into.description.dimension != embedder.dimension:
        raise ConfigurationError(
            f"the embedder makes vectors of {embedder.dimension} dimensions, index {into.name} has "
            f"{into.description.dimension}; make an index of {embedder.dimension}, or set "
            "EMBEDDING_PROVIDER and its model to one of that size"
        )
    check_keys(source.describe(), into.description, into.name)
    tally = Tally(left_out=embedder.left_out)
    index = create_destination(into, values["destination"])

    def records() -> Iterator[Record]:
        return (
            Record(key, [], stored) for page in source.list_pages() for key, stored in page.rows
        )

    embedder.check_model(index)
    metric = into.description.metric
    verification = run_transfer(
        records, index, tally, lambda missing: embedder.embed(missing, metric)
    )
    print_report(index, tally, verification, as_json=as_json, subject="texts and metadata of ")
