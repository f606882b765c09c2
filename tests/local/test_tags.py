"""Tags of vector buckets and indexes."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.aws

FIFTY = {f"key-{n}": "" for n in range(50)}


@pytest.fixture(params=["bucket", "index"])
def arn(request, client, names):
    """Return the ARN of a bucket and of an index."""
    if request.param == "index":
        return client.get_index(**names)["index"]["indexArn"]
    bucket = names["vectorBucketName"]
    return client.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"]["vectorBucketArn"]


def list_tags(client, arn):
    return client.list_tags_for_resource(resourceArn=arn)["tags"]


def test_tags_are_added_changed_and_removed(client, arn):
    """Other tags do not change."""
    client.tag_resource(resourceArn=arn, tags={"team": "a", "stage": "test"})
    client.tag_resource(resourceArn=arn, tags={"team": "b", "name with space/é": ""})
    client.untag_resource(resourceArn=arn, tagKeys=["stage", "not-there"])

    assert list_tags(client, arn) == {"team": "b", "name with space/é": ""}


def test_a_resource_without_tags_lists_none(client, arn):
    """The response is an empty map."""
    assert list_tags(client, arn) == {}


def test_tags_of_a_create_request_are_listed(client):
    """The resource is a bucket or an index."""
    created = client.create_vector_bucket(vectorBucketName="tagged", tags={"a": "1"})
    index = client.create_index(
        vectorBucketName="tagged",
        indexName="tagged",
        dataType="float32",
        dimension=1,
        distanceMetric="cosine",
        tags={"b": "2"},
    )

    assert list_tags(client, created["vectorBucketArn"]) == {"a": "1"}
    assert list_tags(client, index["indexArn"]) == {"b": "2"}


def test_a_resource_has_fifty_tags_at_most(client, arn):
    """Existing tags count. Changing one still works."""
    client.tag_resource(resourceArn=arn, tags=FIFTY)
    client.tag_resource(resourceArn=arn, tags={"key-0": "changed"})

    with pytest.raises(ClientError, match="at most 50 tags"):
        client.tag_resource(resourceArn=arn, tags={"one-more": ""})
    assert list_tags(client, arn) == {**FIFTY, "key-0": "changed"}


@pytest.mark.parametrize("key", ["aws:mine", "AWS:mine"])
def test_keys_of_aws_are_reserved(client, arn, key):
    """Letter case does not matter."""
    with pytest.raises(ClientError, match="aws: are reserved"):
        client.tag_resource(resourceArn=arn, tags={key: ""})


def test_tags_are_checked_at_creation(client, bucket):
    """Nothing is created."""
    for bad, message in (({**FIFTY, "x": ""}, "at most 50 tags"), ({"aws:x": ""}, "reserved")):
        with pytest.raises(ClientError, match=message):
            client.create_vector_bucket(vectorBucketName="second", tags=bad)
        with pytest.raises(ClientError, match=message):
            client.create_index(
                vectorBucketName=bucket,
                indexName="tagged",
                dataType="float32",
                dimension=1,
                distanceMetric="cosine",
                tags=bad,
            )

    assert len(client.list_vector_buckets()["vectorBuckets"]) == 1
    assert client.list_indexes(vectorBucketName=bucket)["indexes"] == []


@pytest.mark.parametrize("bad", [{"k" * 129: "a"}, {"k": "v" * 257}, {"k": "a;b"}, {"a<b": ""}])
def test_lengths_and_characters_of_tags_are_checked(client, arn, bad):
    """The API model has the limits."""
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        client.tag_resource(resourceArn=arn, tags=bad)


@pytest.mark.ours  # on AWS, the bucket belongs to another account
@pytest.mark.parametrize("missing", ["bucket/no-bucket", "bucket/my-bucket/index/no-index", "else"])
def test_tags_of_a_missing_resource_are_a_404(client, bucket, missing):
    """This holds for all three operations."""
    arn = {"resourceArn": f"arn:aws:s3vectors:us-east-1:123456789012:{missing}"}

    with pytest.raises(client.exceptions.NotFoundException):
        client.tag_resource(**arn, tags={"a": "b"})
    with pytest.raises(client.exceptions.NotFoundException):
        client.untag_resource(**arn, tagKeys=["a"])
    with pytest.raises(client.exceptions.NotFoundException):
        client.list_tags_for_resource(**arn)
