"""Checks of the arguments that Stache passes, before anything is sent. Pure."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral
from typing import Any

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits

from .metadata_values import is_text, to_native, to_plain


def check_namespace(namespace: Any) -> str:
    """Check a namespace that is not None; returns it as a string.

    Raises:
        InvalidInputError: it is not a name. An empty string is usually a value that somebody
            forgot to set, and must not stand for all namespaces.
    """
    if not is_text(namespace) or not namespace:
        raise InvalidInputError(
            f"the namespace is {namespace!r:.80}; it must be a name, or None for all of them"
        )
    return str(to_plain(namespace))


def check_list(name: str, items: Any, *, of: str, ordered: bool = False) -> None:
    """Refuse what is not a list, for example None, a string, or a generator.

    Args:
        name: the argument.
        items: its value.
        of: the items of the list, for the message.
        ordered: also refuse a set.
    """
    kinds = (str, bytes, bytearray, Mapping, *((AbstractSet,) if ordered else ()))
    wrong = isinstance(items, kinds) or not isinstance(items, Collection)
    if wrong or getattr(items, "ndim", 1) == 0:
        shown = type(items).__name__ if isinstance(items, Iterator) else f"{items!r:.80}"
        raise InvalidInputError(f"{name} is {shown}; it must be a list of {of}")


def check_scalar(name: str, value: Any) -> None:
    """Refuse what is not a scalar: a filter would read it as a condition of its own.

    Args:
        name: the argument.
    """
    if not isinstance(to_native(value), (str, bool, int, float)):
        raise InvalidInputError(
            f"{name} is {value!r:.80}; it must be a string, a number or a boolean"
        )


def check_fields(fields: Any) -> None:
    """Refuse what is neither None nor a list of metadata keys."""
    if fields is None:
        return
    check_list("fields", fields, of="metadata keys")
    for field in fields:
        if not isinstance(field, str):
            raise InvalidInputError(
                f"fields contains {field!r:.80}; it must contain strings, the metadata keys"
            )


def check_limit(limit: Any) -> int:
    """Check how many chunks to list; returns a Python integer.

    Raises:
        InvalidInputError: it is not an integer, or less than 1.
    """
    return min(_check_count(limit, f"limit is {limit!r:.80}; it must be 1 or more"), sys.maxsize)


def _check_count(value: Any, problem: str) -> int:
    """Check an integer of Python's or numpy's, at least 1; returns a Python integer."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InvalidInputError(problem)
    return int(value)


def make_chunks(
    vectors: Any, texts: Any, metadatas: Any, ids: Any
) -> list[tuple[str, Any, Any, Any]]:
    """Check the lists of an insert, and make its chunks: id, vector, text and metadata of each.

    Without metadata, it is empty; without ids, they are generated.
    """
    check_list("vectors", vectors, of="vectors", ordered=True)
    check_list("texts", texts, of="texts", ordered=True)
    keys = [str(uuid.uuid4()) for _ in vectors] if ids is None else _check_new_ids(ids)
    metadatas = [{} for _ in vectors] if metadatas is None else metadatas
    check_list("metadatas", metadatas, of="dictionaries", ordered=True)
    _check_lengths(vectors=vectors, texts=texts, metadatas=metadatas, ids=keys)
    return [*zip(keys, vectors, texts, metadatas, strict=True)]


def _check_lengths(**lists: Sequence[Any]) -> None:
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InvalidInputError(f"insert got {shown}; every chunk needs one of each")


def check_ids(ids: Sequence[str]) -> None:
    """Refuse ids that cannot be a vector's key."""
    check_list("ids", ids, of="ids")
    for position, key in enumerate(ids):
        _check_id(position, key)


def _check_new_ids(ids: Any) -> list[str]:
    """Check the ids of an insert, each of which occurs once; returns them as a list."""
    check_list("ids", ids, of="ids", ordered=True)
    seen: set[str] = set()
    for position, key in enumerate(ids):
        _check_id(position, key)
        if key in seen:
            raise InvalidInputError(f"item {position}: the id {key!r:.80} is repeated in the call")
        seen.add(key)
    return list(ids)


def _check_id(position: int, key: Any) -> None:
    if not isinstance(key, str):
        raise InvalidInputError(f"item {position}: the id {key!r:.80} is not a string")
    if not key:
        raise InvalidInputError(f"item {position}: the id is empty")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"item {position}: the id {key!r:.80} is not Unicode") from error
    if length > limits.KEY_LENGTH:
        raise InvalidInputError(
            f"item {position}: the id {key[:40]!r}… is {length} bytes long; "
            f"S3 Vectors takes at most {limits.KEY_LENGTH}"
        )


def check_top_k(top_k: Any) -> int:
    """Check the number of results; returns a Python integer, which may exceed the limit.

    Raises:
        InvalidInputError: it is not an integer, or less than 1.
    """
    return _check_count(top_k, f"top_k is {top_k!r:.80}; it must be 1 to {limits.TOP_K}")
