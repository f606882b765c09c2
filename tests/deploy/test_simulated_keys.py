"""In the simulated AWS, as in AWS, the key policy decides whether S3 Vectors may use a key."""

from __future__ import annotations

import json

import pytest

from support.deployment import terraform

BUCKET = "my-bucket"
ARN = f"arn:aws:s3vectors:us-east-1:{terraform.ACCOUNT}:bucket/{BUCKET}"
REFUSED = "Insufficient access to perform asynchronous indexing"
KEY = {
    "Effect": "Allow",
    "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
}


def build_policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize(
    "statements, is_allowed",
    [
        ([KEY], True),
        ([{**KEY, "Action": "kms:*"}], True),
        ([{**KEY, "Condition": {"ArnLike": {"aws:SourceArn": f"{ARN}/*"}}}], True),
        ([{**KEY, "Condition": {"ArnLike": {"aws:SourceArn": f"{ARN}x/*"}}}], False),
        ([{**KEY, "Condition": {"StringLike": {"aws:SourceArn": "*"}}}], False),
        ([{**KEY, "Condition": {"StringEquals": {"aws:SourceVpc": "it"}}}], False),
        ([KEY, {**KEY, "Effect": "Deny"}], False),
        ([KEY, {**KEY, "Effect": "Deny", "Principal": "*"}], False),
        ([KEY, {**KEY, "Effect": "Deny", "Action": "kms:Encrypt"}], True),
        ([KEY, {**KEY, "Effect": "Deny", "Condition": {"Bool": {"it": "true"}}}], False),
    ],
)
def test_the_key_policy_decides_whether_an_index_is_created(aws, statements, is_allowed):
    """An unknown condition never matches in an Allow statement, and always in a Deny statement."""
    policy = build_policy(*statements)
    key = aws.make_client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]

    assert try_to_create_index(aws, key) is is_allowed


def test_no_index_is_created_with_a_disabled_key(aws):
    """The key policy allows it, but does not matter."""
    kms = aws.make_client("kms")
    key = kms.create_key(Policy=build_policy(KEY))["KeyMetadata"]
    kms.disable_key(KeyId=key["KeyId"])

    assert not try_to_create_index(aws, key["Arn"])


def try_to_create_index(aws, key):
    """Whether S3 Vectors creates an index that this key encrypts."""
    client = aws.make_client("s3vectors")
    encryption = {"sseType": "aws:kms", "kmsKeyArn": key}
    client.create_vector_bucket(vectorBucketName=BUCKET, encryptionConfiguration=encryption)
    index = {
        "indexName": "index",
        "dataType": "float32",
        "dimension": 2,
        "distanceMetric": "cosine",
    }
    try:
        client.create_index(vectorBucketName=BUCKET, **index)
    except client.exceptions.AccessDeniedException as error:
        assert REFUSED in str(error)  # noqa: PT017 - only some keys cause it
        return False
    return True
