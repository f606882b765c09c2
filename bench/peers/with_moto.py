"""moto's S3 Vectors: a mock for unit tests, which keeps what it is given in dictionaries."""

from __future__ import annotations

from typing import Any, ClassVar

import boto3
from moto import mock_aws

import dataset
import peer


class Peer(peer.Peer):
    """A mocked account."""

    cannot: ClassVar = {
        "query": ("QueryVectors", "it has no QueryVectors, and keeps nothing on disk")
    }

    def __init__(self, directory: str) -> None:
        del directory  # it keeps nothing on disk
        self.mock = mock_aws()
        self.mock.start()
        self.client: Any = boto3.client(
            "s3vectors",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="y",  # noqa: S106 - dummies
        )
        self.client.create_vector_bucket(vectorBucketName="bench")
        self.client.create_index(**dataset.describe_index())

    def put(self, keys: list[str], vectors: Any, metadata: list[dict[str, Any]]) -> None:
        """Store a batch."""
        records = dataset.to_records(keys, vectors, metadata)
        self.client.put_vectors(**dataset.NAMES, vectors=records)

    def query(self, vector: Any, kind: str, top: int) -> list[str]:
        """What it cannot."""
        del kind
        question = {"topK": top, "queryVector": {"float32": vector.tolist()}}
        answer = self.client.query_vectors(**dataset.NAMES, **question)
        return [vector["key"] for vector in answer["vectors"]]

    def close(self) -> None:
        """Forget it."""
        self.mock.stop()
