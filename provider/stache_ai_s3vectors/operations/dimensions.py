"""Vectors, settings and index must have the same number of dimensions, before anything is made."""

from __future__ import annotations

from collections.abc import Callable

from stache_ai_s3vectors.aws.descriptions import IndexDescription
from stache_ai_s3vectors.aws.provision import format_bucket_options
from stache_ai_s3vectors.aws.vector_index import VectorIndex
from stache_ai_s3vectors.errors import ConfigurationError, InvalidInputError, S3VectorsError


def describe_fitting(
    index: VectorIndex, given: int, check: Callable[[IndexDescription], object]
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
    if given != expected:
        known = index.find_description()
    else:
        _check_first(index, check)
        known = index.describe()
    if known is not None and known.dimension != expected:
        known = index.describe(fresh=True)  # it may have been made anew since
    if known is not None and known.dimension == given == expected:
        return known
    if known is None:
        raise ConfigurationError(
            f"the vectors have {given} dimensions, index {index.name} does not exist yet, and "
            f"would get the {expected} that Stache's settings say: set EMBEDDING_DIMENSION="
            f"{given}, or use an embedding model with {expected}"
        )
    raise _disagreement(index, given, known.dimension)


def _check_first(index: VectorIndex, check: Callable[[IndexDescription], object]) -> None:
    """Refuse input that no index for Stache can take, before one is created for it."""
    if not index.would_create:
        return
    try:
        check(IndexDescription.from_dimension(index.options.dimension))
    except InvalidInputError:
        if index.find_description() is None:  # else it is for the one that is there to say
            raise


def _disagreement(
    index: VectorIndex, given: int, there: int
) -> InvalidInputError | ConfigurationError:
    expected = index.options.dimension
    setting = f"EMBEDDING_DIMENSION={given}"
    empty = there != given and _is_empty(index)
    delete = (
        f"The index is empty: `stache-s3vectors indexes delete {index.options.index_name} "
        f"{format_bucket_options(index.client, index.options)}` makes room for one of {given}"
    )
    if there == expected:
        text = (
            f"the vector has {given} dimensions, the index has {there}, and so Stache's settings "
            f"say: use an embedding model with {there}; or set {setting} and the name of another "
            "index, which is made for it"
        )
        return InvalidInputError(f"{text}. {delete}" if empty else text)
    text = (
        f"the vectors have {given} dimensions, index {index.name} has {there} dimensions, Stache's "
        f"settings say {expected}"
    )
    if empty:
        change = "" if given == expected else f", and set {setting}"
        return ConfigurationError(f"{text}. {delete}{change}")
    if there == given:
        return ConfigurationError(f"{text}: set {setting}")
    return ConfigurationError(
        f"{text}: set EMBEDDING_DIMENSION={there} and use an embedding model of that size, or use "
        "another index"
    )


def _is_empty(index: VectorIndex) -> bool:
    """Whether it surely holds nothing; whoever may not list it gets the other advice."""
    try:
        return index.is_empty()
    except S3VectorsError:
        return False
