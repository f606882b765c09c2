"""The simulated AWS asks a customer key whether S3 Vectors may use it, as AWS does."""

from __future__ import annotations

import json

import pytest

import terraform

BUCKET = "my-bucket"
ARN = f"arn:aws:s3vectors:us-east-1:{terraform.ACCOUNT}:bucket/{BUCKET}"
REFUSED = "Insufficient access to perform asynchronous indexing"
KEY = {
    "Effect": "Allow",
    "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize(
    "statements, consents",
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
def test_a_key_consents_by_what_is_read_of_its_policy(aws, statements, consents):
    """A condition that is not known is no consent; what denies, denies."""
    policy = document(*statements)
    key = aws.make_client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]

    assert try_to_create_index(aws, key) is consents


def test_a_key_that_is_disabled_encrypts_nothing(aws):
    """Whatever its policy allows."""
    kms = aws.make_client("kms")
    key = kms.create_key(Policy=document(KEY))["KeyMetadata"]
    kms.disable_key(KeyId=key["KeyId"])

    assert not try_to_create_index(aws, key["Arn"])


def try_to_create_index(aws, key):
    """Whether an index can be made that this key encrypts."""
    client = aws.make_client("s3vectors")
    encryption = {"sseType": "aws:kms", "kmsKeyArn": key}
    client.create_vector_bucket(vectorBucketName=BUCKET, encryptionConfiguration=encryption)
    index = {"indexName": "its", "dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    try:
        client.create_index(vectorBucketName=BUCKET, **index)
    except client.exceptions.AccessDeniedException as error:
        assert REFUSED in str(error)  # noqa: PT017 - it may be raised, or not
        return False
    return True
