"""The options of an index, checked at synth time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Token, Tokenization
from aws_cdk.aws_kms import IKey

from stache_ai_s3vectors.service import limits
from stache_ai_s3vectors.service.arns import INDEX_NAME
from stache_ai_s3vectors.service.metadata_keys import FILTERED, KINDS, LANGUAGES, NON_FILTERABLE

METRICS: Final = ("cosine", "euclidean")
STANDARD: Final = "standard"
"""Text search that is not specific to a language."""


@dataclass(frozen=True)
class VectorIndexOptions:
    """An index of a store. Its options cannot be changed later, so its name has its dimension.

    Args:
        name: by default the kind and the dimension, for example "documents-1024".
        dimension: of the embeddings, 1 to 4096; by default the store's.
        distance_metric: "cosine" or "euclidean"; by default the store's.
        non_filterable_metadata_keys: metadata keys that are not filtered on, in addition to
            `text` and `_overflow`; at most eight.
        encryption_key: a customer key for this index; by default the bucket's encryption.
        existing: use the index of that name instead of creating one.
    """

    name: str | None = None
    dimension: int | None = None
    distance_metric: str | None = None
    non_filterable_metadata_keys: Sequence[str] = ()
    encryption_key: IKey | None = None
    existing: bool = False


@dataclass(frozen=True)
class Index:
    """An index with all options set."""

    name: str
    dimension: int
    distance_metric: str
    non_filterable_keys: tuple[str, ...]
    encryption_key: IKey | None
    existing: bool


def complete_indexes(
    options: Mapping[str, VectorIndexOptions], dimension: int, metric: str
) -> dict[str, Index]:
    """Complete and check the options of each index; return the indexes by kind.

    Raises:
        TypeError, ValueError: names the prop, the value, what is allowed and the fix.
    """
    if not options:
        raise ValueError("indexes is empty; leave it out for documents, summaries and insights")
    for kind, entry in options.items():
        if not isinstance(entry, VectorIndexOptions):
            raise TypeError(
                f"indexes[{kind!r}] is {entry!r}; it must be VectorIndexOptions(...), for example "
                "VectorIndexOptions(dimension=512)"
            )
    indexes = {
        kind: _complete_index(kind, entry, dimension, metric) for kind, entry in options.items()
    }
    kinds: dict[str, str] = {}
    for kind, index in indexes.items():
        if index.name in kinds and not Token.is_unresolved(index.name):
            raise ValueError(
                f"indexes[{kind!r}] and indexes[{kinds[index.name]!r}] both have the name "
                f"{index.name!r}; give one of them another name"
            )
        kinds[index.name] = kind
    return indexes


def _complete_index(kind: str, options: VectorIndexOptions, dimension: int, metric: str) -> Index:
    prop = f"indexes[{kind!r}]"
    size = dimension if options.dimension is None else options.dimension
    check_dimension(f"{prop}.dimension", size)
    chosen = options.distance_metric or metric
    check_metric(f"{prop}.distance_metric", chosen)
    name = options.name or f"{kind}-{to_string(size)}"
    if not Token.is_unresolved(name) and not INDEX_NAME.fullmatch(name):
        raise ValueError(
            f"{prop}.name is {name!r}; it must be 3 to 63 lower-case letters, digits, hyphens and "
            "dots, and begin and end with a letter or digit"
        )
    keys = _collect_non_filterable_keys(
        f"{prop}.non_filterable_metadata_keys", options.non_filterable_metadata_keys
    )
    return Index(name, size, chosen, keys, options.encryption_key, options.existing)


def _collect_non_filterable_keys(prop: str, names: Sequence[str]) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys((*NON_FILTERABLE, *names)))
    if isinstance(names, str):
        raise TypeError(f"{prop} is {names!r}; it must be a list: [{names!r}]")
    for key in keys:
        if key in FILTERED:
            raise ValueError(
                f"{prop} has {key!r}, which Stache's searches filter on. S3 Vectors refuses to "
                "filter on a non-filterable key, and the keys of an index cannot be changed: "
                "leave it out"
            )
        if not 1 <= len(key) <= limits.NON_FILTERABLE_KEY_LENGTH:
            raise ValueError(
                f"{prop} has {key!r}, {len(key)} characters; a key has 1 to "
                f"{limits.NON_FILTERABLE_KEY_LENGTH}"
            )
    if len(keys) > limits.NON_FILTERABLE_KEYS:
        raise ValueError(
            f"with {' and '.join(NON_FILTERABLE)}, {prop} has {len(keys)} keys; an index has at "
            f"most {limits.NON_FILTERABLE_KEYS}: leave {len(keys) - limits.NON_FILTERABLE_KEYS} out"
        )
    return keys


def check_consistency(indexes: Mapping[str, Index], *, existing_bucket: bool) -> None:
    """Refuse indexes that do not fit the bucket or each other.

    Raises:
        ValueError: an existing index is in a new bucket, or Stache's indexes differ in dimension.
    """
    existing = [kind for kind, index in indexes.items() if index.existing]
    if existing and not existing_bucket:
        raise ValueError(
            f"indexes[{existing[0]!r}].existing is True, but a new bucket has no indexes; set "
            "existing_bucket as well"
        )
    sizes = {kind: indexes[kind].dimension for kind in KINDS if kind in indexes}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{size} ({kind})" for kind, size in sizes.items())
        raise ValueError(
            f"indexes has the dimensions {listed}, but Stache embeds all three with one model; "
            "give them one dimension"
        )


def check_dimension(prop: str, value: int) -> None:
    """Refuse a number of dimensions that S3 Vectors does not support.

    Raises:
        ValueError: it is not 1 to 4096.
    """
    if Token.is_unresolved(value):
        return
    # bool is a subclass of int
    if type(value) is not int or not 1 <= value <= limits.DIMENSIONS:
        raise ValueError(
            f"{prop} is {value!r}; it must be 1 to {limits.DIMENSIONS}, the size of your embedding "
            "model's vectors"
        )


def check_metric(prop: str, value: str) -> None:
    """Refuse a value that is not a distance metric.

    Raises:
        ValueError: it is neither "cosine" nor "euclidean".
    """
    if not Token.is_unresolved(value) and value not in METRICS:
        raise ValueError(f"{prop} is {value!r}; it must be one of {', '.join(METRICS)}")


def check_text_search(value: str | None) -> None:
    """Refuse a language that text search does not support.

    Raises:
        ValueError: it is neither "standard" nor a supported language.
    """
    allowed = (STANDARD, *LANGUAGES)
    if value is not None and not Token.is_unresolved(value) and value not in allowed:
        raise ValueError(f"text_search is {value!r}; it must be one of {', '.join(allowed)}")


def to_string(number: int) -> str:
    """Return a number, which may be a token, as a string."""
    return Tokenization.stringify_number(number)
