"""Request bodies: simdjson and orjson return the same request."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3vectors_local import parsing
from s3vectors_local.errors import SerializationException

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS, st.booleans(), st.none(), st.sampled_from(["[", "]", "\\u005b"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
USUAL = st.fixed_dictionaries(
    {"key": TEXTS, "data": st.fixed_dictionaries({"float32": st.lists(NUMBERS, max_size=4)})},
    optional={"metadata": st.dictionaries(TEXTS, VALUES, max_size=3), "more": VALUES},
)
REQUESTS = st.fixed_dictionaries(
    {"vectors": st.lists(st.one_of(USUAL, VALUES), max_size=3)},
    optional={"indexArn": TEXTS, "indexName": VALUES},
)


def to_plain(request):
    """Return the same request with lists for arrays, and floats for the numbers of vectors."""
    if isinstance(request, np.ndarray):
        return request.tolist()
    if isinstance(request, dict):
        return {
            key: [float(n) if type(n) is int else to_plain(n) for n in value]
            if key == "float32" and isinstance(value, list)
            else to_plain(value)
            for key, value in request.items()
        }
    return [to_plain(item) for item in request] if isinstance(request, list) else request


@pytest.fixture(scope="module", autouse=True)
def _parse_small_bodies_with_simdjson():
    """Let simdjson parse the small bodies of hypothesis as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "_LARGE", 0)
        yield


@settings(max_examples=400)
@given(request_=REQUESTS, escaped=st.booleans(), spaced=st.booleans())
def test_both_parsers_return_the_same(request_, escaped, spaced):
    """Content and notation are arbitrary."""
    separators = (", ", ": ") if spaced else (",", ":")
    body = json.dumps(request_, ensure_ascii=escaped, separators=separators).encode()

    assert to_plain(parsing.parse("PutVectors", body)) == to_plain(orjson.loads(body))


def is_parsed_by_simdjson(body):
    """Whether simdjson parsed the body: the numbers of the first vector are then an array."""
    request = parsing.parse("PutVectors", body)
    assert to_plain(request) == to_plain(orjson.loads(body))
    return isinstance(request["vectors"][0]["data"]["float32"], np.ndarray)


@pytest.mark.parametrize(
    "body",
    [
        b'{"vectors":[{"key":"a","data":{"float32":[1,2.5,-0.0,1e-400]}}]}',
        b'{"vectors":[{"key":"a[","data":{"float32":[1]},"metadata":{"t":["[","x"],"n":1}}]}',
        b'{"indexName":"[","vectors":[{"data":{"float32":[]},"key":"a"}],"x":[1]}',
        b'{ "vectors" : [ { "key" : "\\u00e9" , "data" : { "float32" : [ 1 ] } } ] }',
    ],
)
def test_usual_requests_are_parsed_by_simdjson(body):
    """Brackets in strings do not matter. Without simdjson, orjson parses all."""
    assert is_parsed_by_simdjson(body) == parsing.HAS_SIMDJSON


@pytest.mark.parametrize(
    "body",
    [
        b'{"vectors":[{"key":"a","data":{"float32":[[1],2]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[[1]]}}]}',
        b'{"vectors":[{"key":"\\u005b","data":{"float32":[[1]]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[true]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":["NaN"]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[18446744073709551616]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[1]},"key":"b"}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[1],"float32":[2]}}]}',
        b'{"vectors":[],"vectors":[{"key":"a","data":{"float32":[1]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[1],"other":[2]}}]}',
        b' {"vectors":[{"key":"a","data":{"float32":[1]}}]}',
    ],
)
def test_unusual_requests_are_parsed_by_orjson(body):
    """With simdjson, the result would be different, or nothing."""
    assert not is_parsed_by_simdjson(body)


def test_names_with_a_nul_are_complete():
    """By itself, simdjson compares names only up to the NUL."""
    assert not is_parsed_by_simdjson(
        b'{"vectors":[{"key":"a","key\\u0000":"b","data":{"float32":[1]}}]}'
    )


def test_deep_metadata_is_refused_by_its_rule_not_by_the_parser():
    """The parser can be reused afterwards, even while the error exists."""
    deep = "[" * 300 + "]" * 300
    body = f'{{"vectors":[{{"key":"a","data":{{"float32":[1]}},"metadata":{{"a":{deep}}}}}]}}'

    assert parsing.parse("PutVectors", body.encode()) == json.loads(body)
    assert (
        is_parsed_by_simdjson(b'{"vectors":[{"key":"a","data":{"float32":[1]}}]}')
        == parsing.HAS_SIMDJSON
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"vectors":7}',
        b'{"vectors":[7]}',
        b'{"vectors":[{"key":"a"}]}',
        b'{"vectors":[{"data":7}]}',
        b'{"vectors":[{"data":{"float32":7}}]}',
        b"{}",
    ],
)
def test_requests_of_another_shape_are_parsed_unchanged(body):
    """The checks then refuse them."""
    assert parsing.parse("PutVectors", body) == orjson.loads(body or b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"7",
        b'\xef\xbb\xbf{"vectors":[{"key":"a","data":{"float32":[1]}}]}',
        b'{"vectors":[{"key":"\\ud800","data":{"float32":[1]}}]}',
        b'{"vectors":[{"key":"\xff","data":{"float32":[1]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[NaN]}}]}',
        b'{"vectors":[{"key":"a","data":{"float32":[1]}}]} more',
    ],
)
def test_an_invalid_body_is_refused(body):
    """Both parsers refuse it."""
    with pytest.raises(SerializationException):
        parsing.parse("PutVectors", body)
