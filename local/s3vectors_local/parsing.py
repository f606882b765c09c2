"""Parses request bodies; the numbers of vectors become float64 arrays.

Half the time of PutVectors is parsing numbers. simdjson parses them into an array. Bodies that it
cannot parse, or would parse differently than orjson, are parsed by orjson, so the request or the
error is always the same. simdjson comes with the extra `fast`; without it, orjson parses
everything.
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
"""Bytes from which simdjson is faster, despite its set-up."""

_THREAD_LOCAL: Final = threading.local()


def parse(operation: str, body: bytes) -> dict[str, Any]:
    """Parse a request; arrays of `float32` in PutVectors are lists or float64 arrays.

    Raises:
        SerializationException: the body is not a JSON object.
    """
    if HAS_SIMDJSON and operation == "PutVectors" and len(body) >= _LARGE:
        request = _parse_put_vectors(body)
        if request is not None:
            return request
    return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; an empty body is one without members.

    Raises:
        SerializationException: the body is not a JSON object.
    """
    try:
        request = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"The request body is not valid JSON: {error}") from error
    if not isinstance(request, dict):
        raise SerializationException("The request body is not a JSON object")
    return request


def _parse_put_vectors(body: bytes) -> dict[str, Any] | None:
    """Parse PutVectors with simdjson; return None if orjson has to parse it."""
    document: Any = None
    try:
        document = _get_parser().parse(body)
        request = {
            name: _to_python(document[name]) for name in _read_names(document) if name != "vectors"
        }
        vectors = [_read_vector(entry) for entry in document["vectors"]]
        if not body.startswith(b"{") or not _is_flat(body, request, vectors):
            return None
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return None
    finally:
        document = None  # a parser cannot be reused while its document exists
    request["vectors"] = [{**entry, "data": {"float32": numbers}} for entry, numbers in vectors]
    return request


def _get_parser() -> simdjson.Parser:
    """Return the parser of this thread; reusing its memory saves half of the time."""
    parser: simdjson.Parser | None = getattr(_THREAD_LOCAL, "parser", None)
    if parser is None:
        parser = _THREAD_LOCAL.parser = simdjson.Parser()
    return parser


def _read_names(node: Any) -> list[str]:
    names = list(node.keys())
    if len(set(names)) < len(names):
        raise ValueError("simdjson uses the first of equal names, orjson the last")
    if any("\0" in name for name in names):
        raise ValueError("simdjson compares names only up to the first NUL")
    return names


def _read_vector(node: Any) -> tuple[dict[str, Any], npt.NDArray[np.float64]]:
    """Read an entry without its data, and the numbers of its data."""
    data = node["data"]
    if _read_names(data) != ["float32"]:
        raise ValueError("only float32 is supported")
    entry = {name: _to_python(node[name]) for name in _read_names(node) if name != "data"}
    return entry, np.frombuffer(data["float32"].as_buffer(of_type="d"), np.float64)


def _to_python(node: Any) -> Any:
    if isinstance(node, simdjson.Object):
        return node.as_dict()
    return node.as_list() if isinstance(node, simdjson.Array) else node


def _is_flat(body: bytes, request: dict[str, Any], vectors: list[tuple[Any, Any]]) -> bool:
    """Whether no vector has a nested array, which `as_buffer` would flatten.

    Then the number of opening brackets is that of arrays plus those in strings. A string may have
    one as an escape.
    """
    rest = orjson.dumps([request, *(entry for entry, _ in vectors)])
    brackets = rest.count(b"[")
    arrays = sum(map(_count_arrays, [request, *(entry.get("metadata") for entry, _ in vectors)]))
    in_strings = brackets > 1 + arrays
    if in_strings and b"\\u005" in body:
        return False
    return body.count(b"[") == brackets + len(vectors)


def _count_arrays(members: Any) -> int:
    return sum(type(value) is list for value in members.values()) if type(members) is dict else 0
