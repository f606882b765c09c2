"""Where vectors are and where they are to go: the indexes that settings and options name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stache_ai_s3vectors.aws.connections import connect
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.provision import create_missing, list_indexes
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import NotFoundError, S3VectorsError

from .options import get_index_names, nearest, resolve_options
from .remedies import cause_of, remedy_of
from .unused import UnusedIndex

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings


def chosen(settings: Settings, names: Sequence[str]) -> list[VectorIndex]:
    """The indexes of these names, by default Stache's; all of them are there.

    Raises:
        NotFoundError: one is not, and which name is near.
    """
    return [existing(options) for options in _chosen(settings, names)]


def readable(settings: Settings, names: Sequence[str]) -> list[VectorIndex]:
    """The same for a command that reads; one that its first use will make is empty."""
    return [readable_index(settings, options) for options in _chosen(settings, names)]


def readable_index(settings: Settings, options: Options) -> VectorIndex:
    """The options' index, for a command that reads.

    On a `local:` endpoint, one of Stache's that was never used is empty.

    Raises:
        NotFoundError: it is not there, and which name is near.
    """
    try:
        return existing(options)
    except NotFoundError:
        stache = get_index_names(settings, options.dimension).values()
        makes = options.local and options.create_index and options.index_name in stache
        if not makes or _has_other_size(options):
            raise
    return UnusedIndex(options)


def _chosen(settings: Settings, names: Sequence[str]) -> list[Options]:
    options = resolve_options(settings)
    wanted = names or get_index_names(settings, options.dimension).values()
    return [replace(options, index_name=name) for name in dict.fromkeys(wanted)]


def existing(options: Options) -> VectorIndex:
    """The options' index, which is there."""
    index = VectorIndex(options, create=False)
    try:
        index.describe()
    except NotFoundError as error:
        better = NotFoundError(cause_of(error))
        better.remedy = f"{_similar(options)} {remedy_of(error)}".strip()
        raise better from error
    return index


@dataclass(frozen=True)
class Destination:
    """Where vectors are to go.

    Args:
        told: what it is, or will be.
        there: whether it is; else `made` makes it.
    """

    options: Options
    told: IndexDescription
    there: bool

    @property
    def name(self) -> str:
        """The index and its bucket."""
        return f"{self.options.bucket_name}/{self.options.index_name}"

    def made(self) -> VectorIndex:
        """The index, which is there from now on."""
        if not self.there:
            metric: Any = self.told.metric
            create_missing(connect(self.options), self.options, metric)
        return existing(self.options)


def destination(options: Options, metric: str) -> Destination:
    """The options' index, which is there, or can be made where the settings say so.

    Args:
        metric: of one that is made.

    Raises:
        NotFoundError: it is not there, and is not to be made.
    """
    try:
        return Destination(options, existing(options).describe(), there=True)
    except NotFoundError:
        if not options.create_index:
            raise
    return Destination(
        options, IndexDescription.from_dimension(options.dimension, metric), there=False
    )


def _has_other_size(options: Options) -> bool:
    """Whether there is an index of that name but for the dimension at its end."""
    try:
        names = list_indexes(options)
    except NotFoundError:  # nor is there a bucket
        return False
    return _without_size(options.index_name) in map(_without_size, names)


def _without_size(name: str) -> str:
    return re.sub(r"-\d+$", "", name)


def _similar(options: Options) -> str:
    try:
        return nearest(options.index_name, list_indexes(options))
    except S3VectorsError:  # not allowed, or no such bucket: then there is nothing to suggest
        return ""
