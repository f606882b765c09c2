"""boto3 alone, as its documentation has it: dictionaries, full batches, one call after another."""

from __future__ import annotations

from typing import Any, Final

import boto3

NAMES: Final[Any] = {"vectorBucketName": "bench", "indexName": "documents"}
_BATCH: Final = 500


class Client:
    """One client with its defaults."""

    def __init__(self) -> None:
        self.client = boto3.client("s3vectors")

    def insert(
        self,
        vectors: list[list[float]],
        texts: list[str],
        metadatas: list[dict[str, Any]],
        ids: list[str],
    ) -> None:
        """Store chunks."""
        records: list[Any] = [
            {"key": key, "data": {"float32": vector}, "metadata": {**metadata, "text": text}}
            for key, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
        ]
        for start in range(0, len(records), _BATCH):
            self.client.put_vectors(**NAMES, vectors=records[start : start + _BATCH])

    def search(self, vector: list[float]) -> list[Any]:
        """The nearest ten, without a filter."""
        asked: Any = {"queryVector": {"float32": vector}, "topK": 10, "returnMetadata": True}
        found: list[Any] = self.client.query_vectors(**NAMES, **asked)["vectors"]
        return found

    def count(self, condition: dict[str, Any]) -> int:
        """How many have these values; page after page, in one segment."""
        pages = self.client.get_paginator("list_vectors").paginate(
            **NAMES, returnMetadata=True, PaginationConfig={"PageSize": 1_000}
        )
        return sum(
            all(vector["metadata"].get(key) == value for key, value in condition.items())
            for page in pages
            for vector in page["vectors"]
        )
