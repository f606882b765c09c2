"""The example function in this process, as Lambda calls it: moto's DynamoDB, the local engine."""

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
"""Each table's key, and those of its indexes."""

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
    """The function's tables and environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        create_tables(boto3.client("dynamodb"))
        handler.pipeline.cache_clear()
        yield
    handler.pipeline.cache_clear()


def create_tables(client: Any) -> None:
    """Make the function's tables."""
    for name, (key, others) in TABLES.items():
        _create(client, name, key, others)


def _create(
    client: Any, name: str, key: tuple[str, ...], others: Mapping[str, tuple[str, ...]]
) -> None:
    attributes = sorted({*key, *(attribute for other in others.values() for attribute in other)})
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        KeySchema=_make_schema(key),
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": _make_schema(other),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, other in others.items()
        ],
    )


def _make_schema(key: tuple[str, ...]) -> list[dict[str, str]]:
    kinds = zip(key, ("HASH", "RANGE"), strict=False)
    return [{"AttributeName": name, "KeyType": kind} for name, kind in kinds]


class Invocation:
    """What Lambda hands to a function about an invocation, as far as this one asks."""

    def get_remaining_time_in_millis(self) -> int:
        """A minute."""
        return 60_000


def invoke(action: str, **fields: Any) -> Any:
    """What the function answers."""
    return handler.handler({"action": action, **fields}, Invocation())


def find_passages(question: str, **fields: Any) -> list[str]:
    """The texts that a query finds."""
    return [passage["text"] for passage in invoke("query", question=question, **fields)["passages"]]
