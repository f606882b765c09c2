"""A process that writes until it is killed, and the content that it must leave."""

from __future__ import annotations

import random
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from s3vectors_local import Engine

NAMES = {"vectorBucketName": "my-bucket", "indexName": "my-index"}
Contents: TypeAlias = dict[str, dict[str, Any]]
"""The metadata of each vector, by key."""


def create_index(directory: Path) -> None:
    """Create an index with text search, so that a write changes several tables."""
    engine = Engine(directory)
    engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    texts = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    index = {"dataType": "float32", "dimension": 8, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **index, "metadataConfiguration": texts})
    engine.close()


def generate_operations(seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Generate puts of new and existing keys, and deletes. The same seed generates the same."""
    generator = random.Random(seed)
    while True:
        keys = [f"k{generator.randrange(400)}" for _ in range(generator.choice((1, 20, 200)))]
        if generator.random() < 1 / 4:
            yield "DeleteVectors", {**NAMES, "keys": keys}
            continue
        word = f"word{generator.randrange(10**9)}"
        vectors = [
            {
                "key": key,
                "data": {"float32": [generator.random() for _ in range(8)]},
                "metadata": {"text": f"{word} {key}", "word": word},
            }
            for key in dict.fromkeys(keys)
        ]
        yield "PutVectors", {**NAMES, "vectors": vectors}


def run_operations(directory: Path, seed: int, acknowledged: Connection) -> None:
    """Run the operations, and report each one that is acknowledged."""
    engine = Engine(directory)
    for operation, request in generate_operations(seed):
        engine.call(operation, request)
        acknowledged.send(operation)


def replay(contents: Contents, seed: int, count: int) -> Contents:
    """Return the content after a number of operations."""
    contents = dict(contents)
    for _, (operation, request) in zip(range(count), generate_operations(seed), strict=False):
        if operation == "DeleteVectors":
            for key in request["keys"]:
                contents.pop(key, None)
        else:
            contents |= {vector["key"]: vector["metadata"] for vector in request["vectors"]}
    return contents


def read_contents(engine: Engine) -> Contents:
    """List all vectors of the index."""
    contents: Contents = {}
    token: dict[str, str] = {}
    while True:
        page = engine.call("ListVectors", {**NAMES, "returnMetadata": True, **token})
        contents |= {vector["key"]: vector["metadata"] for vector in page["vectors"]}
        if "nextToken" not in page:
            return contents
        token = {"nextToken": page["nextToken"]}


def query_keys(engine: Engine, **request: Any) -> set[str]:
    """Query all pages, and return the keys."""
    keys: set[str] = set()
    token: dict[str, str] = {}
    while True:
        page = engine.call("QueryVectors", {**NAMES, "topK": 1000, **request, **token})
        keys |= {vector["key"] for vector in page["vectors"]}
        if "nextToken" not in page:
            return keys
        token = {"nextToken": page["nextToken"]}
