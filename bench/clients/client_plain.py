"""What the floor and boto3 alone share: dictionaries, full batches, one request after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

NAMES: Final[Any] = {"vectorBucketName": "bench", "indexName": "documents"}
PAGE: Final = 1_000
_BATCH: Final = 500


class PlainClient(ABC):
    """A client of which only the requests are missing."""

    @abstractmethod
    def put(self, records: list[Any]) -> None:
        """Store a batch."""

    @abstractmethod
    def query(self, **question: Any) -> Any:
        """One query."""

    @abstractmethod
    def list_pages(self) -> Iterator[Any]:
        """All vectors with their metadata, page after page, in one segment."""

    def insert(self, vectors: Any, texts: Any, metadatas: Any, ids: Any) -> None:
        """Store chunks."""
        records: list[Any] = [
            {"key": key, "data": {"float32": vector}, "metadata": {**metadata, "text": text}}
            for key, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
        ]
        for start in range(0, len(records), _BATCH):
            self.put(records[start : start + _BATCH])

    def search(self, vector: list[float]) -> list[Any]:
        """The nearest ten, without a filter."""
        answer = self.query(queryVector={"float32": vector}, topK=10, returnMetadata=True)
        vectors: list[Any] = answer["vectors"]
        return vectors

    def count(self, condition: dict[str, Any]) -> int:
        """How many have these values."""
        return sum(
            all(vector["metadata"].get(key) == value for key, value in condition.items())
            for page in self.list_pages()
            for vector in page["vectors"]
        )
