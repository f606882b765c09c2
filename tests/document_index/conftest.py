"""The document index on SQLite, and Stache's own on a simulated DynamoDB as the reference."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws
from stache_ai_dynamodb import DynamoDBDocumentIndex

from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex
from support.deployment.lambda_function import DOCUMENTS, create_tables


@pytest.fixture
def settings(tmp_path):
    """Return settings with a file for our document index and a table for Stache's."""
    return Settings(
        document_index_provider="sqlite",
        s3vectors_document_index_path=str(tmp_path / "documents.db"),
        dynamodb_documents_table=DOCUMENTS,
    )


@pytest.fixture
def sqlite(settings):
    """Return an empty document index on SQLite."""
    return SQLiteDocumentIndex(settings)


@pytest.fixture(params=["sqlite", "dynamodb"])
def index(request, settings):
    """Return an empty document index: ours, then Stache's own."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    with mock_aws():
        create_tables(boto3.client("dynamodb", "us-east-1"))
        yield DynamoDBDocumentIndex(settings)
