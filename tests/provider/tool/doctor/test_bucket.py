"""`doctor` looks for the vector bucket, also in other regions."""

from __future__ import annotations

from contextlib import closing

from s3vectors_local import Caller, Engine
from stache_ai_s3vectors.service.permissions import build_policy
from support import providers, tool
from support.doctor_setup import ARN, KINDS, enforce_policy, find_problems


def test_the_search_in_other_regions_creates_nothing_there(three_indexes, monkeypatch):
    """Even if the provider may create its index, and GetVectorBucket is denied."""
    client = providers.create_provider(s3vectors_endpoint_url="local:data").client
    for kind in KINDS:
        client.delete_index(vectorBucketName="my-bucket", indexName=kind)
    statement = {"Effect": "Allow", "Action": "s3vectors:*", "Resource": "*"}
    denial = {"Effect": "Deny", "Action": "s3vectors:GetVectorBucket", "Resource": "*"}
    enforce_policy({"Version": "2012-10-17", "Statement": [statement, denial]})
    monkeypatch.setenv("S3VECTORS_CREATE_INDEX", "true")
    monkeypatch.setenv("S3VECTORS_REGION", "eu-west-1")

    tool.run("doctor")

    providers.close_engines()
    engine = Engine("data")
    with closing(engine):
        buckets = {
            region: engine.call("ListVectorBuckets", {}, Caller("123456789012", region))
            for region in ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
        }
    assert [region for region, listed in buckets.items() if listed["vectorBuckets"]] == [
        "us-east-1"
    ]


def test_the_bucket_in_another_region_is_found_by_its_indexes(three_indexes, monkeypatch):
    """A role of the level read-write may not call GetVectorBucket."""
    enforce_policy(build_policy("read-write", ARN, KINDS))
    monkeypatch.setenv("S3VECTORS_REGION", "eu-west-1")

    [(check, text, _)] = find_problems()

    assert (check, text) == ("region", "vector bucket my-bucket is in us-east-1")


def test_a_bucket_of_the_same_name_in_another_region_is_not_wrong(three_indexes, monkeypatch):
    """As long as one of the indexes is in this region."""
    tool.run_checked("indexes", "create", "--region", "eu-west-1")
    enforce_policy(build_policy("read-write", ARN, ["summaries", "insights"]))

    problems = find_problems()

    assert [check for check, _, _ in problems] == ["documents"]
