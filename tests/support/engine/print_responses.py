"""Print the engine's responses to many requests, in a process that lacks some modules.

    python tests/support/engine/print_responses.py [MODULE …]

The script makes each MODULE impossible to import. Each response is a line: the status, the error's
code and the body. The last line has the imported modules of the extra `fast`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

for module in sys.argv[1:]:
    sys.modules[module] = None  # type: ignore[assignment] # importing it is an ImportError

import numpy as np

from s3vectors_local import Engine
from s3vectors_local.matrix import HAS_NUMKONG
from s3vectors_local.parsing import HAS_SIMDJSON
from s3vectors_local.signatures import HttpRequest
from s3vectors_local.wire import answer

METRICS: Final = ("cosine", "euclidean")
VECTORS: Final = 3000
"""Enough for a search to use numkong."""

DIMENSION: Final = 48
BATCH: Final = 500
FILTERS: Final[tuple[Any, ...]] = (
    None,
    {"year": {"$gte": 2000}},
    {"$and": [{"tags": {"$in": ["t1", "t2"]}}, {"text": {"$exists": True}}]},
    {"n": 7},
)
_SEGMENTS: Final = 4
_PADDING: Final = " " * 20_000
"""Padding that makes a body large enough for simdjson."""

Request: TypeAlias = tuple[str, bytes]


def generate_requests() -> Iterator[Request]:
    """Generate requests that put, search and list vectors, and then invalid ones."""
    generator = np.random.default_rng(12)
    yield _build_request("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    for metric in METRICS:
        yield from _create_index(metric)
        yield from _put_vectors(metric, generator)
        yield from _search_vectors(metric, generator)
        yield from _list_vectors(metric)
    yield from _malform_bodies()


def _name_index(metric: str) -> dict[str, str]:
    return {"vectorBucketName": "my-bucket", "indexName": metric}


def _build_request(operation: str, members: dict[str, Any]) -> Request:
    return operation, json.dumps(members).encode()


def _create_index(metric: str) -> Iterator[Request]:
    index = {"dataType": "float32", "dimension": DIMENSION, "distanceMetric": metric}
    metadata = {"nonFilterableMetadataKeys": ["body"]}
    yield _build_request(
        "CreateIndex", {**_name_index(metric), **index, "metadataConfiguration": metadata}
    )


def _put_vectors(metric: str, generator: np.random.Generator) -> Iterator[Request]:
    """Put all vectors, some of them equal, and then some of them again with other numbers."""
    vectors = generator.normal(size=(VECTORS, DIMENSION))
    vectors[::50] = vectors[0]
    for start in range(0, VECTORS, BATCH):
        yield _put(metric, start, vectors[start : start + BATCH])
    yield _put(metric, 100, 3 * vectors[:BATCH])


def _put(metric: str, start: int, vectors: np.ndarray[Any, Any]) -> Request:
    entries = [
        {
            "key": f"k{start + n}",
            "data": {"float32": vector.tolist()},
            "metadata": _draw_metadata(start + n),
        }
        for n, vector in enumerate(vectors)
    ]
    return _build_request("PutVectors", {**_name_index(metric), "vectors": entries})


def _draw_metadata(number: int) -> dict[str, Any]:
    return {
        "n": number,
        "year": 1980 + number % 40,
        "share": number / 7,
        "tags": [f"t{number % 5}", "[", "é"],
        "draft": number % 3 == 0,
        "body": f'[{number}] \\ " \n',
        **({"text": "x" * (number % 9)} if number % 2 else {}),
    }


def _search_vectors(metric: str, generator: np.random.Generator) -> Iterator[Request]:
    """Search three times with each filter, because the first search does not use numkong."""
    for filter_ in FILTERS:
        for count in (1, 10, 100):
            query = {"float32": generator.normal(size=DIMENSION).tolist()}
            members = {**_name_index(metric), "topK": count, "queryVector": query}
            members |= {"returnDistance": True, "returnMetadata": True}
            yield _build_request("QueryVectors", members | ({"filter": filter_} if filter_ else {}))


def _list_vectors(metric: str) -> Iterator[Request]:
    """List every vector in segments of one page, because page tokens differ between runs."""
    for segment in range(_SEGMENTS):
        part = {"segmentCount": _SEGMENTS, "segmentIndex": segment, "maxResults": 1000}
        yield _build_request("ListVectors", {**_name_index(metric), **part, "returnData": True})


def _malform_bodies() -> Iterator[Request]:
    """Generate bodies of PutVectors that are not JSON, or have unexpected values."""
    valid = json.dumps({"key": "a", "data": {"float32": [1.5] * DIMENSION}}, separators=(",", ":"))
    invalid = [
        *("", "{", "[]", "7", "null", '{"vectors":7}', '{"vectors":[7]}', '{"vectors":[]}'),
        *(_build_body('{"key":"a"}'), _build_body('{"key":"a","data":7}'), _build_body("null")),
        _build_body('{"key":"a","data":{"float32":7}}'),
        _build_body('{"key":"a","data":{"float32":[[1],2]}}'),
        _build_body('{"key":"a","data":{"float32":[true]}}'),
        _build_body('{"key":"a","data":{"float32":["NaN"]}}'),
        _build_body('{"key":"a","data":{"float32":[NaN]}}'),
        _build_body('{"key":"a","data":{"float32":[1e999]}}'),
        _build_body('{"key":"a","data":{"float32":[1,2]}}'),
        _build_body('{"key":"a","data":{"float32":[18446744073709551616]}}'),
        _build_body('{"key":7,"data":{"float32":[1]}}'),
        _build_body('{"key":"a","data":{"float32":[1],"other":[2]}}'),
        _build_body('{"key":"\\ud800","data":{"float32":[1]}}'),
        _build_body(valid.replace("1.5", "0")),
        _build_body(valid.replace("1.5", "01")),
        _build_body(valid.replace('"a"', '"a","key":"b"')),
        _build_body(valid.replace('"a"', '"a","key\\u0000":"b"')),
        _build_body(valid.replace('"a"', '"a","metadata":{"deep":' + "[" * 300 + "]" * 300 + "}")),
        _build_body(valid.replace('"a"', '"a","metadata":{"deep":{"a":1}}')),
        _build_body(valid) + " more",
        _build_body(valid + ","),
        "\ufeff" + _build_body(valid),
    ]
    for body in invalid:
        encoded = body.encode()
        yield "PutVectors", encoded
        yield "PutVectors", encoded + _PADDING.encode()
        yield "PutVectors", _PADDING.encode() + encoded
    yield "PutVectors", (_build_body(valid) + _PADDING).encode().replace(b"a", b"\xff")


def _build_body(entry: str) -> str:
    return f'{{"vectorBucketName":"my-bucket","indexName":"cosine","vectors":[{entry}]}}'


def main() -> None:
    """Send every request to one engine in memory, and print the responses."""
    engine = Engine()
    for operation, body in generate_requests():
        headers = {"content-type": "application/json"}
        response = answer(engine, HttpRequest("POST", f"/{operation}", "", headers, body))
        code = response.headers.get("x-amzn-errortype", "-")
        sys.stdout.write(f"{response.status} {code} {response.body.decode()}\n")
    used = {"numkong": HAS_NUMKONG, "simdjson": HAS_SIMDJSON}
    sys.stdout.write(" ".join(name for name, is_used in used.items() if is_used) + "\n")


if __name__ == "__main__":
    main()
