"""The provider replaces the older package in stache-serverless, with its indexes and policy.

That template gives each function `GetVectorBucket` on the bucket and eight actions on its indexes.
It has four indexes of 1,024 dimensions, whose names have a prefix and whose only non-filterable key
is `text` (`stache-ai/stache-serverless`, template.yaml, as of 2026-11-22). The test deploys a
template of the same shape to the simulated AWS, and the provider works with its role.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support.processes.children import join_python_path

BUCKET = "stache-vectors-123456789012"
ARN = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}"
KINDS = ("vectors", "documents", "summaries", "insights")
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
INDEXES = {
    kind.title(): {
        "Type": "AWS::S3Vectors::Index",
        "DependsOn": "Bucket",
        "Properties": {
            "VectorBucketName": BUCKET,
            "IndexName": f"stache-{kind}",
            "DataType": "float32",
            "Dimension": 1024,
            "DistanceMetric": "cosine",
            "MetadataConfiguration": {"NonFilterableMetadataKeys": ["text"]},
        },
    }
    for kind in KINDS
}
TEMPLATE = {
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3Vectors::VectorBucket",
            "Properties": {"VectorBucketName": BUCKET},
        },
        **INDEXES,
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "api",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    },
                },
                "Policies": [
                    {
                        "PolicyName": "vectors",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "s3vectors:GetVectorBucket",
                                    "Resource": ARN,
                                },
                                {
                                    "Effect": "Allow",
                                    "Action": [f"s3vectors:{action}" for action in ACTIONS],
                                    "Resource": f"{ARN}/index/*",
                                },
                            ],
                        },
                    }
                ],
            },
        },
    }
}
ENVIRONMENT = {
    "VECTORDB_PROVIDER": "s3vectors",
    "S3VECTORS_BUCKET": BUCKET,
    "S3VECTORS_INDEX": "stache-vectors",
    "S3VECTORS_DOCUMENTS_INDEX": "stache-documents",
    "S3VECTORS_SUMMARIES_INDEX": "stache-summaries",
    "S3VECTORS_INSIGHTS_INDEX": "stache-insights",
    "EMBEDDING_DIMENSION": "1024",
}

WORK = """
import random
from stache_ai_s3vectors import S3VectorsProvider
from stache_ai_s3vectors.settings import StacheSettings

METADATA = {
    "doc_id": "d",
    "filename": "a.pdf",
    "_deleted_at_ms": None,
    "headings": ["h1", {"level": 2}],
    "nested": {"a": [1, None]},
    "price": 0.1,
}
def vector(seed):
    return [random.Random(seed).uniform(-1, 1) for _ in range(1024)]

documents, summaries, insights = (
    S3VectorsProvider(StacheSettings(), f"stache-{kind}")
    for kind in ("documents", "summaries", "insights")
)
ids = documents.insert([vector(n) for n in range(3)], ["a", "b", "c"], [METADATA] * 3)
row = documents.get_by_ids(ids)[0]
assert all(row[key] == value for key, value in METADATA.items() if key != "price"), row
assert [hit["text"] for hit in documents.search(vector(1), 1, filter={"doc_id": "d"})] == ["b"]
assert len(documents.get_vectors_with_embeddings(ids)) == 3
assert documents.update_status(ids[:1], "default", "deleting") == 1
assert documents.count_by_filter({"doc_id": "d"}) == 2
assert len(documents.list_by_filter({"doc_id": "d"})) == 2
assert len(list(documents.scan_by_metadata())) == 3
assert documents.get_collection_info()["dimension"] == 1024
summary = {"_type": "document_summary", "doc_id": "d", "headings": ["h"], "filename": "a.pdf"}
summaries.insert([vector(9)], ["sum"], [summary], ["s"])
assert len(summaries.search_summaries(vector(9), 5)) == 1
insights.insert([vector(8)], ["in"], [{"_type": "insight"}], ["i"])
assert insights.search(vector(8), 5, filter={"_type": "insight"})
assert documents.delete_by_metadata("filename", "a.pdf")["deleted"] == 3
assert insights.delete(["i"], namespace="default")
print("done")
"""


@pytest.fixture
def deployed(aws):
    """Deploy the stack and return the simulated AWS and the environment of the stack's role."""
    template = json.dumps(TEMPLATE)
    aws.make_client("cloudformation").create_stack(
        StackName="serverless", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    arn = aws.make_client("iam").get_role(RoleName="api")["Role"]["Arn"]
    return aws, {**ENVIRONMENT, **aws.assume_role(arn)}


def run_provider(environment, **more):
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-c", WORK],
        capture_output=True,
        text=True,
        env={**own, "PYTHONPATH": join_python_path(), **environment, **more},
        check=False,
    )


def test_the_role_may_do_all_that_the_provider_does(deployed):
    """Metadata that S3 Vectors cannot hold is stored in another form."""
    aws, environment = deployed

    result = run_provider(environment)

    assert (result.stdout, result.returncode) == ("done\n", 0), result.stderr
    decisions = aws.policies.list_decisions("api")
    assert all(decision.allowed for decision in decisions)
    used = {decision.action.removeprefix("s3vectors:") for decision in decisions}
    assert {"GetVectorBucket", *ACTIONS} - used == {"GetVectorBucket", "CreateIndex", "ListIndexes"}


def test_another_bucket_is_denied(deployed):
    """So the policy is in force."""
    _, environment = deployed

    result = run_provider(environment, S3VECTORS_BUCKET="other-vectors-123456789012")

    assert result.returncode == 1
    assert "AccessDeniedError" in result.stderr
