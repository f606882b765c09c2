"""Vectors, settings and index must have the same number of dimensions, before anything is made."""

from __future__ import annotations

from collections.abc import Callable

from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.provision import format_bucket_options
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import ConfigurationError, InvalidInputError, S3VectorsError


def describe_fitting(
    index: VectorIndex, actual: int, check: Callable[[IndexDescription], object]
) -> IndexDescription:
    """What the index is; it is made if it may, and if it could take the input.

    Args:
        given: dimensions of the vectors that are to be stored or looked for.
        check: refuses input that an index cannot take.

    Raises:
        ConfigurationError: they do not agree; the message names all three and what to change.
        InvalidInputError: only the vectors do not, or the input is refused.
    """
    expected = index.options.dimension
    if actual != expected:
        known = index.find_description()
    else:
        _check_first(index, check)
        known = index.describe()
    if known is not None and known.dimension != expected:
        known = index.describe(fresh=True)  # it may have been made anew since
    if known is not None and known.dimension == actual == expected:
        return known
    if known is None:
        raise ConfigurationError(
            f"the vectors have {actual} dimensions, index {index.name} does not exist yet, and "
            f"would get the {expected} that Stache's settings say: set EMBEDDING_DIMENSION="
            f"{actual}, or use an embedding model with {expected}"
        )
    raise _build_mismatch_error(index, actual, known.dimension)


def _check_first(index: VectorIndex, check: Callable[[IndexDescription], object]) -> None:
    """Refuse input that no index for Stache can take, before one is created for it."""
    if not index.would_create:
        return
    try:
        check(IndexDescription.from_dimension(index.options.dimension))
    except InvalidInputError:
        if index.find_description() is None:  # else it is for the one that is there to say
            raise


def _build_mismatch_error(
    index: VectorIndex, actual: int, existing: int
) -> InvalidInputError | ConfigurationError:
    expected = index.options.dimension
    setting = f"EMBEDDING_DIMENSION={actual}"
    empty = existing != actual and _is_empty(index)
    delete = (
        f"The index is empty: `stache-s3vectors indexes delete {index.options.index_name} "
        f"{format_bucket_options(index.client, index.options)}` makes room for one of {actual}"
    )
    if existing == expected:
        text = (
            f"the vector has {actual} dimensions, the index has {existing}, and so do Stache's "
            f"settings: use an embedding model with {existing}; or set {setting} and the name of "
            "another index, which is then created"
        )
        return InvalidInputError(f"{text}. {delete}" if empty else text)
    text = (
        f"the vectors have {actual} dimensions, index {index.name} has {existing} dimensions, "
        f"Stache's settings say {expected}"
    )
    if empty:
        change = "" if actual == expected else f", and set {setting}"
        return ConfigurationError(f"{text}. {delete}{change}")
    if existing == actual:
        return ConfigurationError(f"{text}: set {setting}")
    return ConfigurationError(
        f"{text}: set EMBEDDING_DIMENSION={existing} and use an embedding model of that size, or "
        "use another index"
    )


def _is_empty(index: VectorIndex) -> bool:
    """Whether it surely holds nothing; whoever may not list it gets the other advice."""
    try:
        return index.is_empty()
    except S3VectorsError:
        return False
