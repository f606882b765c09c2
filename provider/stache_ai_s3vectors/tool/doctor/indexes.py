"""Each of Stache's indexes against Stache's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stache_ai_s3vectors.aws.descriptions import ENHANCED, TEXT_SEARCH_ACTIVE, IndexDescription
from stache_ai_s3vectors.aws.provision import format_bucket_options, list_indexes
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import NotFoundError, S3VectorsError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import FILTERED, OVERFLOW, TEXT

from .findings import Finding, failed, ok, warning, wrong

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options


@dataclass
class Look:
    """An index, and what the service says of it.

    Args:
        index: makes nothing.
        variable: the environment variable that names it.
        told: what it is; None when it is not there, or nobody says.
        error: why not.
    """

    index: VectorIndex
    variable: str
    told: IndexDescription | None = None
    error: S3VectorsError | None = None

    @property
    def name(self) -> str:
        """The index's."""
        return self.index.options.index_name

    def take(self) -> None:
        """Ask the service."""
        try:
            self.told = self.index.describe(fresh=True)
        except S3VectorsError as error:
            self.error = error

    def command(self, words: str) -> str:
        """A command of the tool for this store."""
        bucket = format_bucket_options(self.index.client, self.index.options)
        return f"stache-s3vectors {words} {bucket}"


def examine(look: Look, options: Options, *, makes: bool) -> Iterator[Finding]:
    """What the index is, and whether Stache can use it.

    Args:
        options: the provider's; it may make what is missing.
        makes: whether it could, as far as is known.
    """
    told = look.told
    if isinstance(look.error, NotFoundError):
        yield _missing(look, options, makes=makes)
    elif look.error is not None:
        yield failed(look.name, look.error)
    if told is None:
        return
    faults = [*_fixed(look, told, options), *_changeable(look, told, options)]
    yield from faults
    if not faults:
        texts = ", ".join(f"on {each}" for each in told.list_text_searches())
        text = f"{told.dimension} dimensions, {told.metric}, {told.mode}, text search "
        yield ok(look.name, text + (texts or "none"))


def _missing(look: Look, options: Options, *, makes: bool) -> Finding:
    create = f"{look.variable}={look.name} " + look.command(
        f"indexes create --dimension {options.dimension}"
    )
    if options.create_index and options.local:
        return ok(look.name, "not there yet; the provider makes it on first use")
    if options.create_index and makes:
        text = "not there yet; the provider makes it on first use, if it may: CreateIndex not tried"
        return warning(look.name, text, create)
    try:
        others = ", ".join(list_indexes(look.index.options)) or "none"
        text = f"there is no such index in {options.bucket_name}; the bucket has {others}"
    except S3VectorsError:
        text = (
            f"no such index in {options.bucket_name}, or no such bucket: this role may not ask "
            "which"
        )
    return wrong(look.name, text, f"correct {look.variable}, or: {create}")


def _fixed(look: Look, told: IndexDescription, options: Options) -> Iterator[Finding]:
    """What cannot be changed about an index."""
    if told.dimension != options.dimension:
        yield wrong(
            look.name,
            f"it has {told.dimension} dimensions, Stache's embeddings {options.dimension}",
            f"set EMBEDDING_DIMENSION={told.dimension} and a model of that size; or "
            + _another(look, options, "reembed"),
        )
    if told.metric != "cosine":
        text = f"its distance is {told.metric}: scores are 1 / (1 + distance)"
        yield warning(look.name, text, _another(look, options, "reembed"))
    if lost := sorted(told.non_filterable.intersection(FILTERED)):
        text = (
            f"{', '.join(lost)} cannot be filtered on in this index; all of Stache's searches do "
            "that, and fail. That cannot be changed"
        )
        yield wrong(look.name, text, _another(look, options, "copy"))
    if TEXT not in told.non_filterable:
        text = f"{TEXT} is filterable there: chunks of more than 2,048 bytes are refused"
        yield wrong(look.name, text, _another(look, options, "migrate"))
    elif OVERFLOW not in told.non_filterable:
        text = (
            f"{OVERFLOW} is not a non-filterable key: nested metadata takes filterable room, and "
            f"more than {limits.FILTERABLE_METADATA_BYTES} bytes are refused"
        )
        yield warning(look.name, text, _another(look, options, "migrate"))


def _another(look: Look, options: Options, filling: str) -> str:
    """How to replace an index by a better one."""
    name = f"{re.sub('-[0-9]+$', '', look.name)}-{options.dimension}"
    name += "-new" if name == look.name else ""
    create = look.command(f"indexes create {name} --dimension {options.dimension}")
    return (
        f"make another: {create}; fill it: {look.command(f'{filling} {look.name} {name}')}; then "
        f"set {look.variable}={name}"
    )


def _changeable(look: Look, told: IndexDescription, options: Options) -> Iterator[Finding]:
    fix = look.command(f"indexes upgrade {look.name}")
    if told.mode != ENHANCED:
        kind = wrong if options.hybrid else warning
        yield kind(look.name, f"its mode is {told.mode}: no hybrid search, slower filters", fix)
    elif options.hybrid:
        yield from _searchable(look, told, options, fix)


def _searchable(
    look: Look, told: IndexDescription, options: Options, fix: str
) -> Iterator[Finding]:
    """What keeps hybrid search from the words of the texts."""
    missing = [key for key in options.text_keys if key not in told.text_searches]
    building = [key for key, status in told.text_searches.items() if status != TEXT_SEARCH_ACTIVE]
    if missing:
        where = "" if missing == [TEXT] else f" on {', '.join(missing)}"
        text = f"S3VECTORS_SEARCH_MODE is hybrid, and it has no text search{where}"
        yield wrong(look.name, text, fix)
    elif building:
        status = told.text_searches[building[0]]
        text = f"its text search is {status}: searches go by vector until then"
        yield warning(look.name, text, "wait")
    wanted = options.text_language
    others = {told.languages.get(k, "none") for k in options.text_keys if k in told.text_searches}
    if wanted and others - {wanted}:
        text = f"S3VECTORS_TEXT_LANGUAGE is {wanted}, the language of its text search "
        text += ", ".join(sorted(others - {wanted}))
        yield warning(look.name, text, f"{fix} --language {wanted}")
