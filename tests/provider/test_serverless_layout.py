"""In place of the older package in stache-serverless: its environment, its indexes, its policy.

That template gives each function `GetVectorBucket` on the bucket and eight actions on its indexes,
four indexes of 1,024 dimensions with `text` alone non-filterable, and their names with a prefix
(`stache-ai/stache-serverless`, template.yaml, as of 2026-11-22).
"""

from __future__ import annotations

import random

import pytest

import stache
from s3vectors_local import Policies
from stache_ai_s3vectors import AccessDeniedError, S3VectorsProvider, connections
from stache_ai_s3vectors.settings import StacheSettings

BUCKET = "arn:aws:s3vectors:us-east-1:123456789012:bucket/stache-vectors-123456789012"
NAME = BUCKET.rpartition("/")[2]
ACTIONS = (
    "CreateIndex",
    "GetIndex",
    "ListIndexes",
    "PutVectors",
    "QueryVectors",
    "ListVectors",
    "DeleteVectors",
    "GetVectors",
)
GRANTED = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3vectors:GetVectorBucket", "Resource": BUCKET},
        {
            "Effect": "Allow",
            "Action": [f"s3vectors:{action}" for action in ACTIONS],
            "Resource": f"{BUCKET}/index/*",
        },
    ],
}
ENVIRONMENT = {
    "VECTORDB_PROVIDER": "s3vectors",
    "S3VECTORS_BUCKET": NAME,
    "S3VECTORS_INDEX": "stache-vectors",
    "S3VECTORS_DOCUMENTS_INDEX": "stache-documents",
    "S3VECTORS_SUMMARIES_INDEX": "stache-summaries",
    "S3VECTORS_INSIGHTS_INDEX": "stache-insights",
    "EMBEDDING_DIMENSION": "1024",
    "AWS_REGION": "us-east-1",
    "S3VECTORS_ENDPOINT_URL": "local:data",
}
METADATA = {
    "doc_id": "d",
    "filename": "a.pdf",
    "_deleted_at_ms": None,
    "headings": ["h1", {"level": 2}],
    "nested": {"a": [1, None]},
    "price": 0.1,
}


@pytest.fixture
def policies(monkeypatch):
    """The template's policy, enforced on what the template makes."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with_rights = stache.engine("local:data")
    with_rights.call("CreateVectorBucket", {"vectorBucketName": NAME})
    for name in ("vectors", "documents", "summaries", "insights"):
        with_rights.call(
            "CreateIndex",
            {
                "vectorBucketName": NAME,
                "indexName": f"stache-{name}",
                "dataType": "float32",
                "dimension": 1024,
                "distanceMetric": "cosine",
                "metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]},
            },
        )
    connections.close_engines()
    granted = Policies(GRANTED)
    stache.engine("local:data", policies=granted)
    return granted


def vector(seed):
    return [random.Random(seed).uniform(-1, 1) for _ in range(1024)]


def test_the_provider_does_all_of_its_work(policies):
    """Documents, summaries and insights; what S3 Vectors cannot hold is kept where it fits."""
    providers = {
        kind: S3VectorsProvider(StacheSettings(), f"stache-{kind}")
        for kind in ("documents", "summaries", "insights")
    }
    documents = providers["documents"]
    ids = documents.insert([vector(n) for n in range(3)], ["a", "b", "c"], [METADATA] * 3)
    assert documents.get_by_ids(ids)[0].items() >= METADATA.items()
    assert [hit["text"] for hit in documents.search(vector(1), 1, filter={"doc_id": "d"})] == ["b"]
    assert len(documents.get_vectors_with_embeddings(ids)) == 3
    assert documents.update_status(ids[:1], "default", "deleting") == 1
    assert documents.count_by_filter({"doc_id": "d"}) == 2
    assert len(documents.list_by_filter({"doc_id": "d"})) == 2
    assert len(list(documents.scan_by_metadata())) == 3
    assert documents.get_collection_info()["dimension"] == 1024
    summary = {"_type": "document_summary", "doc_id": "d", "headings": ["h"], "filename": "a.pdf"}
    providers["summaries"].insert([vector(9)], ["sum"], [summary], ["s"])
    assert len(providers["summaries"].search_summaries(vector(9), 5)) == 1
    providers["insights"].insert([vector(8)], ["in"], [{"_type": "insight"}], ["i"])
    assert providers["insights"].search(vector(8), 5, filter={"_type": "insight"})
    assert documents.delete_by_metadata("filename", "a.pdf")["deleted"] == 3
    assert providers["insights"].delete(["i"], namespace="default")

    unneeded = {line.split(": ", 1)[1].split()[0] for line in policies.unused()}
    assert unneeded == {
        "s3vectors:GetVectorBucket",
        BUCKET,
        "s3vectors:CreateIndex",
        "s3vectors:ListIndexes",
    }


def test_an_index_that_the_policy_does_not_name_is_denied(policies, monkeypatch):
    """The policy is in force."""
    del policies
    monkeypatch.setenv("S3VECTORS_BUCKET", "other-vectors-123456789012")

    with pytest.raises(AccessDeniedError):
        S3VectorsProvider(StacheSettings(), "stache-documents").search(vector(1))
