"""The example function in this process, with moto's DynamoDB and the local engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

import handler

DOCUMENTS, NAMESPACES = "my-documents", "my-namespaces"
REGION = "us-east-1"

TABLES: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]]] = {
    DOCUMENTS: (("PK", "SK"), {"GSI1": ("GSI1PK", "GSI1SK"), "GSI2": ("GSI2PK", "GSI2SK")}),
    NAMESPACES: (("id",), {"parent_id-index": ("parent_id", "id")}),
}
"""The key of each table, and the keys of its indexes."""

ENVIRONMENT = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "VECTORDB_PROVIDER": "s3vectors",
    "S3VECTORS_BUCKET_NAME": "my-bucket",
    "S3VECTORS_BUCKET": "my-bucket",
    "S3VECTORS_ENDPOINT_URL": "local:",
    "S3VECTORS_DOCUMENTS_INDEX": "documents-1024",
    "S3VECTORS_SUMMARIES_INDEX": "summaries-1024",
    "S3VECTORS_INSIGHTS_INDEX": "insights-1024",
    "EMBEDDING_PROVIDER": "word-hashing",
    "EMBEDDING_DIMENSION": "1024",
    "DOCUMENT_INDEX_PROVIDER": "dynamodb",
    "DYNAMODB_DOCUMENTS_TABLE": DOCUMENTS,
    "NAMESPACE_PROVIDER": "dynamodb",
    "DYNAMODB_NAMESPACE_TABLE": NAMESPACES,
    "ENABLE_SUMMARY_GENERATION": "false",
    "LLM_PROVIDER": "none",
}


@contextmanager
def prepare_function(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set up the function's tables and environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        create_tables(boto3.client("dynamodb"))
        handler.pipeline.cache_clear()
        yield
    handler.pipeline.cache_clear()


def create_tables(client: Any) -> None:
    """Create the function's tables."""
    for name, (key, index_keys) in TABLES.items():
        _create_table(client, name, key, index_keys)


def _create_table(
    client: Any, name: str, key: tuple[str, ...], index_keys: Mapping[str, tuple[str, ...]]
) -> None:
    keys = (key, *index_keys.values())
    attributes = sorted({attribute for each in keys for attribute in each})
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        KeySchema=_make_schema(key),
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": _make_schema(index_key),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, index_key in index_keys.items()
        ],
    )


def _make_schema(key: tuple[str, ...]) -> list[dict[str, str]]:
    kinds = zip(key, ("HASH", "RANGE"), strict=False)
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


class Invocation:
    """Lambda's context object, as far as the function uses it."""

    def get_remaining_time_in_millis(self) -> int:
        """Return one minute."""
        return 60_000


def invoke(action: str, **fields: Any) -> Any:
    """Invoke the function, and return its response."""
    return handler.handler({"action": action, **fields}, Invocation())


def find_passages(question: str, **fields: Any) -> list[str]:
    """Query, and return the texts of the passages."""
    return [passage["text"] for passage in invoke("query", question=question, **fields)["passages"]]
