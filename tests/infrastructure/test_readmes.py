"""The commands in the READMEs of the CDK and SAM that delete the retained resources."""

from __future__ import annotations

import re
import shlex

import boto3
import pytest

from support import ROOT
from support.deployment import deployables
from support.endpoints import serve

BUCKET = "stache-vectors-123456789012"


@pytest.mark.parametrize("folder", ["cdk", "sam"])
def test_the_page_s_commands_delete_the_retained_resources(folder):
    """They delete the indexes before the bucket."""
    page = (ROOT / folder / "README.md").read_text().replace("$bucket", BUCKET)
    commands = re.findall(r"^aws s3vectors delete-.*$", page, re.MULTILINE)

    with serve() as url:
        client = boto3.client("s3vectors", region_name="us-east-1", endpoint_url=url)
        client.create_vector_bucket(vectorBucketName=BUCKET)
        for kind in ("documents", "summaries", "insights"):
            client.create_index(
                vectorBucketName=BUCKET,
                indexName=f"{kind}-1024",
                dataType="float32",
                dimension=1024,
                distanceMetric="cosine",
            )
        where = {"AWS_ENDPOINT_URL_S3VECTORS": url, "AWS_DEFAULT_REGION": "us-east-1"}
        for command in commands:
            deployables.run_command(*shlex.split(command), cwd=ROOT, **where)

        assert client.list_vector_buckets()["vectorBuckets"] == []
    assert len(commands) == 4
