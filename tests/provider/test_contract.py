"""Stache's own contract tests for vector providers, with every kind of endpoint."""

from __future__ import annotations

import pytest
from stache_ai.testing import VectorDBContractTest

from stache_ai_s3vectors import S3VectorsProvider, Settings
from support.endpoints import KINDS, serve
from support.engine.model import check_responses


@pytest.fixture(scope="session", params=KINDS)
def endpoint(request, tmp_path_factory):
    """An endpoint of each kind, as a user would set it."""
    transport, store = request.param.split("-")
    data = str(tmp_path_factory.mktemp("contract"))
    if transport == "process":
        yield f"local:{data}" if store == "disk" else "local:"
        return
    with serve(*(("--data", data) if store == "disk" else ())) as url:
        yield url


class TestS3VectorsProvider(VectorDBContractTest):
    """All of Stache's tests for its vector providers; none is skipped."""

    @pytest.fixture
    def provider(self, endpoint):
        """A provider as Stache creates it, with an index that is created on first use."""
        settings = Settings(
            vectordb_provider="s3vectors",
            s3vectors_bucket_name="contract",
            s3vectors_region="us-east-1",
            s3vectors_endpoint_url=endpoint,
            s3vectors_create_index=True,
            embedding_dimension=1024,
        )
        provider = S3VectorsProvider(settings, index_name="documents")
        check_responses(provider.client)
        if endpoint.startswith("http"):  # only a local: endpoint creates the bucket
            buckets = provider.client.list_vector_buckets()["vectorBuckets"]
            if not buckets:
                provider.client.create_vector_bucket(vectorBucketName="contract")
        yield provider
        if endpoint.startswith("http"):
            provider.client.close()
