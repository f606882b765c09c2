"""One request of every operation of S3 Vectors, to see what a role may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore import session
from botocore.exceptions import ClientError

KEY: Final = "probe"
"""That of the vector which the requests are about."""


def list_operations() -> set[str]:
    """All that the service has."""
    return {*session.get_session().get_service_model("s3vectors").operation_names}


def build_requests(bucket: str, index: str) -> Mapping[str, dict[str, Any]]:
    """What each operation is asked, by its name.

    Args:
        bucket: the ARN of the vector bucket.
        index: the ARN of the index.
    """
    its = {"indexArn": index}
    of_bucket = {"vectorBucketArn": bucket}
    vector = [0.5] * 1024
    new = {"dataType": "float32", "dimension": 1024, "distanceMetric": "cosine"}
    name = index.rpartition("/")[2]
    searched = {"textSearchConfigurations": [{"metadataKey": "text"}]}
    return {
        "CreateVectorBucket": {"vectorBucketName": bucket.rpartition("/")[2]},
        "GetVectorBucket": of_bucket,
        "DeleteVectorBucket": of_bucket,
        "PutVectorBucketPolicy": {**of_bucket, "policy": "{}"},
        "GetVectorBucketPolicy": of_bucket,
        "DeleteVectorBucketPolicy": of_bucket,
        "PutVectorBucketDefaultIndexMode": {**of_bucket, "defaultIndexMode": "ENHANCED"},
        "ListVectorBuckets": {},
        "ListIndexes": of_bucket,
        "CreateIndex": {**of_bucket, "indexName": name, **new},
        "GetIndex": its,
        "DeleteIndex": its,
        "UpdateIndexMode": {**its, "indexMode": "ENHANCED"},
        "UpdateMetadataConfiguration": {**its, "add": searched},
        "PutVectors": {**its, "vectors": [{"key": KEY, "data": {"float32": vector}}]},
        "GetVectors": {**its, "keys": [KEY]},
        "ListVectors": its,
        "DeleteVectors": {**its, "keys": [KEY]},
        "QueryVectors": {**its, "topK": 1, "queryVector": {"float32": vector}},
        "TagResource": {"resourceArn": index, "tags": {"a": "b"}},
        "UntagResource": {"resourceArn": index, "tagKeys": ["a"]},
        "ListTagsForResource": {"resourceArn": index},
    }


def request_error_code(client: Any, operation: str, request: Mapping[str, Any]) -> str:
    """The code of the error that it is answered with; "" for none."""
    try:
        client._make_api_call(operation, dict(request))
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
