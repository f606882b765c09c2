"""Stache finds the package, and its imports are light."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest
import stache_ai.config
from stache_ai.providers import (
    DocumentIndexProviderFactory,
    S3VectorsProviderFactory,
    VectorDBProviderFactory,
)

import stache_ai_s3vectors
from stache_ai_s3vectors.provider import S3VectorsProvider
from support import plugins


def test_stache_finds_the_provider_through_the_entry_point(monkeypatch):
    """Stache's factory special-cases its name."""
    monkeypatch.setenv("VECTORDB_PROVIDER", "s3vectors")
    monkeypatch.setenv("S3VECTORS_BUCKET", "my-bucket")
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:")
    monkeypatch.setenv("S3VECTORS_DOCUMENTS_INDEX", "documents")
    monkeypatch.setenv("S3VECTORS_SUMMARIES_INDEX", "summaries")
    settings = stache_ai.config.Settings()

    documents = VectorDBProviderFactory.create(settings)
    summaries = S3VectorsProviderFactory.get_provider(settings, "summaries")

    assert type(documents) is S3VectorsProvider
    assert (documents.index_name, summaries.index_name) == ("documents", "summaries")


def test_one_distribution_registers_the_provider():
    """Two distributions with the same name would shadow each other."""
    points = importlib.metadata.entry_points(group="stache.vectordb", name="s3vectors")

    assert [point.value for point in points] == ["stache_ai_s3vectors.provider:S3VectorsProvider"]


def test_stache_finds_the_document_index_through_the_entry_point(tmp_path):
    """It works with the oldest Stache, whose interface has fewer methods."""
    [point] = importlib.metadata.entry_points(group="stache.document_index", name="sqlite")
    plugins.register_provider("document_index", point.name, point.load())
    path = str(tmp_path / "documents.db")
    settings = stache_ai_s3vectors.Settings(
        document_index_provider="sqlite", s3vectors_document_index_path=path
    )

    index = DocumentIndexProviderFactory.create(settings)
    index.create_document("d1", "a.md", "notes", ["c1"])
    assert index.get_chunk_ids("d1", "notes") == ["c1"]
    assert [d["doc_id"] for d in index.list_documents("notes")["documents"]] == ["d1"]


@pytest.mark.parametrize(
    "module, heavy",
    [
        ("stache_ai_s3vectors", ["boto3", "botocore", "stache_ai", "numpy", "pydantic", "click"]),
        (
            "stache_ai_s3vectors.tool.main",
            ["boto3", "botocore", "stache_ai", "numpy", "rich", "s3vectors_local"],
        ),
        (
            "stache_ai_s3vectors.tool.policy_check",
            ["boto3", "botocore", "stache_ai", "numpy", "click"],
        ),
        ("stache_ai_s3vectors.provider", ["numpy", "s3vectors_local", "boto3"]),
        ("s3vectors_local.iam", ["numpy", "boto3"]),
        ("stache_ai_s3vectors.plugins.document_index", ["numpy", "s3vectors_local"]),
    ],
)
def test_an_import_loads_no_heavy_module(module, heavy):
    """Each import runs in a fresh interpreter."""
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"


def test_the_public_names_can_be_imported():
    """They are sorted; other names raise an AttributeError."""
    names = stache_ai_s3vectors.__all__

    assert names == sorted(names)
    assert all(getattr(stache_ai_s3vectors, name).__name__ == name for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        stache_ai_s3vectors.nothing  # noqa: B018 - the access fails
