"""A request of every operation of S3 Vectors, to test the permissions of a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore import session
from botocore.exceptions import ClientError

KEY: Final = "probe"
"""The key of the vector in the requests."""


def list_operations() -> set[str]:
    """Return the names of all operations of the service."""
    return {*session.get_session().get_service_model("s3vectors").operation_names}


def build_requests(bucket: str, index: str) -> Mapping[str, dict[str, Any]]:
    """Build a request of each operation, by the operation's name.

    Args:
        bucket: the ARN of the vector bucket.
        index: the ARN of the index.
    """
    on_index = {"indexArn": index}
    on_bucket = {"vectorBucketArn": bucket}
    vector = [0.5] * 1024
    shape = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
    name = index.rpartition("/")[2]
    text_search = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    return {
        "CreateVectorBucket": {"vectorBucketName": bucket.rpartition("/")[2]},
        "GetVectorBucket": on_bucket,
        "DeleteVectorBucket": on_bucket,
        "PutVectorBucketPolicy": {**on_bucket, "policy": "{}"},
        "GetVectorBucketPolicy": on_bucket,
        "DeleteVectorBucketPolicy": on_bucket,
        "PutVectorBucketDefaultIndexMode": {**on_bucket, "defaultIndexMode": "ENHANCED"},
        "ListVectorBuckets": {},
        "ListIndexes": on_bucket,
        "CreateIndex": {**on_bucket, "indexName": name, **shape},
        "GetIndex": on_index,
        "DeleteIndex": on_index,
        "UpdateIndexMode": {**on_index, "indexMode": "ENHANCED"},
        "UpdateMetadataConfiguration": {**on_index, "add": text_search},
        "PutVectors": {**on_index, "vectors": [{"key": KEY, "data": {"float32": vector}}]},
        "GetVectors": {**on_index, "keys": [KEY]},
        "ListVectors": on_index,
        "DeleteVectors": {**on_index, "keys": [KEY]},
        "QueryVectors": {**on_index, "topK": 1, "queryVector": {"float32": vector}},
        "TagResource": {"resourceArn": index, "tags": {"a": "b"}},
        "UntagResource": {"resourceArn": index, "tagKeys": ["a"]},
        "ListTagsForResource": {"resourceArn": index},
    }


def request_error_code(client: Any, operation: str, request: Mapping[str, Any]) -> str:
    """Send a request, and return the code of its error; "" if it succeeds."""
    try:
        client._make_api_call(operation, dict(request))
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
