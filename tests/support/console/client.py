"""A client that sends the requests of the console's page, without a browser."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from s3vectors_local import Engine

NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}
PAGE = {"bucket": "my-bucket", "index": "idx"}
"""The index of NAMES, with the names that jobs use."""


def send_request(
    url: str, path: str, request: Any = None, method: str = "POST", body: Any = None, **headers: Any
) -> tuple[http.client.HTTPResponse, Any]:
    """Return the response to a request of the page, and its JSON document."""
    body = json.dumps({} if request is None else request).encode() if body is None else body
    fields = {"content-type": "application/json", **headers}
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request(method, path, body, {k: v for k, v in fields.items() if v is not None})
        response = connection.getresponse()
        return response, json.loads(response.read())


def read_stream(url: str, path: str, body: bytes, **headers: str) -> list[dict[str, Any]]:
    """Return the lines of a streamed response."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request("POST", path, body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        assert response.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in response.read().splitlines()]


def run_job(url: str, job: str, **members: Any) -> Any:
    """Return the result of a job on the index."""
    *progress, last = read_stream(
        url, f"/console/api/stream/{job}", json.dumps({**PAGE, **members}).encode()
    )
    assert all(set(line) == {"progress"} for line in progress)
    assert "result" in last, last
    return last["result"]


def run_failing_job(url: str, job: str, **members: Any) -> dict[str, Any]:
    """Return the error with which a job on the index ends."""
    lines = read_stream(url, f"/console/api/stream/{job}", json.dumps({**PAGE, **members}).encode())
    assert "error" in lines[-1], lines[-1]
    error: dict[str, Any] = lines[-1]["error"]
    return error


def create_index(engine: Engine, dimension: int = 2, **options: Any) -> None:
    """Create the index and its bucket; its text searches are ACTIVE."""
    engine.call("CreateVectorBucket", {"vectorBucketName": NAMES["vectorBucketName"]})
    shape = {"dataType": "float32", "dimension": dimension, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **shape, **options})
    if "metadataConfiguration" in options:
        wait_until_active(engine, NAMES)


def wait_until_active(engine: Engine, names: dict[str, str]) -> None:
    """Wait until the text searches of an index are ACTIVE."""
    while "BUILDING" in str(engine.call("GetIndex", names)):
        pass  # a thread of the engine builds them in a moment


def put_vectors(engine: Engine, vectors: list[tuple[str, Any, dict[str, Any]]]) -> None:
    """Store vectors, each a tuple of its key, numbers and metadata."""
    for start in range(0, len(vectors), 500):
        batch = [
            {"key": key, "data": {"float32": numbers}, "metadata": metadata}
            for key, numbers, metadata in vectors[start : start + 500]
        ]
        engine.call("PutVectors", {**NAMES, "vectors": batch})
