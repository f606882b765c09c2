"""llama-index's store, given nodes that have their embeddings already."""

from __future__ import annotations

from typing import Any

from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery
from llama_index.vector_stores.s3 import S3VectorStore


class Client:
    """The documents index; it makes a boto3 client for each call."""

    def __init__(self) -> None:
        self.store = S3VectorStore(index_name_or_arn="documents", bucket_name_or_arn="bench")

    def insert(self, vectors: Any, texts: Any, metadatas: Any, ids: Any) -> None:
        """Store chunks, 500 a request as the others."""
        nodes = [
            TextNode(id_=key, text=text, metadata=metadata, embedding=vector)
            for key, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
        ]
        self.store.add(nodes)

    def search(self, vector: list[float]) -> list[Any]:
        """The nearest ten, without a filter."""
        query = VectorStoreQuery(query_embedding=vector, similarity_top_k=10)
        nodes: list[Any] = self.store.query(query).nodes
        return nodes
