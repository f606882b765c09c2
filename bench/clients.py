"""The clients of S3 Vectors that are compared, each as its documentation has it.

Each imports its packages when it is made: that is measured, and no environment has all of them.
`insert` stores chunks, 500 a request; `search` returns the nearest ten; `count` counts by a filter.
Only the provider sends a filter with a search.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from socket import IPPROTO_TCP, TCP_NODELAY
from types import SimpleNamespace
from typing import Any, Final

NAMES: Final[Any] = {"vectorBucketName": "bench", "indexName": "documents"}
PAGE: Final = 1_000
BATCH: Final = 500
TOP: Final = 10


def to_records(keys: Any, vectors: Any, metadata: Any) -> list[Any]:
    """Build the records of PutVectors."""
    return [
        {"key": key, "data": {"float32": vector}, "metadata": entry}
        for key, vector, entry in zip(keys, vectors, metadata, strict=True)
    ]


class Provider:
    """This repository's provider, with Stache's own settings; or the package that it replaces."""

    def __init__(self) -> None:
        from stache_ai.config import Settings

        from stache_ai_s3vectors.provider import S3VectorsProvider

        self.provider = S3VectorsProvider(Settings(), "documents")
        self.client = self.provider.client
        self.insert = self.provider.insert
        self.count = self.provider.count_by_filter

    def search(self, vector: list[float]) -> list[Any]:
        return self.provider.search(vector, top_k=TOP)


class PlainClient:
    """Dictionaries, full batches, one request after another."""

    def call(self, operation: str, **document: Any) -> Any:
        """Send one request, which must succeed."""
        raise NotImplementedError

    def insert(self, vectors: Any, texts: Any, metadatas: Any, ids: Any) -> None:
        metadata = [{**each, "text": text} for each, text in zip(metadatas, texts, strict=True)]
        records = to_records(ids, vectors, metadata)
        for start in range(0, len(records), BATCH):
            self.call("put_vectors", vectors=records[start : start + BATCH])

    def search(self, vector: list[float]) -> Any:
        question = {"queryVector": {"float32": vector}, "topK": TOP, "returnMetadata": True}
        return self.call("query_vectors", **question)["vectors"]

    def list_pages(self) -> Iterator[Any]:
        """All vectors with their metadata, page after page, in one segment."""
        document = {"maxResults": PAGE, "returnMetadata": True}
        while True:
            yield (page := self.call("list_vectors", **document))
            if not page.get("nextToken"):
                return
            document["nextToken"] = page["nextToken"]

    def count(self, condition: dict[str, Any]) -> int:
        return sum(
            condition.items() <= vector["metadata"].items()
            for page in self.list_pages()
            for vector in page["vectors"]
        )


class Boto3(PlainClient):
    """boto3 alone, with its defaults."""

    def __init__(self) -> None:
        import boto3

        self.client: Any = boto3.client("s3vectors")

    def call(self, operation: str, **document: Any) -> Any:
        return getattr(self.client, operation)(**NAMES, **document)


class Floor(PlainClient):
    """The least work: JSON by orjson, one signature, one HTTP request; no checks."""

    def __init__(self) -> None:
        import orjson
        from botocore import auth, awsrequest, credentials, httpsession

        self.url = os.environ["AWS_ENDPOINT_URL_S3VECTORS"]
        self.json, self.make_request = orjson, awsrequest.AWSRequest
        # As botocore's clients have it; without, small requests wait for the other side's timer
        no_delay: Any = (IPPROTO_TCP, TCP_NODELAY, 1)
        self.session = httpsession.URLLib3Session(socket_options=[no_delay])
        keys = credentials.Credentials("x", "y")
        self.signer = auth.SigV4Auth(keys, "s3vectors", "us-east-1")

    def call(self, operation: str, **document: Any) -> Any:
        request = self.make_request(
            "POST",
            f"{self.url}/{operation.title().replace('_', '')}",
            {"content-type": "application/json"},
            data=self.json.dumps({**NAMES, **document}),
        )
        self.signer.add_auth(request)
        response = self.session.send(request.prepare())
        assert response.status_code == 200, response.content  # noqa: S101, PLR2004 - a benchmark
        return self.json.loads(response.content)


class LangChain:
    """langchain-aws, with embeddings instead of a model, and the text under the others' key."""

    def __init__(self) -> None:
        from langchain_aws.vectorstores import AmazonS3Vectors

        def embed(texts: list[str]) -> list[list[float]]:
            return [next(self.vectors) for _ in texts]

        self.vectors: Iterator[list[float]] = iter(())
        self.store = AmazonS3Vectors(
            vector_bucket_name="bench",
            index_name="documents",
            page_content_metadata_key="text",
            create_index_if_not_exist=False,
            embedding=SimpleNamespace(embed_documents=embed),
        )

    def insert(self, vectors: Any, texts: Any, metadatas: Any, ids: Any) -> None:
        self.vectors = iter(vectors)
        self.store.add_texts(texts, metadatas, ids=ids, batch_size=BATCH)

    def search(self, vector: list[float]) -> Any:
        return self.store.similarity_search_by_vector(vector, k=TOP)


class LlamaIndex:
    """llama-index's store, with nodes that have their embeddings; a boto3 client for each call."""

    def __init__(self) -> None:
        from llama_index.core.schema import TextNode
        from llama_index.core.vector_stores.types import VectorStoreQuery
        from llama_index.vector_stores.s3 import S3VectorStore

        self.make_node, self.make_query = TextNode, VectorStoreQuery
        self.store = S3VectorStore(index_name_or_arn="documents", bucket_name_or_arn="bench")

    def insert(self, vectors: Any, texts: Any, metadatas: Any, ids: Any) -> None:
        nodes = [
            self.make_node(id_=key, text=text, metadata=metadata, embedding=vector)
            for key, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
        ]
        self.store.add(nodes)

    def search(self, vector: list[float]) -> Any:
        return self.store.query(self.make_query(query_embedding=vector, similarity_top_k=TOP)).nodes


CLIENTS: Final[dict[str, Any]] = {
    "ours": Provider,
    "floor": Floor,
    "boto3": Boto3,
    "older": Provider,
    "langchain": LangChain,
    "llamaindex": LlamaIndex,
}


def make_client(name: str, url: str, dimension: int) -> Any:
    """A client of a server, as a user makes it."""
    os.environ.update(AWS_ENDPOINT_URL_S3VECTORS=url, EMBEDDING_DIMENSION=str(dimension))
    return CLIENTS[name]()


def time_start(name: str, url: str) -> float:
    """Seconds to import and make a client."""
    began = time.perf_counter()
    make_client(name, url, 1024)
    return time.perf_counter() - began
