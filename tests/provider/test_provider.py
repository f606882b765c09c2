"""What the provider says about itself and its index."""

from __future__ import annotations

import pytest

from support import providers


@pytest.fixture
def provider():
    return providers.create_provider()


def test_collection_info_is_what_the_service_returns(provider):
    """The values are not None, as they are at the top level of GetIndex."""
    info = provider.get_collection_info()
    assert info.pop("textSearch").keys() == {"text"}  # BUILDING for a moment, then ACTIVE
    assert info == {
        "name": "documents",
        "bucket": "my-bucket",
        "arn": "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket/index/documents",
        "dimension": 4,
        "distanceMetric": "cosine",
        "indexMode": "ENHANCED",
        "nonFilterableMetadataKeys": ["_overflow", "text"],
        "textLanguages": {},
    }
    provider.insert([[1.0, 0.0, 0.5, 0.25]] * 3, ["t"] * 3)
    assert provider.get_collection_info(count=True)["count"] == 3


def test_capabilities_do_not_make_stache_s_cli_crash(provider):
    """With metadata_scan or export, the CLI would use Qdrant's client."""
    assert provider.capabilities == {"server_side_filtering"}
    assert provider.max_batch_size == 500
