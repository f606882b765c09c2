"""`stache-s3vectors copy` and `reembed`: from one index into another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from stache_ai_s3vectors.aws.batches import Record
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import ConfigurationError
from stache_ai_s3vectors.service.arns import INDEX_ARN
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.index_access import Destination, find_destination, open_index
from stache_ai_s3vectors.tool.options import (
    add_options,
    load_settings_from_options,
    resolve_options,
    with_setting_options,
)
from stache_ai_s3vectors.tool.transfers import Tally, check_fit, check_keys
from stache_ai_s3vectors.tool.verified_transfer import (
    count_vectors,
    fail_for_left_out,
    print_report,
    run_transfer,
)

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options

_SIDES: Final = (
    click.argument("source"),
    click.argument("destination"),
    click.option("--from-endpoint", help="Endpoint of SOURCE. [default: --endpoint]"),
    click.option("--from-region", help="Region of SOURCE. [default: --region]"),
    click.option("--to-endpoint", help="Endpoint of DESTINATION. [default: --endpoint]"),
    click.option("--to-region", help="Region of DESTINATION. [default: --region]"),
)


def with_sides(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments and options that name both sides, for `resolve_sides`."""
    return add_options(command, _SIDES)


def resolve_sides(values: dict[str, Any]) -> tuple[VectorIndex, Options]:
    """Open the source, which must exist, and locate the destination, which need not exist yet."""
    source = _locate("source", "from", values)
    place = _locate("destination", "to", values)
    if source == place:
        raise click.UsageError("SOURCE and DESTINATION are the same index")
    index = open_index(source)
    _check_account(values["source"], index)
    return index, place


def create_destination(destination: Destination, location: str) -> VectorIndex:
    """Create the destination unless it exists, and open it."""
    index = destination.create()
    _check_account(location, index)
    return index


def _check_account(location: str, index: VectorIndex) -> None:
    """Names are looked up in the caller's own account, whatever an ARN says."""
    named, own = INDEX_ARN.fullmatch(location), INDEX_ARN.fullmatch(index.describe().arn)
    if named and own and named["account"] != own["account"]:
        raise ConfigurationError(
            f"{location} is in account {named['account']}, the credentials belong to "
            f"{own['account']}. Export with the credentials of one account, and import with those "
            "of the other"
        )


def _locate(name: str, way: str, values: dict[str, Any]) -> Options:
    """The options of INDEX, BUCKET/INDEX or an index's ARN."""
    arn = INDEX_ARN.fullmatch(values[name])
    bucket, _, index = values[name].rpartition("/")
    options = {name: _choose_side_value(values, way, name) for name in ("region", "endpoint")}
    if arn:
        bucket, index = arn["bucket"], arn["index"]
        options["region"] = options["region"] or arn["region"]
    settings = load_settings_from_options(
        {**options, "bucket": bucket or values["bucket"], "dimension": values["dimension"]}
    )
    return replace(resolve_options(settings), index_name=index)


def _choose_side_value(values: dict[str, Any], way: str, name: str) -> Any:
    """The option of one side, else that of both."""
    own = values[f"{way}_{name}"]
    return values[name] if own is None else own


@click.command("copy")
@with_sides
@with_setting_options
def copy_command(*, as_json: bool, **values: Any) -> None:
    """Copy all vectors of SOURCE to DESTINATION, and compare both at the end.

    SOURCE and DESTINATION are INDEX, BUCKET/INDEX or the ARN of an index. An endpoint is
    local:PATH, a URL or aws. Vectors with the same key are replaced. Equal vectors are not
    written again, so the same command completes a copy that was interrupted. Other vectors of
    DESTINATION stay, and are counted. Both sides use the same credentials; to copy with two
    sets of credentials, use export and import.

    \b
    Example:
      stache-s3vectors copy documents-1024 my-bucket-123456789012/documents-1024 \\
        --bucket my-bucket --from-endpoint local:./data --to-endpoint aws --to-region us-east-1
    """  # noqa: D301 - \b keeps click from wrapping the example
    source, place = resolve_sides(values)
    description = source.describe()
    destination = find_destination(
        replace(place, dimension=description.dimension), description.metric
    )
    check_fit(description, destination.description, destination.name)
    tally = Tally()
    with report_on_stop(lambda: str(tally)):
        total = count_vectors(source)
        index = create_destination(destination, values["destination"])
        verification = run_transfer(source.list_records, total, index, tally)
    print_report(index, tally, verification, as_json=as_json)
    fail_for_left_out(tally.left_out)


@click.command("reembed")
@with_sides
@with_setting_options
def reembed_command(*, as_json: bool, **values: Any) -> None:
    """Embed the texts of SOURCE with another model, and store them in DESTINATION.

    The command uses the embedder of Stache's settings (EMBEDDING_PROVIDER and its model): set
    them to the new model first. Create the new index (with your infrastructure, or with indexes
    create) and run this command. Then set S3VECTORS_DOCUMENTS_INDEX and EMBEDDING_DIMENSION.
    Keys, texts and metadata stay the same. Texts that DESTINATION already has are not embedded
    again, so the same command completes an interrupted run. Repeat this for each of Stache's
    indexes.

    \b
    Example:
      stache-s3vectors reembed documents-1024 documents-1536 --bucket my-bucket
    """  # noqa: D301 - \b keeps click from wrapping the example
    # Stache reads its settings when it is imported
    from stache_ai_s3vectors.tool.embedding import Embedder  # noqa: PLC0415 - see above

    source, place = resolve_sides(values)
    embedder = Embedder(load_settings_from_options({"bucket": place.bucket_name}))
    destination = find_destination(
        replace(place, dimension=embedder.dimension), source.describe().metric
    )
    if destination.description.dimension != embedder.dimension:
        raise ConfigurationError(
            f"the embedder makes vectors of {embedder.dimension} dimensions, index "
            f"{destination.name} has {destination.description.dimension}; create an index "
            f"with {embedder.dimension}, or set EMBEDDING_PROVIDER and its model to one with "
            f"{destination.description.dimension}"
        )
    check_keys(source.describe(), destination.description, destination.name)
    tally = Tally()

    def list_texts() -> Iterator[Record]:
        pages = source.list_pages()
        return (Record(key, [], metadata) for page in pages for key, metadata in page.rows)

    def embed(records: Sequence[Record]) -> list[Record]:
        return embedder.embed(records, destination.description.metric, tally.left_out.add)

    with report_on_stop(lambda: str(tally)):
        total = count_vectors(source)
        index = create_destination(destination, values["destination"])
        embedder.check_model(index)
        verification = run_transfer(list_texts, total, index, tally, embed)
    print_report(index, tally, verification, as_json=as_json, subject="texts and metadata of ")
    fail_for_left_out(tally.left_out)
