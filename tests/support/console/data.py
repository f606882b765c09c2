"""Indexes for the console to show: with no vector, one, many, and with hostile content."""

from __future__ import annotations

from typing import Any

import numpy as np

from s3vectors_local import Engine
from support.console.client import wait_until_active

BUCKET = "library"
MANY = 20_000
DIMENSION = 8
KINDS = ("book", "film", "song")

BIDI = "\u202ecod.exe"
ZERO_WIDTH = "a\u200bb"
MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
SCRIPT_KEY = "javascript:document.title='owned'"
LONG = "long " * 7_000
"""Almost the longest text that the service accepts."""

HOSTILE_KEYS = (
    MARKUP,
    SCRIPT_KEY,
    BIDI,
    ZERO_WIDTH,
    "line\nbreak\ttab",
    "a/b?c#d%25",
    "..",
    "ключ",
)


def create_index(
    engine: Engine, name: str, dimension: int = DIMENSION, **options: Any
) -> dict[str, str]:
    """Create an empty index in the bucket, and return its names; its text searches are ACTIVE."""
    names = {"vectorBucketName": BUCKET, "indexName": name}
    shape = {"dataType": "float32", "dimension": dimension, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**names, **shape, **options})
    wait_until_active(engine, names)
    return names


def put_vectors(engine: Engine, names: dict[str, str], vectors: list[dict[str, Any]]) -> None:
    """Put any number of vectors."""
    for start in range(0, len(vectors), 500):
        engine.call("PutVectors", {**names, "vectors": vectors[start : start + 500]})


def fill_engine(engine: Engine) -> None:
    """Create the bucket and its indexes."""
    engine.call("CreateVectorBucket", {"vectorBucketName": BUCKET, "tags": {"team": "search"}})
    create_index(engine, "empty")
    put_vectors(engine, create_index(engine, "one", **SEARCHABLE), [make_vector("only", 0)])
    many = create_index(engine, "many", **SEARCHABLE)
    put_vectors(engine, many, [make_vector(f"doc-{n:05}", n) for n in range(MANY)])
    hostile = create_index(engine, "hostile", **SEARCHABLE)
    put_vectors(engine, hostile, make_hostile_vectors())


SEARCHABLE: dict[str, Any] = {
    "metadataConfiguration": {
        "nonFilterableMetadataKeys": ["text"],
        "textSearchConfigurations": [{"metadataKey": "text", "language": "en"}],
    },
    "tags": {"stage": "test"},
}

_NUMBERS = np.random.default_rng(1).normal(size=(MANY, DIMENSION)).astype(np.float32)


def make_vector(key: str, number: int) -> dict[str, Any]:
    """Make a vector with metadata that depends on its number."""
    kind = KINDS[number % len(KINDS)]
    text = f"The {kind} number {number} tells of {'rivers' if number % 5 else 'mountains'}."
    metadata = {"kind": kind, "number": number, "shelf": f"s{number % 40}", "text": text}
    return {"key": key, "data": {"float32": _NUMBERS[number].tolist()}, "metadata": metadata}


def make_hostile_vectors() -> list[dict[str, Any]]:
    """Make vectors with markup, scripts and control characters in keys and metadata."""
    hostile = {
        "kind": MARKUP,
        MARKUP: BIDI,
        "url": SCRIPT_KEY,
        "id": 2**63 - 1,
        "text": MARKUP + BIDI,
    }
    vectors = [
        {**make_vector(key, number), "metadata": hostile} for number, key in enumerate(HOSTILE_KEYS)
    ]
    vectors.append({**make_vector("long", 99), "metadata": {"kind": "long", "text": LONG}})
    return vectors
