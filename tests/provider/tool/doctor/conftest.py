"""The setup that the tests of `doctor` break."""

from __future__ import annotations

import pytest

from support import tool
from support.doctor_setup import KINDS


@pytest.fixture(autouse=True)
def _settings(monkeypatch):
    """As the deployment sets them, for a local engine with the three indexes."""
    monkeypatch.setenv("VECTORDB_PROVIDER", "s3vectors")
    monkeypatch.setenv("S3VECTORS_BUCKET_NAME", "my-bucket")
    monkeypatch.setenv("S3VECTORS_ENDPOINT_URL", "local:data")
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "false")
    monkeypatch.setenv("EMBEDDING_DIMENSION", "4")
    for kind in KINDS:
        monkeypatch.setenv(f"S3VECTORS_{kind.upper()}_INDEX", kind)


@pytest.fixture
def three_indexes():
    """The bucket with its three indexes."""
    tool.run_checked("indexes", "create")
