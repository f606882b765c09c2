"""Repeated requests: the API model declares which operations are idempotent."""

from __future__ import annotations

import json

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader

pytestmark = pytest.mark.aws

OPERATIONS = Loader().load_service_model("s3vectors", "service-2")["operations"]
IDEMPOTENT = [name for name, operation in OPERATIONS.items() if operation.get("idempotent")]
CONFIGURATION = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}


@pytest.fixture
def requests(client, names):
    """Return a request for each operation, for a bucket, its index and an empty bucket."""
    bucket = {"vectorBucketName": names["vectorBucketName"]}
    empty = {"vectorBucketName": f"{names['vectorBucketName']}-2"}
    client.create_vector_bucket(**empty)
    arn = client.get_index(**names)["index"]["indexArn"]
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3vectors:QueryVectors",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return {
        "CreateIndex": {**bucket, "indexName": "second", **CONFIGURATION},
        "CreateVectorBucket": {"vectorBucketName": f"{names['vectorBucketName']}-3"},
        "DeleteIndex": names,
        "DeleteVectorBucket": empty,
        "DeleteVectorBucketPolicy": bucket,
        "DeleteVectors": {**names, "keys": ["a"]},
        "PutVectorBucketDefaultIndexMode": {**bucket, "defaultIndexMode": "ENHANCED"},
        "PutVectorBucketPolicy": {**bucket, "policy": policy},
        "PutVectors": {**names, "vectors": [{"key": "a", "data": {"float32": [1, 2]}}]},
        "TagResource": {"resourceArn": arn, "tags": {"a": "b"}},
        "UntagResource": {"resourceArn": arn, "tagKeys": ["a"]},
        "UpdateIndexMode": {**names, "indexMode": "ENHANCED"},
    }


@pytest.mark.parametrize("operation", IDEMPOTENT)
def test_an_idempotent_operation_succeeds_twice(client, requests, operation):
    """Deleting a missing resource is not an error."""
    call = getattr(client, xform_name(operation))

    for _ in range(2):
        call(**requests[operation])


@pytest.mark.parametrize(
    "operation, code",
    [
        ("CreateIndex", "ConflictException"),
        ("CreateVectorBucket", "ConflictException"),
        ("DeleteIndex", "NotFoundException"),
        ("DeleteVectorBucket", "NotFoundException"),
    ],
)
def test_an_operation_that_is_not_idempotent_fails_the_second_time(
    client, requests, operation, code
):
    """These create and delete buckets and indexes. AWS's first model declared them idempotent."""
    call = getattr(client, xform_name(operation))
    call(**requests[operation])

    assert operation not in IDEMPOTENT
    with pytest.raises(ClientError) as refused:
        call(**requests[operation])
    assert refused.value.response["Error"]["Code"] == code
