"""langchain-aws, given the embeddings instead of a model."""

from __future__ import annotations

from typing import Any

from langchain_aws.vectorstores import AmazonS3Vectors
from langchain_core.embeddings import Embeddings


class _PreparedEmbeddings(Embeddings):  # type: ignore[misc]  # in an environment of its own
    """Answers with the embeddings that are there already."""

    def __init__(self) -> None:
        self.vectors: list[list[float]] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The next ones."""
        vectors, self.vectors = self.vectors[: len(texts)], self.vectors[len(texts) :]
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Not asked for."""
        raise NotImplementedError(text)


class Client:
    """The documents index, with the text under the same key as the others."""

    def __init__(self) -> None:
        self.embeddings = _PreparedEmbeddings()
        self.store = AmazonS3Vectors(
            vector_bucket_name="bench",
            index_name="documents",
            page_content_metadata_key="text",
            create_index_if_not_exist=False,
            embedding=self.embeddings,
        )

    def insert(self, vectors: Any, texts: Any, metadatas: Any, ids: Any) -> None:
        """Store chunks, 500 a request as the others."""
        self.embeddings.vectors = vectors
        self.store.add_texts(texts, metadatas, ids=ids, batch_size=500)

    def search(self, vector: list[float]) -> list[Any]:
        """The nearest ten, without a filter."""
        documents: list[Any] = self.store.similarity_search_by_vector(vector, k=10)
        return documents
