"""Prepare vectors or a query for the index; create a missing index if that is allowed.

Vectors, settings and index must have the same dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stache_ai_s3vectors.aws.advice import format_bucket_options
from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import ConfigurationError, InvalidInputError, S3VectorsError

T = TypeVar("T")


def prepare_input(
    index: VectorIndex, dimension: int, prepare: Callable[[IndexDescription], T]
) -> T:
    """Prepare input for the index; a missing index is created if allowed and if it could take it.

    The index is described once. A description may be outdated: if it refuses the input, and
    another index of the same name could take it, the index is described again.

    Args:
        dimension: of the caller's vectors.
        prepare: returns the input as it can be sent. It refuses what an index of the given
            description cannot take, and sends nothing.

    Raises:
        ConfigurationError: vectors, settings and index do not have the same dimension; the
            message names all three, and what to change.
        InvalidInputError: only the vectors differ, or `prepare` refuses the input.
    """
    description = _describe_matching_index(index, dimension, prepare)
    try:
        return prepare(description)
    except InvalidInputError as error:
        if not error.about_index:
            raise
        latest = index.describe_or_create(fresh=True)
        if latest == description:
            raise
        return prepare(latest)


def _describe_matching_index(
    index: VectorIndex, dimension: int, prepare: Callable[[IndexDescription], object]
) -> IndexDescription:
    expected = index.options.dimension
    description = index.known_description
    if description is None and dimension != expected:
        description = index.describe_existing()
    elif description is None:
        if index.creates:
            _check_before_creation(index, prepare)
        description = index.describe_or_create()
    if description is None:
        raise ConfigurationError(
            f"the vectors have {dimension} dimensions. Index {index.name} does not exist yet; it "
            f"would get {expected} dimensions from Stache's settings. Set EMBEDDING_DIMENSION="
            f"{dimension}, or use an embedding model with {expected}"
        )
    if description.dimension != expected:
        description = index.describe_or_create(fresh=True)  # it may have been created anew since
    if description.dimension == dimension == expected:
        return description
    raise _build_mismatch_error(index, dimension, description.dimension)


def _check_before_creation(
    index: VectorIndex, prepare: Callable[[IndexDescription], object]
) -> None:
    """Refuse input that no index for Stache can take, before one is created for it."""
    try:
        prepare(IndexDescription.from_dimension(index.options.dimension))
    except InvalidInputError:
        if index.describe_existing() is None:  # an index that exists may take the input
            raise


def _build_mismatch_error(
    index: VectorIndex, dimension: int, existing: int
) -> InvalidInputError | ConfigurationError:
    expected = index.options.dimension
    setting = f"EMBEDDING_DIMENSION={dimension}"
    empty = existing != dimension and _is_empty(index)
    delete = (
        f"The index is empty. Delete it, so that one with {dimension} dimensions can be created: "
        f"`stache-s3vectors indexes delete {index.options.index_name} "
        f"{format_bucket_options(index.client, index.options)}`"
    )
    if existing == expected:
        text = (
            f"the vector has {dimension} dimensions, the index has {existing}, and so do Stache's "
            f"settings: use an embedding model with {existing}; or set {setting} and the name of "
            "another index, which is then created"
        )
        return InvalidInputError(f"{text}. {delete}" if empty else text)
    text = (
        f"the vectors have {dimension} dimensions, index {index.name} has {existing} dimensions, "
        f"Stache's settings say {expected}"
    )
    if empty:
        change = "" if dimension == expected else f", and set {setting}"
        return ConfigurationError(f"{text}. {delete}{change}")
    if existing == dimension:
        return ConfigurationError(f"{text}: set {setting}")
    return ConfigurationError(
        f"{text}: set EMBEDDING_DIMENSION={existing} and use an embedding model of that size, or "
        "use another index"
    )


def _is_empty(index: VectorIndex) -> bool:
    """Whether it is known to be empty; False if the caller may not list it."""
    try:
        return index.is_empty()
    except S3VectorsError:
        return False
