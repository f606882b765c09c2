"""Space: a full disk, what deletions give back, and what a deletion costs."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from s3vectors_local import Engine

NAMES = {"vectorBucketName": "my-bucket", "indexName": "idx"}
OTHER = {**NAMES, "indexName": "other"}
DIMENSION = 1024


def create(engine, *names):
    if not engine.call("ListVectorBuckets", {})["vectorBuckets"]:
        engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
    shape = {"dataType": "float32", "dimension": DIMENSION, "distanceMetric": "cosine"}
    for name in names:
        engine.call("CreateIndex", {**NAMES, "indexName": name, **shape})


def put(engine, numbers, names=NAMES, text=""):
    """Vectors whose keys are numbers, in requests as large as they can be."""
    told = list(numbers)
    for start in range(0, len(told), 500):
        vectors = [
            {
                "key": str(number),
                "data": {"float32": np.full(DIMENSION, number + 1, np.float32)},
                "metadata": {"n": number, **({"text": text} if text else {})},
            }
            for number in told[start : start + 500]
        ]
        engine.call("PutVectors", {**names, "vectors": vectors})


def delete(engine, numbers, names=NAMES):
    told = [str(number) for number in numbers]
    for start in range(0, len(told), 500):
        engine.call("DeleteVectors", {**names, "keys": told[start : start + 500]})


def keys(engine, name="idx"):
    found, page = [], {}
    while True:
        page = engine.call("ListVectors", {**NAMES, "indexName": name, "maxResults": 1000} | page)
        found += [vector["key"] for vector in page["vectors"]]
        if "nextToken" not in page:
            return found
        page = {"nextToken": page["nextToken"]}


FILLER = """
import json, resource, sys
from s3vectors_local import Engine, ServiceError

# No file may grow beyond this: as on a disk that is full
resource.setrlimit(resource.RLIMIT_FSIZE, (12_345_678, 12_345_678))
engine = Engine(sys.argv[1])
engine.call("CreateVectorBucket", {"vectorBucketName": "my-bucket"})
names = {"vectorBucketName": "my-bucket"}
for name in ("idx", "other"):
    shape = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
    engine.call("CreateIndex", {**names, "indexName": name, **shape})

def fill(number):
    put = []
    while True:
        keys = [str(number + n) for n in range(50)]
        name = "idx" if number % 100 else "other"
        vectors = [{"key": key, "data": {"float32": [int(key) + 1] * 1024}} for key in keys]
        try:
            engine.call("PutVectors", {**names, "indexName": name, "vectors": vectors})
        except ServiceError as error:
            return put, str(error)
        put += [(name, key) for key in keys]
        number += 50

first, refusal = fill(50)
gone = [key for name, key in first if name == "idx"][:100]
for start in range(0, 100, 50):
    engine.call("DeleteVectors", {**names, "indexName": "idx", "keys": gone[start:start + 50]})
engine.call("DeleteIndex", {**names, "indexName": "other"})
engine.call("CreateIndex", {**names, "indexName": "other", **shape})
second, again = fill(100_000)
left = [(name, key) for name, key in first if name == "idx" and key not in gone] + second
print(json.dumps([len(first), refusal, again, sorted(left)]))
"""


def test_deletions_work_on_a_full_disk_and_make_room(tmp_path):
    """A limit on the size of files refuses what a disk without room does; nothing is lost."""
    result = subprocess.run(
        [sys.executable, "-c", FILLER, tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    count, refusal, again, left = json.loads(result.stdout)

    assert count > 500
    assert "the data directory refused the write" in refusal
    assert "the data directory refused the write" in again
    with Engine(tmp_path) as engine:
        stored = [[name, key] for name in ("idx", "other") for key in keys(engine, name)]
    assert sorted(stored) == left
