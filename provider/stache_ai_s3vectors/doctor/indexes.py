"""Each of Stache's indexes against Stache's settings."""

from __future__ import annotations

from collections.abc import Iterator

from ..answers import ACTIVE, ENHANCED, Description
from ..errors import NotFoundError, S3VectorsError
from ..keys import OVERFLOW, TEXT
from ..provision import list_indexes
from ..settings import Options
from ..vector_index import VectorIndex
from .findings import Finding, failed, ok, warning, wrong


def examine(
    index: VectorIndex, options: Options, found: list[tuple[VectorIndex, Description]]
) -> Iterator[Finding]:
    """What the index is, and whether Stache can use it.

    Args:
        options: the provider's; it may make what is missing.
        found: gets the index when it is there.
    """
    name = index.options.index
    try:
        told = index.describe(fresh=True)
    except NotFoundError:
        yield _missing(index, options)
        return
    except S3VectorsError as error:
        yield failed(name, error)
        return
    found.append((index, told))
    faults = [*_fixed(name, told, options), *_changeable(name, told, options)]
    yield from faults
    if not faults:
        texts = ", ".join(f"on {key} {status}" for key, status in told.text_searches.items())
        yield ok(
            name,
            f"{told.dimension} dimensions, {told.metric}, {told.mode}, text search "
            f"{texts or 'none'}",
        )


def _missing(index: VectorIndex, options: Options) -> Finding:
    name = index.options.index
    if options.create_index:
        return ok(name, "not there yet; the provider makes it on first use")
    try:
        others = list_indexes(index.options)
        there = f"; the bucket has {', '.join(others)}" if others else "; the bucket has none"
    except S3VectorsError:  # not allowed to look
        there = ""
    return wrong(
        name,
        f"there is no such index in {index.options.bucket}{there}",
        f"correct the setting that names it, or: stache-s3vectors indexes create --dimension "
        f"{options.dimension}",
    )


def _fixed(name: str, told: Description, options: Options) -> Iterator[Finding]:
    """What cannot be changed about an index."""
    if told.dimension != options.dimension:
        yield wrong(
            name,
            f"it has {told.dimension} dimensions, Stache's embeddings {options.dimension}",
            f"set EMBEDDING_DIMENSION={told.dimension} and a model of that size; or make an index "
            f"of {options.dimension} (indexes create) and fill it with stache-s3vectors reembed",
        )
    if told.metric != "cosine":
        yield warning(
            name,
            f"its distance is {told.metric}: scores are 1 / (1 + distance)",
            "an index made by indexes create has cosine; stache-s3vectors copy fills it",
        )
    if TEXT not in told.non_filterable:
        yield wrong(
            name,
            f"{TEXT} is filterable there: chunks of more than 2,048 bytes are refused",
            "make another index (indexes create) and fill it with stache-s3vectors copy",
        )
    elif OVERFLOW not in told.non_filterable:
        yield warning(
            name,
            f"it has no {OVERFLOW} key: nested or large metadata is refused",
            "make another index (indexes create) and fill it with stache-s3vectors migrate",
        )


def _changeable(name: str, told: Description, options: Options) -> Iterator[Finding]:
    fix = f"stache-s3vectors indexes upgrade {name}"
    status = told.text_searches.get(TEXT)
    if told.mode != ENHANCED:
        kind = wrong if options.hybrid else warning
        yield kind(name, f"its mode is {told.mode}: no hybrid search, slower filters", fix)
    elif options.hybrid and status is None:
        yield wrong(name, "S3VECTORS_SEARCH_MODE is hybrid, and it has no text search", fix)
    elif options.hybrid and status != ACTIVE:
        yield warning(
            name, f"its text search is {status}: searches go by vector until then", "wait"
        )
