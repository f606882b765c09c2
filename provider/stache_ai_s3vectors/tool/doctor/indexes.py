"""Do Stache's indexes fit Stache's settings?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stache_ai_s3vectors.aws.advice import format_bucket_options
from stache_ai_s3vectors.aws.descriptions import ENHANCED, TEXT_SEARCH_ACTIVE, IndexDescription
from stache_ai_s3vectors.aws.provision import list_indexes
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import NotFoundError, S3VectorsError
from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.metadata_keys import FILTERED, OVERFLOW, TEXT

from .findings import Finding, report_error, report_ok, report_warning, report_wrong

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options


@dataclass
class IndexProbe:
    """An index, and what GetIndex returned.

    Args:
        index: does not create anything.
        variable: the environment variable that names it.
        description: None if GetIndex failed.
        error: why it failed.
    """

    index: VectorIndex
    variable: str
    description: IndexDescription | None = None
    error: S3VectorsError | None = None

    @property
    def name(self) -> str:
        """The name of the index."""
        return self.index.options.index_name

    def fetch_description(self) -> None:
        """Call GetIndex."""
        try:
            self.description = self.index.describe(fresh=True)
        except S3VectorsError as error:
            self.error = error

    def format_command(self, words: str) -> str:
        """A command of this tool, with the options of this bucket."""
        bucket = format_bucket_options(self.index.client, self.index.options)
        return f"stache-s3vectors {words} {bucket}"


def check_index(probe: IndexProbe, options: Options, *, creates: bool) -> Iterator[Finding]:
    """Check whether Stache can use the index.

    Args:
        options: of the provider; they may allow it to create a missing index.
        creates: whether it can, as far as is known.
    """
    description = probe.description
    if isinstance(probe.error, NotFoundError):
        yield _report_missing(probe, options, creates=creates)
    elif probe.error is not None:
        yield report_error(probe.name, probe.error)
    if description is None:
        return
    faults = [
        *_check_unchangeable(probe, description, options),
        *_check_changeable(probe, description, options),
    ]
    yield from faults
    if not faults:
        size = f"{description.dimension} dimensions"
        searches = ", ".join(f"on {each}" for each in description.list_text_searches()) or "none"
        text = f"{size}, {description.metric}, {description.mode}, text search {searches}"
        yield report_ok(probe.name, text)


def _report_missing(probe: IndexProbe, options: Options, *, creates: bool) -> Finding:
    create = f"{probe.variable}={probe.name} " + probe.format_command(
        f"indexes create --dimension {options.dimension}"
    )
    if options.create_index and options.local:
        return report_ok(probe.name, "not created yet; the provider creates it on first use")
    if options.create_index and creates:
        text = "not created yet; the provider creates it on first use; CreateIndex was not tried"
        return report_warning(probe.name, text, create)
    try:
        others = ", ".join(list_indexes(probe.index.options)) or "none"
        text = f"there is no such index in {options.bucket_name}; the bucket has {others}"
    except S3VectorsError:
        text = (
            f"there is no such index in {options.bucket_name}, or no such bucket: this role may "
            "not list them"
        )
    return report_wrong(probe.name, text, f"correct {probe.variable}, or: {create}")


def _check_unchangeable(
    probe: IndexProbe, description: IndexDescription, options: Options
) -> Iterator[Finding]:
    """Check what cannot be changed about an index."""
    if description.dimension != options.dimension:
        yield report_wrong(
            probe.name,
            f"it has {description.dimension} dimensions; Stache's embeddings have "
            f"{options.dimension}",
            f"set EMBEDDING_DIMENSION={description.dimension} and a model of that size; or "
            + _advise_replacing(probe, options, "reembed"),
        )
    if description.metric != "cosine":
        text = f"its distance is {description.metric}: scores are 1 / (1 + distance)"
        yield report_warning(probe.name, text, _advise_replacing(probe, options, "reembed"))
    if lost := sorted(description.non_filterable.intersection(FILTERED)):
        text = (
            f"this index cannot filter on {', '.join(lost)}, but all of Stache's searches do, so "
            "they fail. That cannot be changed"
        )
        yield report_wrong(probe.name, text, _advise_replacing(probe, options, "copy"))
    if TEXT not in description.non_filterable:
        text = f"{TEXT} is filterable in this index: chunks of more than 2,048 bytes are refused"
        yield report_wrong(probe.name, text, _advise_replacing(probe, options, "migrate"))
    elif OVERFLOW not in description.non_filterable:
        text = (
            f"{OVERFLOW} is filterable in this index: nested metadata counts as filterable "
            f"metadata, and more than {limits.FILTERABLE_METADATA_BYTES} bytes of that are refused"
        )
        yield report_warning(probe.name, text, _advise_replacing(probe, options, "migrate"))


def _advise_replacing(probe: IndexProbe, options: Options, filling: str) -> str:
    """The commands that replace an index with one that fits."""
    name = f"{re.sub('-[0-9]+$', '', probe.name)}-{options.dimension}"
    name += "-new" if name == probe.name else ""
    create = probe.format_command(f"indexes create {name} --dimension {options.dimension}")
    fill = probe.format_command(f"{filling} {probe.name} {name}")
    return f"create another: {create}; fill it: {fill}; then set {probe.variable}={name}"


def _check_changeable(
    probe: IndexProbe, description: IndexDescription, options: Options
) -> Iterator[Finding]:
    fix = probe.format_command(f"indexes upgrade {probe.name}")
    if description.mode != ENHANCED:
        kind = report_wrong if options.hybrid else report_warning
        yield kind(
            probe.name, f"its mode is {description.mode}: no hybrid search, slower filters", fix
        )
    elif options.hybrid:
        yield from _check_text_search(probe, description, options, fix)


def _check_text_search(
    probe: IndexProbe, description: IndexDescription, options: Options, fix: str
) -> Iterator[Finding]:
    """Check what hybrid search needs."""
    missing = [key for key in options.text_keys if key not in description.text_searches]
    building = [
        key for key, status in description.text_searches.items() if status != TEXT_SEARCH_ACTIVE
    ]
    if missing:
        where = "" if missing == [TEXT] else f" on {', '.join(missing)}"
        text = f"S3VECTORS_SEARCH_MODE is hybrid, and the index has no text search{where}"
        yield report_wrong(probe.name, text, fix)
    elif building:
        status = description.text_searches[building[0]]
        text = f"its text search is {status}: searches use only the vector until it is ACTIVE"
        yield report_warning(probe.name, text, "wait")
    language = options.text_language
    others = {
        description.languages.get(k, "none")
        for k in options.text_keys
        if k in description.text_searches
    }
    if language and others - {language}:
        text = f"S3VECTORS_TEXT_LANGUAGE is {language}, the language of its text search is "
        text += ", ".join(sorted(others - {language}))
        yield report_warning(probe.name, text, f"{fix} --language {language}")
