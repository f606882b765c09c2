"""A resource is given by name or by ARN, if the API model has both, but never by both."""

from __future__ import annotations

import json

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

ARN = "arn:aws:s3vectors:us-east-1:123456789012:bucket/my-bucket"
BUCKET = ({"vectorBucketName": "my-bucket"}, {"vectorBucketArn": ARN})
INDEX = (
    {"vectorBucketName": "my-bucket", "indexName": "my-index"},
    {"indexArn": f"{ARN}/index/my-index"},
)
SERVICE = botocore.session.get_session().get_service_model("s3vectors")
VECTOR = {"float32": [1, 2]}
POLICY = json.dumps(
    {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}
)
TEXTS = {"textSearchConfigurations": [{"metadataKey": "text"}]}

REQUESTS = {
    "GetVectorBucket": {},
    "DeleteVectorBucket": {},
    "PutVectorBucketPolicy": {"policy": POLICY},
    "GetVectorBucketPolicy": {},
    "DeleteVectorBucketPolicy": {},
    "PutVectorBucketDefaultIndexMode": {"defaultIndexMode": "ENHANCED"},
    "ListIndexes": {},
    "CreateIndex": {
        "indexName": "second",
        "dataType": "float32",
        "dimension": 2,
        "distanceMetric": "cosine",
    },
    "GetIndex": {},
    "DeleteIndex": {},
    "UpdateIndexMode": {"indexMode": "ENHANCED"},
    "UpdateMetadataConfiguration": {"add": TEXTS},
    "PutVectors": {"vectors": [{"key": "a", "data": VECTOR}]},
    "GetVectors": {"keys": ["a"]},
    "ListVectors": {},
    "DeleteVectors": {"keys": ["a"]},
    "QueryVectors": {"topK": 1, "queryVector": VECTOR},
}
"""The other required members of an operation."""


def list_ways(operation):
    """Return the two ways to name the resource of an operation."""
    members = SERVICE.operation_model(operation).input_shape.members
    return INDEX if "indexArn" in members else BUCKET


@pytest.fixture
def prepared_client(client, names):
    """Create the bucket with a policy, and the index, for the tested operation."""
    client.put_vector_bucket_policy(**BUCKET[0], policy=POLICY)
    client.put_vectors(**names, vectors=[{"key": "a", "data": VECTOR}])
    return client


def test_every_operation_with_both_is_tested():
    """The API model has the list."""
    offering = {
        name
        for name in SERVICE.operation_names
        if {"vectorBucketArn", "indexArn"}
        & SERVICE.operation_model(name).input_shape.members.keys()
    }

    assert offering == REQUESTS.keys()


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("way", [0, 1], ids=["name", "ARN"])
def test_an_operation_accepts_the_name_and_the_arn(prepared_client, operation, way):
    """The result is the same."""
    if operation == "DeleteVectorBucket":
        prepared_client.delete_index(**INDEX[way])

    call = getattr(prepared_client, xform_name(operation))

    assert call(**list_ways(operation)[way], **REQUESTS[operation])


@pytest.mark.parametrize("operation", REQUESTS)
def test_an_operation_refuses_both_and_neither(prepared_client, operation):
    """The error has AWS's text."""
    by_name, by_arn = list_ways(operation)
    call = getattr(prepared_client, xform_name(operation))

    for named in ({**by_name, **by_arn}, {}):
        with pytest.raises(ClientError, match="Must specify either (indexArn|vectorBucketName) or"):
            call(**named, **REQUESTS[operation])
