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
from s3vectors_local.text import describe_analyzers
from s3vectors_local.tokenizer import Analysis
from s3vectors_local.validation import check_tags

from .state import Bucket, Request, Response, State, resolve_encryption


def create_index(state: State, request: Request, caller: Caller) -> Response:
    """CreateIndex, in the mode of the bucket and by default with its encryption."""
    check_index_name(request["indexName"])
    encryption = resolve_encryption(request, caller)
    check_tags(request.get("tags", {}))
    bucket = state.find_bucket(request, caller)
    arn = f"{bucket.arn}/index/{request['indexName']}"
    if arn in state.indexes:
        raise ConflictException("An index with the specified name already exists")
    if len(state.list_indexes(bucket.arn)) >= limits.INDEXES:
        raise ServiceQuotaExceededException(
            f"A vector bucket can have at most {limits.INDEXES} indexes"
        )
    metadata = request.get("metadataConfiguration", {})
    texts = metadata.get("textSearchConfigurations") or ()
    if texts and bucket.mode != "ENHANCED":
        raise _build_mode_error("textSearchConfigurations")
    configuration = IndexConfiguration(
        bucket=bucket.name,
        name=request["indexName"],
        arn=arn,
        created=time.time(),
        dimension=request["dimension"],
        metric=request["distanceMetric"],
        non_filterable=tuple(metadata.get("nonFilterableMetadataKeys") or ()),
        encryption=encryption if "encryptionConfiguration" in request else bucket.encryption,
        mode=bucket.mode,
        tags=request.get("tags", {}),
        texts=_create_text_searches(texts, (), state.choices.analyzer),
    )
    state.indexes[arn] = Index.create(state.storage, configuration, state.choices)
    return {"indexArn": arn}


def _create_text_searches(
    entries: Sequence[Mapping[str, Any]], present: Sequence[TextSearch], kind: Analysis
) -> tuple[TextSearch, ...]:
    """Create text searches; `present` are those that the index has."""
    keys = [entry["metadataKey"] for entry in entries]
    if len(set(keys)) < len(keys):
        raise _build_error("each metadataKey can have one text search configuration only")
    if set(keys) & {text_search.key for text_search in present}:
        raise ConflictException("A text search configuration for the metadata key already exists")
    if len(keys) + len(present) > limits.TEXT_SEARCH_KEYS:
        maximum = limits.TEXT_SEARCH_KEYS
        raise _build_error(f"an index can have at most {maximum} text search configurations")
    analyzers = describe_analyzers(kind)
    slot = 1 + max((text_search.slot for text_search in present), default=0)
    return tuple(
        TextSearch(entry["metadataKey"], entry.get("language"), number, 0, analyzers)
        for number, entry in enumerate(entries, slot)
    )


def _build_error(reason: str) -> ValidationException:
    message = f"Invalid text search configuration: {reason}"
    return ValidationException(message, ("textSearchConfigurations", message))


def _build_mode_error(member: str) -> ValidationException:
    return ValidationException(f"{member} can only be used when indexMode is ENHANCED")


def get_index(state: State, request: Request, caller: Caller) -> Response:
    """GetIndex."""
    index = state.find_index(request, caller).configuration
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
        metadata["textSearchConfigurations"] = [
            _describe_text_search(text_search) for text_search in index.texts
        ]
    if metadata:
        details["metadataConfiguration"] = metadata
    return {"index": {**_summarize(index), **details}}


def _describe_text_search(text_search: TextSearch) -> Response:
    language = {"language": text_search.language} if text_search.language else {}
    return {"metadataKey": text_search.key, **language, "status": text_search.status}


def list_indexes(state: State, request: Request, caller: Caller) -> Response:
    """ListIndexes: those of a bucket, by name."""
    bucket = state.find_bucket(request, caller)
    configurations = [index.configuration for index in state.list_indexes(bucket.arn)]
    named = [(index.name, index) for index in configurations]
    page, token = state.take_page(request, ["ListIndexes", bucket.arn, bucket.created], named)
    return {"indexes": [_summarize(index) for index in page], **token}


def delete_index(state: State, request: Request, caller: Caller) -> Response:
    """DeleteIndex, with its vectors."""
    index = state.find_index(request, caller)
    index.drop()
    del state.indexes[index.configuration.arn]
    return {}


def update_index_mode(state: State, request: Request, caller: Caller) -> Response:
    """UpdateIndexMode; to CLASSIC only in a bucket that supports it."""
    index = state.find_index(request, caller)
    if request["indexMode"] == "CLASSIC" and not _get_bucket(state, index).classic:
        raise ValidationException(
            "indexMode cannot be set to CLASSIC because the vector bucket does not support "
            "CLASSIC mode"
        )
    index.configure(mode=request["indexMode"])
    return {}


def _get_bucket(state: State, index: Index) -> Bucket:
    return state.buckets[index.configuration.arn.partition("/index/")[0]]


def update_metadata_configuration(state: State, request: Request, caller: Caller) -> Response:
    """UpdateMetadataConfiguration: add text searches, which are then built, or delete some."""
    index = state.find_index(request, caller)
    configuration = index.configuration
    if ("add" in request) == ("delete" in request):
        raise ValidationException("Must specify either add or delete but not both")
    if not configuration.is_enhanced:
        raise _build_mode_error("UpdateMetadataConfiguration")
    if "add" in request:
        added = request["add"].get("textSearchConfigurations") or ()
        index.add_texts(_create_text_searches(added, configuration.texts, state.choices.analyzer))
    else:
        deleted = request["delete"].get("textSearchConfigurations") or ()
        keys = frozenset(entry["metadataKey"] for entry in deleted)
        if keys - {text_search.key for text_search in configuration.texts}:
            raise _build_error("a metadataKey to delete has no text search configuration")
        index.remove_texts(keys)
    return {"indexArn": configuration.arn}


def _summarize(index: IndexConfiguration) -> Response:
    return {
        "vectorBucketName": index.bucket,
        "indexName": index.name,
        "indexArn": index.arn,
        "creationTime": index.created,
    }
