"""Operations on vector buckets."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Final

from s3vectors_local.arns import Caller, check_bucket_name
from s3vectors_local.errors import ConflictException

from .state import Bucket, Request, Response, State, encryption, named_bucket

_MODE: Final = "ENHANCED"
"""The index mode of new buckets, as on AWS for all made since 2026-09-30."""


def create_vector_bucket(state: State, request: Request, caller: Caller) -> Response:
    """CreateVectorBucket."""
    name = request["vectorBucketName"]
    check_bucket_name(name)
    arn = caller.bucket_arn(name)
    bucket = Bucket(name, arn, time.time(), encryption(request), _MODE, request.get("tags", {}))
    if arn in state.buckets:
        raise ConflictException("A vector bucket with the specified name already exists")
    state.storage.put_bucket(arn, asdict(bucket))
    state.buckets[arn] = bucket
    return {"vectorBucketArn": arn}


def get_vector_bucket(state: State, request: Request, caller: Caller) -> Response:
    """GetVectorBucket."""
    bucket = state.bucket(request, caller)
    details = {"encryptionConfiguration": dict(bucket.encryption), "defaultIndexMode": bucket.mode}
    return {"vectorBucket": {**_summary(bucket), **details}}


def list_vector_buckets(state: State, request: Request, caller: Caller) -> Response:
    """ListVectorBuckets: the caller's, by name."""
    home = caller.bucket_arn("")
    named = [(bucket.name, bucket) for arn, bucket in state.buckets.items() if arn.startswith(home)]
    page, token = state.page(request, ["ListVectorBuckets", home], named)
    return {"vectorBuckets": [_summary(bucket) for bucket in page], **token}


def delete_vector_bucket(state: State, request: Request, caller: Caller) -> Response:
    """DeleteVectorBucket; succeeds when there is no such bucket, as AWS does."""
    arn = named_bucket(request, caller)
    if state.indexes_of(arn):
        raise ConflictException("The specified vector bucket is not empty")
    if arn in state.buckets:
        state.storage.delete_bucket(arn)
        del state.buckets[arn]
    return {}


def _summary(bucket: Bucket) -> Response:
    return {
        "vectorBucketName": bucket.name,
        "vectorBucketArn": bucket.arn,
        "creationTime": bucket.created,
    }
