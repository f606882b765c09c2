"""Operations on indexes."""

from __future__ import annotations

import time

from s3vectors_local.arns import Caller, check_index_name
from s3vectors_local.errors import ConflictException
from s3vectors_local.index import Index, IndexConfiguration

from .state import Request, Response, State, encryption


def create_index(state: State, request: Request, caller: Caller) -> Response:
    """CreateIndex, in the bucket's mode and, unless it says otherwise, its encryption."""
    check_index_name(request["indexName"])
    wanted = encryption(request)
    bucket = state.bucket(request, caller)
    arn = f"{bucket.arn}/index/{request['indexName']}"
    if arn in state.indexes:
        raise ConflictException("An index with the specified name already exists")
    metadata = request.get("metadataConfiguration", {})
    configuration = IndexConfiguration(
        bucket=bucket.name,
        name=request["indexName"],
        arn=arn,
        created=time.time(),
        dimension=request["dimension"],
        metric=request["distanceMetric"],
        non_filterable=tuple(metadata.get("nonFilterableMetadataKeys") or ()),
        encryption=wanted if "encryptionConfiguration" in request else bucket.encryption,
        mode=bucket.mode,
        tags=request.get("tags", {}),
    )
    table = state.storage.put_index(arn, configuration.record())
    state.indexes[arn] = Index(state.storage, table, configuration)
    return {"indexArn": arn}


def get_index(state: State, request: Request, caller: Caller) -> Response:
    """GetIndex."""
    index = state.index(request, caller).configuration
    details: Response = {
        "dataType": "float32",
        "dimension": index.dimension,
        "distanceMetric": index.metric,
        "encryptionConfiguration": dict(index.encryption),
        "indexMode": index.mode,
    }
    if index.non_filterable:
        keys = list(index.non_filterable)
        details["metadataConfiguration"] = {"nonFilterableMetadataKeys": keys}
    return {"index": {**_summary(index), **details}}


def list_indexes(state: State, request: Request, caller: Caller) -> Response:
    """ListIndexes: a bucket's, by name."""
    bucket = state.bucket(request, caller)
    found = [index.configuration for index in state.indexes_of(bucket.arn)]
    named = [(index.name, index) for index in found]
    page, token = state.page(request, ["ListIndexes", bucket.arn, bucket.created], named)
    return {"indexes": [_summary(index) for index in page], **token}


def delete_index(state: State, request: Request, caller: Caller) -> Response:
    """DeleteIndex, with its vectors."""
    index = state.index(request, caller)
    state.storage.delete_index(index.table)
    del state.indexes[index.configuration.arn]
    return {}


def _summary(index: IndexConfiguration) -> Response:
    return {
        "vectorBucketName": index.bucket,
        "indexName": index.name,
        "indexArn": index.arn,
        "creationTime": index.created,
    }
