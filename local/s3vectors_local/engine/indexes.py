"""Operations on indexes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from s3vectors_local import limits
from s3vectors_local.arns import Caller, check_index_name
from s3vectors_local.configuration import IndexConfiguration, TextSearch
from s3vectors_local.errors import (
    ConflictException,
    ServiceQuotaExceededException,
    ValidationException,
)
from s3vectors_local.index import Index
from s3vectors_local.text import analyzers
from s3vectors_local.validation import check_tags
from s3vectors_local.words import Analysis

from .state import Bucket, Request, Response, State, encryption


def create_index(state: State, request: Request, caller: Caller) -> Response:
    """CreateIndex, in the bucket's mode and, unless it says otherwise, its encryption."""
    check_index_name(request["indexName"])
    wanted = encryption(request, caller)
    check_tags(request.get("tags", {}))
    bucket = state.bucket(request, caller)
    arn = f"{bucket.arn}/index/{request['indexName']}"
    if arn in state.indexes:
        raise ConflictException("An index with the specified name already exists")
    if len(state.indexes_of(bucket.arn)) >= limits.INDEXES:
        raise ServiceQuotaExceededException(
            f"A vector bucket can have at most {limits.INDEXES} indexes"
        )
    metadata = request.get("metadataConfiguration", {})
    texts = metadata.get("textSearchConfigurations") or ()
    if texts and bucket.mode != "ENHANCED":
        raise _needs_enhanced("textSearchConfigurations")
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
        texts=_texts(texts, (), state.choices.analyzer),
    )
    state.indexes[arn] = Index.create(state.storage, configuration, state.choices)
    return {"indexArn": arn}


def _texts(
    told: Sequence[Mapping[str, Any]], present: Sequence[TextSearch], kind: Analysis
) -> tuple[TextSearch, ...]:
    """New text searches, to be built; `present` are those that the index has."""
    keys = [entry["metadataKey"] for entry in told]
    if len(set(keys)) < len(keys):
        raise _invalid("each metadataKey can have one text search configuration only")
    if set(keys) & {text.key for text in present}:
        raise ConflictException("A text search configuration for the metadata key already exists")
    if len(keys) + len(present) > limits.TEXT_SEARCH_KEYS:
        most = limits.TEXT_SEARCH_KEYS
        raise _invalid(f"an index can have at most {most} text search configurations")
    made_by = analyzers(kind)
    slot = 1 + max((text.slot for text in present), default=0)
    return tuple(
        TextSearch(entry["metadataKey"], entry.get("language"), number, 0, made_by)
        for number, entry in enumerate(told, slot)
    )


def _invalid(reason: str) -> ValidationException:
    message = f"Invalid text search configuration: {reason}"
    return ValidationException(message, ("textSearchConfigurations", message))


def _needs_enhanced(what: str) -> ValidationException:
    return ValidationException(f"{what} can only be used when indexMode is ENHANCED")


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
    metadata: Response = {}
    if index.non_filterable:
        metadata["nonFilterableMetadataKeys"] = list(index.non_filterable)
    if index.texts:
        metadata["textSearchConfigurations"] = [_text(text) for text in index.texts]
    if metadata:
        details["metadataConfiguration"] = metadata
    return {"index": {**_summary(index), **details}}


def _text(text: TextSearch) -> Response:
    language = {"language": text.language} if text.language else {}
    return {"metadataKey": text.key, **language, "status": text.status}


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
    index.drop()
    del state.indexes[index.configuration.arn]
    return {}


def update_index_mode(state: State, request: Request, caller: Caller) -> Response:
    """UpdateIndexMode; back to CLASSIC only in a bucket that supports it."""
    index = state.index(request, caller)
    if request["indexMode"] == "CLASSIC" and not _bucket(state, index).classic:
        raise ValidationException(
            "indexMode cannot be set to CLASSIC because the vector bucket does not support "
            "CLASSIC mode"
        )
    index.configure(mode=request["indexMode"])
    return {}


def _bucket(state: State, index: Index) -> Bucket:
    return state.buckets[index.configuration.arn.partition("/index/")[0]]


def update_metadata_configuration(state: State, request: Request, caller: Caller) -> Response:
    """UpdateMetadataConfiguration: add text searches, which are then built, or delete some."""
    index = state.index(request, caller)
    told = index.configuration
    if ("add" in request) == ("delete" in request):
        raise ValidationException("Must specify either add or delete but not both")
    if not told.enhanced:
        raise _needs_enhanced("UpdateMetadataConfiguration")
    if "add" in request:
        added = request["add"].get("textSearchConfigurations") or ()
        index.add_texts(_texts(added, told.texts, state.choices.analyzer))
    else:
        unwanted = request["delete"].get("textSearchConfigurations") or ()
        keys = frozenset(entry["metadataKey"] for entry in unwanted)
        if keys - {text.key for text in told.texts}:
            raise _invalid("there is none for a metadataKey that is to be deleted")
        index.remove_texts(keys)
    return {"indexArn": told.arn}


def _summary(index: IndexConfiguration) -> Response:
    return {
        "vectorBucketName": index.bucket,
        "indexName": index.name,
        "indexArn": index.arn,
        "creationTime": index.created,
    }
