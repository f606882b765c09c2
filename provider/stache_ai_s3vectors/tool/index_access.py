"""The indexes that settings and options name: to read, to write, to create."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stache_ai_s3vectors.aws.connections import get_client
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.provision import create_missing, list_indexes
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import InvalidInputError, NotFoundError, S3VectorsError
from stache_ai_s3vectors.service.arns import INDEX_NAME

from .empty_index import EmptyIndex
from .options import get_index_names, resolve_options, suggest_nearest
from .remedies import find_remedy, get_cause

if TYPE_CHECKING:
    from stache_ai_s3vectors.settings import Options, Settings


def open_indexes(settings: Settings, names: Sequence[str]) -> list[VectorIndex]:
    """Open the indexes of these names, by default Stache's.

    Raises:
        NotFoundError: one does not exist; the error suggests the nearest name.
    """
    return [open_index(options) for options in _resolve_each(settings, names)]


def open_readable_indexes(settings: Settings, names: Sequence[str]) -> list[VectorIndex]:
    """Open them to read only; an index that is created on first use is empty until then."""
    return [open_readable_index(settings, options) for options in _resolve_each(settings, names)]


def open_readable_index(settings: Settings, options: Options) -> VectorIndex:
    """Open an index to read only.

    On a `local:` endpoint, one of Stache's indexes that was never used is empty.

    Raises:
        NotFoundError: it does not exist; the error suggests the nearest name.
    """
    get_client(options)  # a path without an engine may be a mistake
    try:
        return open_index(options)
    except NotFoundError:
        stache = get_index_names(settings, options.dimension).values()
        created_on_use = options.local and options.create_index and options.index_name in stache
        if not created_on_use or _has_other_size(options):
            raise
    return EmptyIndex(options)


def _resolve_each(settings: Settings, names: Sequence[str]) -> list[Options]:
    options = resolve_options(settings)
    names = names or list(get_index_names(settings, options.dimension).values())
    return [replace(options, index_name=name) for name in dict.fromkeys(names)]


def open_index(options: Options) -> VectorIndex:
    """Open an index that exists.

    Raises:
        NotFoundError: it does not exist; the error suggests the nearest name.
    """
    index = VectorIndex(options, create=False)
    try:
        index.describe()
    except NotFoundError as error:
        better = NotFoundError(get_cause(error))
        better.remedy = f"{_suggest_index(options)} {find_remedy(error)}".strip()
        raise better from error
    return index


@dataclass(frozen=True)
class Destination:
    """An index to write to.

    Args:
        description: of the index, or of what `create` will create.
        exists: whether it exists already.
    """

    options: Options
    description: IndexDescription
    exists: bool

    @property
    def name(self) -> str:
        """BUCKET/INDEX."""
        return f"{self.options.bucket_name}/{self.options.index_name}"

    def create(self) -> VectorIndex:
        """Create the index if it is missing, and open it."""
        if not self.exists:
            metric: Any = self.description.metric
            create_missing(get_client(self.options, create=True), self.options, metric)
        return open_index(self.options)


def find_destination(options: Options, metric: str) -> Destination:
    """Find an index to write to, whose creation the settings may allow.

    Args:
        metric: of an index that is created.

    Raises:
        NotFoundError: it does not exist, and the settings do not allow creating it.
        InvalidInputError: it cannot have this name.
    """
    check_index_name(options.index_name)
    if not options.create_index:
        return Destination(options, open_index(options).describe(), exists=True)
    try:
        description = VectorIndex(options, create=False).describe()
    except NotFoundError:
        new = IndexDescription.from_dimension(options.dimension, metric)
        return Destination(options, new, exists=False)
    return Destination(options, description, exists=True)


def check_index_name(name: str) -> None:
    """Refuse a name that the service refuses.

    Raises:
        InvalidInputError: its remedy says what is allowed.
    """
    if not INDEX_NAME.fullmatch(name):
        wrong = InvalidInputError(f"{name!r} is not the name of an index: the service refuses it")
        wrong.remedy = "use 3 to 63 lower-case letters, digits, hyphens and dots"
        raise wrong


def _has_other_size(options: Options) -> bool:
    """Whether the bucket has an index of the same name with another dimension at its end."""
    try:
        names = list_indexes(options)
    except NotFoundError:  # the bucket is missing
        return False
    return _strip_size(options.index_name) in map(_strip_size, names)


def _strip_size(name: str) -> str:
    return re.sub(r"-\d+$", "", name)


def _suggest_index(options: Options) -> str:
    try:
        return suggest_nearest(options.index_name, list_indexes(options))
    except S3VectorsError:  # not allowed, or no such bucket
        return ""
