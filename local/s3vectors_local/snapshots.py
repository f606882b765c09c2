"""What an engine holds as files of JSON Lines, and back: one file an index.

Everything goes through the API, so that a running engine and a stopped directory are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BufferedReader
from typing import Any, BinaryIO, Final, TypeAlias

import orjson

from .errors import ConflictException, NotFoundException, ValidationException
from .exports import DamagedExportError, Reader, Vector, Writer, header
from .limits import GET_VECTORS, LIST_PAGE, PUT_VECTORS, REQUEST_BODY_BYTES

Call: TypeAlias = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Performs an operation: its name and its request, which orjson can write; its errors are
`ServiceError`s."""

_BATCH_BYTES: Final = REQUEST_BODY_BYTES - 1_000
"""Of vectors in one request, which has the names around them."""


class Index:
    """One index of an engine.

    Args:
        call: performs operations.
        bucket: name of its vector bucket.
        name: its own.
    """

    def __init__(self, call: Call, bucket: str, name: str) -> None:
        self.name = f"{bucket}/{name}"
        self._bucket = bucket
        self._call = call
        self._names = {"vectorBucketName": bucket, "indexName": name}

    def write_to(self, file: BinaryIO, *, compressed: bool) -> int:
        """Write the index to a file.

        Returns:
            How many vectors it has.
        """
        told = self._call("GetIndex", self._names)["index"]
        metadata = told.get("metadataConfiguration", {})
        texts = [
            {name: text[name] for name in ("metadataKey", "language") if name in text}
            for text in metadata.get("textSearchConfigurations", ())
        ]
        head = header(
            told["dimension"],
            told["distanceMetric"],
            metadata.get("nonFilterableMetadataKeys", ()),
            **({"textSearchConfigurations": texts} if texts else {}),
        )
        keys = sorted(vector["key"] for vector in self._vectors())
        writer = Writer(file, compressed=compressed, head=head)
        for start in range(0, len(keys), GET_VECTORS):
            request = {"keys": keys[start : start + GET_VECTORS]}
            wanted = {**self._names, **request, "returnData": True, "returnMetadata": True}
            found = self._call("GetVectors", wanted)["vectors"]
            for vector in sorted(found, key=lambda each: each["key"]):
                numbers = orjson.dumps(vector["data"]["float32"], option=orjson.OPT_SERIALIZE_NUMPY)
                writer.add(vector["key"], vector["metadata"], numbers)
        writer.finish()
        return writer.count

    def _vectors(self) -> Iterator[Mapping[str, Any]]:
        request = {**self._names, "maxResults": LIST_PAGE}
        return _pages(self._call, "ListVectors", "vectors", request)

    def read_from(self, file: BufferedReader, written: Callable[[int], None]) -> None:
        """Store the vectors of a file; the bucket and the index are made if they are missing.

        Args:
            file: that `write_to` or `stache-s3vectors export` wrote.
            written: called with the number of vectors just stored.

        Raises:
            DamagedExportError: the file is damaged; what is before the damage is stored.
            ValidationException: the index is there, and is of another kind.
            ServiceError: what the engine refused.
        """
        reader = Reader(file)
        self._make(reader.head)
        damage: DamagedExportError | None = None
        batch: list[Any] = []
        size = 0
        try:
            for vector in map(_entry, reader.vectors()):
                length = len(orjson.dumps(vector)) + 1
                if len(batch) == PUT_VECTORS or size + length > _BATCH_BYTES:
                    self._put(batch, written)
                    batch, size = [], 0
                batch.append(vector)
                size += length
        except DamagedExportError as error:
            damage = error
        if batch:
            self._put(batch, written)
        if damage is not None:
            raise damage

    def _put(self, batch: list[Any], written: Callable[[int], None]) -> None:
        self._call("PutVectors", {**self._names, "vectors": batch})
        written(len(batch))

    def _make(self, head: Mapping[str, Any]) -> None:
        make_bucket(self._call, self._bucket)
        try:
            there = self._call("GetIndex", self._names)["index"]
        except NotFoundException:
            self._create(head)
            return
        keys = there.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", [])
        own = (there["dimension"], there["distanceMetric"], sorted(keys))
        wanted = (head["dimension"], head["distanceMetric"], head["nonFilterableMetadataKeys"])
        if own != wanted:
            raise ValidationException(
                f"the index {self.name} has dimension, metric and non-filterable keys {own}, the "
                f"file has {wanted}; name another index, or delete this one"
            )

    def _create(self, head: Mapping[str, Any]) -> None:
        metadata = {
            name: head[name]
            for name in ("nonFilterableMetadataKeys", "textSearchConfigurations")
            if head.get(name)
        }
        shape = {
            "dataType": "float32",
            "dimension": head["dimension"],
            "distanceMetric": head["distanceMetric"],
            **({"metadataConfiguration": metadata} if metadata else {}),
        }
        self._call("CreateIndex", {**self._names, **shape})


def _entry(vector: Vector) -> dict[str, Any]:
    """A vector as PutVectors takes it; its numbers stay the JSON that they are."""
    numbers = orjson.Fragment(vector.numbers)
    return {"key": vector.key, "data": {"float32": numbers}, "metadata": vector.metadata}


def make_bucket(call: Call, bucket: str) -> None:
    """Create a vector bucket if it is missing."""
    with suppress(ConflictException):
        call("CreateVectorBucket", {"vectorBucketName": bucket})


def list_indexes(call: Call) -> dict[str, list[Index]]:
    """The indexes of each vector bucket, by its name."""
    buckets = [
        bucket["vectorBucketName"]
        for bucket in _pages(call, "ListVectorBuckets", "vectorBuckets", {})
    ]
    return {
        bucket: [
            Index(call, bucket, index["indexName"])
            for index in _pages(call, "ListIndexes", "indexes", {"vectorBucketName": bucket})
        ]
        for bucket in buckets
    }


def delete_all(call: Call) -> None:
    """Delete every vector bucket with its indexes."""
    for bucket, indexes in list_indexes(call).items():
        for index in indexes:
            name = index.name.partition("/")[2]
            call("DeleteIndex", {"vectorBucketName": bucket, "indexName": name})
        call("DeleteVectorBucket", {"vectorBucketName": bucket})


def _pages(
    call: Call, operation: str, member: str, request: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = call(operation, {**request, **token})
        yield from page[member]
        if "nextToken" not in page:
            return
        token = {"nextToken": page["nextToken"]}
