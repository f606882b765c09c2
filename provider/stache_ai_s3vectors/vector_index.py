"""One index of a vector bucket: put, get, query, scan, delete, in AWS's words.

Batches and pages live here and nowhere else: callers hand over any number of vectors and
read any number of results.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from . import limits
from .client import connect, far_end, translated
from .errors import NotFoundError, PartialWriteError, S3VectorsError
from .provision import advice, create_bucket, create_index
from .settings import Options

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient
    from mypy_boto3_s3vectors.type_defs import (
        ListVectorsInputTypeDef,
        PutInputVectorTypeDef,
        QueryVectorsInputTypeDef,
    )

T = TypeVar("T")

_NUMBER_BYTES: Final = 26
"""The longest a double can be in JSON, with the comma and the blank behind it."""


class _Names(TypedDict):
    vectorBucketName: str
    indexName: str


@dataclass(frozen=True)
class Description:
    """What GetIndex tells and the provider needs."""

    arn: str
    dimension: int
    metric: str
    non_filterable: frozenset[str]
    mode: str

    def as_dict(self) -> dict[str, Any]:
        """In AWS's words, for a person or a program to read."""
        return {
            "arn": self.arn,
            "dimension": self.dimension,
            "distanceMetric": self.metric,
            "indexMode": self.mode,
            "nonFilterableMetadataKeys": sorted(self.non_filterable),
        }


@dataclass(frozen=True)
class Record:
    """One vector as PutVectors takes it."""

    key: str
    vector: list[float]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Match:
    """One result of QueryVectors."""

    key: str
    distance: float
    metadata: dict[str, Any]


class VectorIndex:
    """An index that exists, or is made on first use when the options say so.

    No call is made before one is needed; the first is always GetIndex. Every method raises
    what `errors.py` lists.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._description: Description | None = None
        self._lock = threading.Lock()

    @cached_property
    def client(self) -> S3VectorsClient:
        """The boto3 client."""
        return connect(self.options)

    @property
    def _names(self) -> _Names:
        return {"vectorBucketName": self.options.bucket, "indexName": self.options.index}

    @cached_property
    def _where(self) -> str:
        return f"{self.options.bucket}/{self.options.index} {far_end(self.client, self.options)}"

    @cached_property
    def _advice(self) -> str:
        return advice(self.client, self.options)

    def _calling(self, operation: str) -> AbstractContextManager[None]:
        return translated(f"{operation} on index {self._where}", advice=self._advice)

    def describe(self) -> Description:
        """The index's attributes, asked for once; makes the index if it may.

        Raises:
            NotFoundError: there is no such bucket or index, and how to make one.
        """
        with self._lock:
            if self._description is None:
                try:
                    self._description = self._get_index()
                except NotFoundError:
                    if not self.options.create_index:
                        raise
                    self._create()
                    self._description = self._get_index()
            return self._description

    def _get_index(self) -> Description:
        with self._calling("GetIndex"):
            found = self.client.get_index(**self._names)["index"]
        keys = found.get("metadataConfiguration", {}).get("nonFilterableMetadataKeys", [])
        return Description(
            arn=found["indexArn"],
            dimension=found["dimension"],
            metric=found["distanceMetric"],
            non_filterable=frozenset(keys),
            mode=found.get("indexMode", "CLASSIC"),
        )

    def _create(self) -> None:
        if self.options.local:
            create_bucket(self.client, self.options)
        create_index(self.client, self.options, self.options.index)

    def put(self, records: Sequence[Record]) -> None:
        """Store records, replacing those with the same keys.

        Raises:
            PartialWriteError: a later batch failed after earlier ones were stored.
        """
        self.describe()
        done: list[str] = []
        for batch in _by_bytes(records):
            vectors: list[PutInputVectorTypeDef] = [
                {"key": record.key, "data": {"float32": record.vector}, "metadata": record.metadata}
                for record in batch
            ]
            try:
                with self._calling("PutVectors"):
                    self.client.put_vectors(**self._names, vectors=vectors)
            except S3VectorsError as error:
                if done:
                    raise _partial("stored", done, [r.key for r in records], error) from error
                raise
            done += [record.key for record in batch]

    def get(self, keys: Sequence[str], *, data: bool = False) -> Iterator[Record]:
        """The vectors that exist, in the order of the keys; without `data` they are empty."""
        self.describe()
        for batch in _slices(list(dict.fromkeys(keys)), limits.GET_BATCH):
            with self._calling("GetVectors"):
                response = self.client.get_vectors(
                    **self._names, keys=batch, returnData=data, returnMetadata=True
                )
            found = {vector["key"]: vector for vector in response["vectors"]}
            for key in batch:
                if vector := found.get(key):
                    numbers = list(vector.get("data", {}).get("float32", ()))
                    yield Record(key, numbers, dict(vector.get("metadata", {})))

    def query(
        self, vector: list[float], top_k: int, condition: dict[str, Any]
    ) -> tuple[list[Match], str]:
        """The nearest vectors that pass the filter, and the distance metric."""
        request: QueryVectorsInputTypeDef = {
            "vectorBucketName": self.options.bucket,
            "indexName": self.options.index,
            "queryVector": {"float32": vector},
            "topK": top_k,
            "filter": condition,
            "returnDistance": True,
            "returnMetadata": True,
        }
        if self.describe().mode != "ENHANCED":
            request["queryMode"] = "ENHANCED"  # filter before the search; knows $startsWith
        matches: list[Match] = []
        while True:
            with self._calling("QueryVectors"):
                response = self.client.query_vectors(**request)
            matches += [
                Match(found["key"], found["distance"], found.get("metadata", {}))
                for found in response["vectors"]
            ]
            if not response.get("nextToken"):
                return matches, response["distanceMetric"]
            request["nextToken"] = response["nextToken"]

    def scan(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every vector's key and metadata, a page of ListVectors at a time."""
        self.describe()
        request: ListVectorsInputTypeDef = {
            "vectorBucketName": self.options.bucket,
            "indexName": self.options.index,
            "maxResults": limits.LIST_PAGE,
            "returnMetadata": True,
        }
        while True:
            with self._calling("ListVectors"):
                response = self.client.list_vectors(**request)
            for vector in response["vectors"]:
                yield vector["key"], vector.get("metadata", {})
            if not response.get("nextToken"):
                return
            request["nextToken"] = response["nextToken"]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete vectors; keys that hold none are passed over.

        Raises:
            PartialWriteError: a later batch failed after earlier ones were deleted.
        """
        self.describe()
        done: list[str] = []
        for batch in _slices(keys, limits.DELETE_BATCH):
            try:
                with self._calling("DeleteVectors"):
                    self.client.delete_vectors(**self._names, keys=batch)
            except S3VectorsError as error:
                if done:
                    raise _partial("deleted", done, keys, error) from error
                raise
            done += batch


def _slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _by_bytes(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Batches within the service's count and, by the longest JSON they can become, bytes."""
    batch: list[Record] = []
    size = 0
    for record in records:
        bytes_ = _NUMBER_BYTES * len(record.vector) + len(json.dumps(record.metadata))
        bytes_ += len(json.dumps(record.key)) + 100  # the names around them
        full = len(batch) == limits.PUT_BATCH or size + bytes_ > limits.REQUEST_BODY_BYTES - 1000
        if batch and full:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += bytes_
    if batch:
        yield batch


def _partial(
    verb: str, done: Sequence[str], wanted: Sequence[str], error: S3VectorsError
) -> PartialWriteError:
    finished = set(done)
    missing = [key for key in wanted if key not in finished]
    message = (
        f"{len(done)} of {len(wanted)} vectors are {verb}, {len(missing)} are not known to be: "
        f"{error}. The error's `done` and `missing` name them; calling again with the missing "
        "completes it"
    )
    return PartialWriteError(message, done=done, missing=missing)
