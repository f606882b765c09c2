"""Policies of vector buckets: kept and given back, not enforced."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3vectors:*",
            "Resource": "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket",
        },
    },
    indent=1,
)
NO_POLICY = "The specified vector bucket policy could not be found"


def test_a_policy_is_given_back_as_it_was_put(client, bucket):
    """To the character; a second one replaces it, and it is not enforced."""
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy='{"Statement": []}')
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)

    assert client.get_vector_bucket_policy(vectorBucketName=bucket)["policy"] == POLICY


def test_a_bucket_without_a_policy_is_a_404(client, bucket):
    """Before it has one, and after it is deleted; deleting none is no error."""
    with pytest.raises(client.exceptions.NotFoundException, match=NO_POLICY):
        client.get_vector_bucket_policy(vectorBucketName=bucket)
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)
    for _ in range(2):
        client.delete_vector_bucket_policy(vectorBucketName=bucket)

    with pytest.raises(client.exceptions.NotFoundException, match=NO_POLICY):
        client.get_vector_bucket_policy(vectorBucketName=bucket)


@pytest.mark.parametrize("bad", ["", "x", "[]", "{}", '"text"'])
def test_a_policy_that_is_none_is_refused(client, bucket, bad):
    """And what was there stays."""
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)

    with pytest.raises(ClientError, match="The policy is malformed"):
        client.put_vector_bucket_policy(vectorBucketName=bucket, policy=bad)

    assert client.get_vector_bucket_policy(vectorBucketName=bucket)["policy"] == POLICY


def test_a_policy_goes_with_its_bucket(client, bucket):
    """A new bucket of the same name has none."""
    client.put_vector_bucket_policy(vectorBucketName=bucket, policy=POLICY)
    client.delete_vector_bucket(vectorBucketName=bucket)
    client.create_vector_bucket(vectorBucketName=bucket)

    with pytest.raises(client.exceptions.NotFoundException, match=NO_POLICY):
        client.get_vector_bucket_policy(vectorBucketName=bucket)


def test_a_bucket_that_is_not_there_is_a_404(client):
    """For all three operations."""
    none = {"vectorBucketName": "no-bucket"}
    message = "The specified vector bucket could not be found"

    with pytest.raises(client.exceptions.NotFoundException, match=message):
        client.put_vector_bucket_policy(**none, policy=POLICY)
    with pytest.raises(client.exceptions.NotFoundException, match=message):
        client.get_vector_bucket_policy(**none)
    with pytest.raises(client.exceptions.NotFoundException, match=message):
        client.delete_vector_bucket_policy(**none)
