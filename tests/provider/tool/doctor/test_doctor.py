"""`doctor` names the right cause of each broken setup, and a fix that works."""

from __future__ import annotations

import pytest

from support import providers, tool
from support.doctor_setup import ARN, find_problems


def test_a_good_setup_is_ready(three_indexes):
    """Each check reports what it checked. Nothing is left behind."""
    providers.wait_until_active(providers.create_provider(s3vectors_endpoint_url="local:data"))
    result = tool.run("doctor", "--level", "manage-indexes")

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("\nready\n")
    for line in (
        "ok       settings: bucket my-bucket, indexes documents, summaries, insights",
        f"ok       bucket: {ARN}",
        "ok       documents: 4 dimensions, cosine, ENHANCED, text search on text ACTIVE",
        "ok       permissions on insights: CreateIndex, DeleteVectors, GetIndex",
        "ok       round trip in summaries: inserted, found, read, deleted",
    ):
        assert line in result.stdout
    assert not tool.read_contents(
        providers.create_provider("documents", s3vectors_endpoint_url="local:data")
    )


SETTINGS = {
    "no bucket": ({"S3VECTORS_BUCKET_NAME": None}, "settings", "no vector bucket", "--bucket NAME"),
    "an invalid name": (
        {"S3VECTORS_BUCKET_NAME": "My_Bucket"},
        "settings",
        "the vector bucket is 'My_Bucket'",
        "correct that",
    ),
    "two buckets": (
        {"S3VECTORS_BUCKET": "other-bucket"},
        "settings",
        "two vector buckets are configured",
        "correct that",
    ),
    "not a number": (
        {"S3VECTORS_READ_TIMEOUT": "soon"},
        "settings",
        "S3VECTORS_READ_TIMEOUT is 'soon'",
        "correct that",
    ),
    "another provider": (
        {"VECTORDB_PROVIDER": "qdrant"},
        "settings",
        "VECTORDB_PROVIDER is 'qdrant'",
        "set VECTORDB_PROVIDER=s3vectors",
    ),
    "an unknown profile": (
        {"AWS_PROFILE": "nobody", "S3VECTORS_ENDPOINT_URL": "http://127.0.0.1:1"},
        "credentials",
        "The config profile (nobody) could not be found",
        "correct AWS_PROFILE",
    ),
    "no credentials": (
        {
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
            "S3VECTORS_ENDPOINT_URL": "http://127.0.0.1:1",
        },
        "credentials",
        "no credentials are configured",
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID",
    ),
    "no response": (
        {"S3VECTORS_ENDPOINT_URL": "http://127.0.0.1:1"},
        "endpoint",
        "Could not connect to the endpoint URL",
        "start the server",
    ),
    "another region": (
        {"S3VECTORS_REGION": "eu-west-1"},
        "region",
        "vector bucket my-bucket is in us-east-1",
        "set S3VECTORS_REGION=us-east-1",
    ),
    "no such bucket": (
        {"S3VECTORS_BUCKET_NAME": "your-bucket"},
        "bucket",
        "there is no vector bucket your-bucket in us-east-1, nor in the 33 other regions",
        "correct S3VECTORS_BUCKET_NAME",
    ),
    "no such index": (
        {"S3VECTORS_SUMMARIES_INDEX": "sumaries"},
        "sumaries",
        "there is no such index in my-bucket; the bucket has documents, insights, summaries",
        "correct S3VECTORS_SUMMARIES_INDEX, or: S3VECTORS_SUMMARIES_INDEX=sumaries stache-",
    ),
    "another dimension": (
        {"EMBEDDING_DIMENSION": "8"},
        "documents",
        "it has 4 dimensions; Stache's embeddings have 8",
        "set EMBEDDING_DIMENSION=4",
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_named(three_indexes, monkeypatch, name):
    """With its variable and a right value."""
    values, check, text, fix = SETTINGS[name]
    providers.close_engines()
    for variable, value in values.items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)

    problems = find_problems()

    assert problems, name
    assert problems[0][0] == check
    assert text in problems[0][1]
    assert fix in problems[0][2]
