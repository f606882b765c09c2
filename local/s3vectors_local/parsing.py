"""Request bodies: JSON to Python, with the numbers of vectors straight to float64 arrays.

Half the work of PutVectors is reading numbers. simdjson reads them into an array at once;
whatever it cannot read, or would read otherwise than orjson, is left to orjson, so that
both ways give the same request or the same error. simdjson comes with the extra `fast`;
without it, orjson reads everything.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from .errors import SerializationException

try:
    import simdjson

    HAS_SIMDJSON = True
except ImportError:
    HAS_SIMDJSON = False

_LARGE: Final = 16_384
"""Bytes from which on simdjson is worth its set-up."""

_THREAD: Final = threading.local()


def parse(operation: str, body: bytes) -> dict[str, Any]:
    """The members of a request; arrays of `float32` in PutVectors are lists or float64 arrays.

    Raises:
        SerializationException: the body is not a JSON object.
    """
    if HAS_SIMDJSON and operation == "PutVectors" and len(body) >= _LARGE:
        request = _put_vectors(body)
        if request is not None:
            return request
    try:
        request = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"The request body is not valid JSON: {error}") from error
    if not isinstance(request, dict):
        raise SerializationException("The request body is not a JSON object")
    return request


def _put_vectors(body: bytes) -> dict[str, Any] | None:
    """The request, or None when it is not as usual."""
    document: Any = None
    try:
        document = _parser().parse(body)
        request = {name: _plain(document[name]) for name in _names(document) if name != "vectors"}
        vectors = [_vector(entry) for entry in document["vectors"]]
        if not body.startswith(b"{") or not _is_flat(body, request, vectors):
            return None
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return None
    finally:
        document = None  # a parser serves again only when nothing of it is left
    request["vectors"] = [{**entry, "data": {"float32": numbers}} for entry, numbers in vectors]
    return request


def _parser() -> simdjson.Parser:
    """This thread's: its memory is used again, which saves as much time as reading takes."""
    parser: simdjson.Parser | None = getattr(_THREAD, "parser", None)
    if parser is None:
        parser = _THREAD.parser = simdjson.Parser()
    return parser


def _names(found: Any) -> list[str]:
    names = list(found.keys())
    if len(set(names)) < len(names):
        raise ValueError("simdjson takes the first of equal names, orjson the last")
    if any("\0" in name for name in names):
        raise ValueError("simdjson looks a name up to its first NUL only")
    return names


def _vector(found: Any) -> tuple[dict[str, Any], npt.NDArray[np.float64]]:
    """An entry without its data, and the numbers of its data."""
    data = found["data"]
    if _names(data) != ["float32"]:
        raise ValueError("only float32 is read here")
    entry = {name: _plain(found[name]) for name in _names(found) if name != "data"}
    return entry, np.frombuffer(data["float32"].as_buffer(of_type="d"), np.float64)


def _plain(found: Any) -> Any:
    if isinstance(found, simdjson.Object):
        return found.as_dict()
    return found.as_list() if isinstance(found, simdjson.Array) else found


def _is_flat(body: bytes, request: dict[str, Any], vectors: list[tuple[Any, Any]]) -> bool:
    """Whether no vector has an array inside, which `as_buffer` would read as its numbers.

    Then there are as many opening brackets as arrays and as strings have; but a string may
    have written one as an escape.
    """
    rest = orjson.dumps([request, *(entry for entry, _ in vectors)])
    brackets = rest.count(b"[")
    arrays = sum(map(_arrays, [request, *(entry.get("metadata") for entry, _ in vectors)]))
    in_strings = brackets > 1 + arrays
    if in_strings and b"\\u005" in body:
        return False
    return body.count(b"[") == brackets + len(vectors)


def _arrays(members: Any) -> int:
    return sum(type(value) is list for value in members.values()) if type(members) is dict else 0
