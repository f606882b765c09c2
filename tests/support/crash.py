"""A process that writes until it is killed, and what it must have left behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from s3vectors_local import Engine

NAMES = {"vectorBucketName": "my-bucket", "indexName": "my-index"}
Contents: TypeAlias = dict[str, dict[str, Any]]
"""Key to metadata."""


def prepare(directory: Path) -> None:
    """Make the index: with a text search, so that a write touches several tables."""
    engine = Engine(directory)
    engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    texts = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    index = {"dataType": "float32", "dimension": 8, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**NAMES, **index, "metadataConfiguration": texts})
    engine.close()


def generate_operations(seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Puts of new and known keys, and deletes; the same for the same seed."""
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


def write(directory: Path, seed: int, acknowledged: Connection) -> None:
    """Carry the operations out, and tell of each when it is acknowledged."""
    engine = Engine(directory)
    for operation, request in generate_operations(seed):
        engine.call(operation, request)
        acknowledged.send(operation)


def replay(contents: Contents, seed: int, count: int) -> Contents:
    """What is stored when so many operations have been carried out."""
    contents = dict(contents)
    for _, (operation, request) in zip(range(count), generate_operations(seed), strict=False):
        if operation == "DeleteVectors":
            for key in request["keys"]:
                contents.pop(key, None)
        else:
            contents |= {vector["key"]: vector["metadata"] for vector in request["vectors"]}
    return contents


def read(engine: Engine) -> Contents:
    """What the engine lists."""
    contents: Contents = {}
    token: dict[str, str] = {}
    while True:
        page = engine.call("ListVectors", {**NAMES, "returnMetadata": True, **token})
        contents |= {vector["key"]: vector["metadata"] for vector in page["vectors"]}
        if "nextToken" not in page:
            return contents
        token = {"nextToken": page["nextToken"]}


def search(engine: Engine, **request: Any) -> set[str]:
    """The keys that a query finds, all its pages together."""
    keys: set[str] = set()
    token: dict[str, str] = {}
    while True:
        page = engine.call("QueryVectors", {**NAMES, "topK": 1000, **request, **token})
        keys |= {vector["key"] for vector in page["vectors"]}
        if "nextToken" not in page:
            return keys
        token = {"nextToken": page["nextToken"]}
