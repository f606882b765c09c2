"""moto's S3 Vectors: a mock for unit tests, which keeps what it is given in dictionaries."""

from __future__ import annotations

from typing import Any, Final

import boto3
from moto import mock_aws

ROUNDS: Final = 0
OPENINGS: Final = 0
CANNOT: Final = {"query": ("QueryVectors", "it has no QueryVectors, and keeps nothing on disk")}

NAMES: Final[Any] = {"vectorBucketName": "bench", "indexName": "documents"}


class Peer:
    """A mocked account."""

    def __init__(self, directory: str) -> None:
        del directory  # it keeps nothing on disk
        self.mock = mock_aws()
        self.mock.start()
        self.client = boto3.client(
            "s3vectors",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="y",  # noqa: S106 - dummies
        )
        self.client.create_vector_bucket(vectorBucketName="bench")
        self.client.create_index(
            **NAMES, dataType="float32", dimension=1024, distanceMetric="cosine"
        )

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch."""
        self.client.put_vectors(
            **NAMES,
            vectors=[
                {"key": key, "data": {"float32": vector.tolist()}, "metadata": entry}
                for key, vector, entry in zip(keys, vectors, metadata, strict=True)
            ],
        )

    def finish(self) -> None:
        """There is nothing more to do."""

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """What it cannot."""
        del kind
        asked: Any = {"topK": top, "queryVector": {"float32": vector.tolist()}}
        return [found["key"] for found in self.client.query_vectors(**NAMES, **asked)["vectors"]]

    def close(self) -> None:
        """Forget it."""
        self.mock.stop()
