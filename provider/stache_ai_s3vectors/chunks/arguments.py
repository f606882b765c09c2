"""What Stache hands over, checked before anything is sent. Pure."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral
from typing import Any

from stache_ai_s3vectors.errors import InvalidInputError
from stache_ai_s3vectors.service import limits

from .metadata_values import is_text, to_native, to_plain


def check_namespace(namespace: Any) -> str:
    """A namespace that is given: a name.

    Raises:
        InvalidInputError: it is something else, an empty text included: that mostly is a value
            that somebody forgot, and must not stand for all namespaces.
    """
    if not is_text(namespace) or not namespace:
        raise InvalidInputError(
            f"the namespace is {namespace!r:.80}; it must be a name, or None for all of them"
        )
    return str(to_plain(namespace))


def check_list(name: str, items: Any, *, of: str, ordered: bool = False) -> None:
    """Refuse what is not a list of things, such as None, a string, or a generator.

    Args:
        name: the argument.
        items: its value.
        of: what it is a list of.
        ordered: also refuse a set.
    """
    kinds = (str, bytes, bytearray, Mapping, *((AbstractSet,) if ordered else ()))
    wrong = isinstance(items, kinds) or not isinstance(items, Collection)
    if wrong or getattr(items, "ndim", 1) == 0:
        shown = type(items).__name__ if isinstance(items, Iterator) else f"{items!r:.80}"
        raise InvalidInputError(f"{name} is {shown}; it must be a list of {of}")


def check_scalar(name: str, value: Any) -> None:
    """Refuse what a filter would take for a condition of its own.

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
            raise InvalidInputError(f"fields holds {field!r:.80}; metadata keys are strings")


def check_limit(limit: Any) -> int:
    """How many to list, as an integer of Python's.

    Raises:
        InvalidInputError: it is not an integer, or less than 1.
    """
    return min(_check_count(limit, f"limit is {limit!r:.80}; it must be 1 or more"), sys.maxsize)


def _check_count(value: Any, problem: str) -> int:
    """An integer of Python's or numpy's, at least 1, as one of Python's."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InvalidInputError(problem)
    return int(value)


def check_lengths(**lists: Sequence[Any]) -> None:
    """Refuse lists of different lengths."""
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise InvalidInputError(f"insert got {shown}; every chunk needs one of each")


def check_ids(ids: Sequence[str], *, unique: bool = False) -> None:
    """Refuse ids that cannot be a vector's key and, if asked, ids that are there twice."""
    check_list("ids", ids, of="ids")
    seen: set[str] = set()
    for position, key in enumerate(ids):
        _check_id(position, key)
        if unique and key in seen:
            raise InvalidInputError(f"item {position}: the id {key!r:.80} is twice in the call")
        seen.add(key)


def check_new_ids(ids: Any) -> list[str]:
    """The ids of an insert as a list; each is there once."""
    check_list("ids", ids, of="ids", ordered=True)
    check_ids(ids, unique=True)
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
            f"item {position}: the id {key[:40]!r}… is {length} bytes long, "
            f"{limits.KEY_LENGTH} are possible"
        )


def check_top_k(top_k: Any) -> int:
    """How many results to ask for, as an integer of Python's; more than the service takes stay.

    Raises:
        InvalidInputError: it is not an integer, or less than 1.
    """
    return _check_count(top_k, f"top_k is {top_k!r:.80}; 1 to {limits.TOP_K} are possible")
