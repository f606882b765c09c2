"""Exports and imports indexes as files of JSON Lines, one file per index.

Uses the API only, so that a running engine and a data directory are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Final, TypeAlias

import orjson

from .errors import ConflictException, NotFoundException, ServiceError, ValidationException
from .exports import DamagedExportError, Reader, Vector, Writer, build_header
from .limits import GET_VECTORS, LIST_PAGE, PUT_VECTORS, REQUEST_BODY_BYTES

Call: TypeAlias = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Calls an operation with a request that orjson can serialize; raises `ServiceError`."""

_BATCH_BYTES: Final = REQUEST_BODY_BYTES - 1_000
"""For the vectors of one request; the rest is for its other members."""


class SnapshotIndex:
    """One index of an engine, to export or import.

    Args:
        call: calls operations.
        bucket: the name of the vector bucket.
        name: the name of the index.
    """

    def __init__(self, call: Call, bucket: str, name: str) -> None:
        self.name = f"{bucket}/{name}"
        self._bucket = bucket
        self._call = call
        self._names = {"vectorBucketName": bucket, "indexName": name}

    def write_to(self, file: BinaryIO, *, compressed: bool) -> int:
        """Write the index to a file.

        Returns:
            The number of vectors.
        """
        keys = [vector["key"] for vector in self._list_vectors()]
        count = 0
        for count in self.write_steps(file, keys, compressed=compressed):  # noqa: B007 - the last
            pass
        return count

    def write_steps(self, file: BinaryIO, keys: list[str], *, compressed: bool) -> Iterator[int]:
        """Write the vectors of some keys to a file, as an export of their own.

        Args:
            file: the file.
            keys: the keys; they are sorted. Keys without a vector are ignored.
            compressed: whether to compress it.

        Yields:
            The number of vectors so far, after each request.
        """
        keys.sort()
        writer = Writer(file, compressed=compressed, head=self._describe())
        yield 0
        for start in range(0, len(keys), GET_VECTORS):
            request = {
                **self._names,
                "keys": keys[start : start + GET_VECTORS],
                "returnData": True,
                "returnMetadata": True,
            }
            vectors = self._call("GetVectors", request)["vectors"]
            for vector in sorted(vectors, key=lambda each: each["key"]):
                numbers = orjson.dumps(vector["data"]["float32"], option=orjson.OPT_SERIALIZE_NUMPY)
                writer.add(vector["key"], vector.get("metadata") or {}, numbers)
            yield writer.count
        writer.finish()
        yield writer.count

    def _describe(self) -> dict[str, Any]:
        """Build the first line of the index's export."""
        description = self._call("GetIndex", self._names)["index"]
        metadata = description.get("metadataConfiguration", {})
        texts = [
            {name: text[name] for name in ("metadataKey", "language") if name in text}
            for text in metadata.get("textSearchConfigurations", ())
        ]
        return build_header(
            description["dimension"],
            description["distanceMetric"],
            metadata.get("nonFilterableMetadataKeys", ()),
            **({"textSearchConfigurations": texts} if texts else {}),
        )

    def _list_vectors(self) -> Iterator[Mapping[str, Any]]:
        request = {**self._names, "maxResults": LIST_PAGE}
        return _list_all(self._call, "ListVectors", "vectors", request)

    def read_steps(self, reader: Reader) -> Iterator[int]:
        """Store the vectors of an export; create the bucket and the index if they are missing.

        Args:
            reader: of a file of `write_to` or `stache-s3vectors export`.

        Yields:
            The number of vectors after each write.

        Raises:
            DamagedExportError: the file is damaged; the vectors before the damage are stored.
            ValidationException: the index exists with another configuration.
            ServiceError: the engine refused a request.
        """
        self._ensure_index(reader.head)
        damage: DamagedExportError | None = None
        batch: list[Any] = []
        size = 0
        try:
            for vector in map(_to_entry, reader.vectors()):
                length = len(orjson.dumps(vector)) + 1
                if len(batch) == PUT_VECTORS or size + length > _BATCH_BYTES:
                    yield self._put(batch)
                    batch, size = [], 0
                batch.append(vector)
                size += length
        except DamagedExportError as error:
            damage = error
        if batch:
            yield self._put(batch)
        if damage is not None:
            raise damage

    def _put(self, batch: list[Any]) -> int:
        self._call("PutVectors", {**self._names, "vectors": batch})
        return len(batch)

    def _ensure_index(self, head: Mapping[str, Any]) -> None:
        try:
            description = self._call("GetIndex", self._names)["index"]
        except NotFoundException:
            self._create_with_bucket(head)
            return
        keys = description.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", [])
        present = (description["dimension"], description["distanceMetric"], sorted(keys))
        required = (head["dimension"], head["distanceMetric"], head["nonFilterableMetadataKeys"])
        if present != required:
            raise ValidationException(
                f"the index {self.name} has dimension, metric and non-filterable keys {present}, "
                f"the file has {required!r:.1000}; name another index, or delete this one"
            )

    def _create_with_bucket(self, head: Mapping[str, Any]) -> None:
        """Create the index, and its bucket if it is missing; both or neither."""
        is_new = ensure_bucket(self._call, self._bucket)
        try:
            self._create(head)
        except ServiceError:
            if is_new:
                with suppress(ServiceError):  # somebody else uses it already, or it is denied
                    self._call("DeleteVectorBucket", {"vectorBucketName": self._bucket})
            raise

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


def _to_entry(vector: Vector) -> dict[str, Any]:
    """Convert a vector to an entry of PutVectors; its numbers stay JSON."""
    numbers = orjson.Fragment(vector.numbers)
    return {"key": vector.key, "data": {"float32": numbers}, "metadata": vector.metadata}


def ensure_bucket(call: Call, bucket: str) -> bool:
    """Create a vector bucket if it is missing; return whether it was."""
    try:
        call("CreateVectorBucket", {"vectorBucketName": bucket})
    except ConflictException:
        return False
    return True


def list_indexes(call: Call) -> dict[str, list[SnapshotIndex]]:
    """Return the indexes of each vector bucket, by bucket name."""
    buckets = [
        bucket["vectorBucketName"]
        for bucket in _list_all(call, "ListVectorBuckets", "vectorBuckets", {})
    ]
    return {
        bucket: [
            SnapshotIndex(call, bucket, index["indexName"])
            for index in _list_all(call, "ListIndexes", "indexes", {"vectorBucketName": bucket})
        ]
        for bucket in buckets
    }


def delete_all(call: Call) -> None:
    """Delete all vector buckets with their indexes."""
    for bucket, indexes in list_indexes(call).items():
        for index in indexes:
            name = index.name.partition("/")[2]
            call("DeleteIndex", {"vectorBucketName": bucket, "indexName": name})
        call("DeleteVectorBucket", {"vectorBucketName": bucket})


def _list_all(
    call: Call, operation: str, member: str, request: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = call(operation, {**request, **token})
        yield from page[member]
        if "nextToken" not in page:
            return
        token = {"nextToken": page["nextToken"]}
