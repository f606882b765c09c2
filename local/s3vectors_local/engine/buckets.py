"""Operations on vector buckets."""

from __future__ import annotations

import time

from s3vectors_local import limits
from s3vectors_local.arns import Caller, check_bucket_name
from s3vectors_local.errors import (
    AccessDeniedException,
    ConflictException,
    NotFoundException,
    PolicyError,
    ServiceQuotaExceededException,
    UnevaluatedPolicyError,
    ValidationException,
)
from s3vectors_local.iam import BucketPolicy, find_public_statement
from s3vectors_local.validation import check_tags

from .state import Bucket, Request, Response, State, resolve_encryption


def create_vector_bucket(state: State, request: Request, caller: Caller) -> Response:
    """CreateVectorBucket."""
    name = request["vectorBucketName"]
    check_bucket_name(name)
    check_tags(request.get("tags", {}))
    arn = caller.format_bucket_arn(name)
    classic = state.bucket_mode == "classic"
    bucket = Bucket(
        name=name,
        arn=arn,
        created=time.time(),
        encryption=resolve_encryption(request, caller),
        mode="CLASSIC" if classic else "ENHANCED",
        classic=classic,
        tags=request.get("tags", {}),
    )
    if arn in state.buckets:
        raise ConflictException("A vector bucket with the specified name already exists")
    prefix = caller.format_bucket_arn("")
    if sum(other.startswith(prefix) for other in state.buckets) >= limits.BUCKETS:
        raise ServiceQuotaExceededException(
            f"An account can have at most {limits.BUCKETS} vector buckets in a region"
        )
    state.put_bucket(bucket)
    return {"vectorBucketArn": arn}


def get_vector_bucket(state: State, request: Request, caller: Caller) -> Response:
    """GetVectorBucket."""
    bucket = state.find_bucket(request, caller)
    details = {"encryptionConfiguration": dict(bucket.encryption), "defaultIndexMode": bucket.mode}
    return {"vectorBucket": {**_summarize(bucket), **details}}


def list_vector_buckets(state: State, request: Request, caller: Caller) -> Response:
    """ListVectorBuckets: those of the caller, by name."""
    prefix = caller.format_bucket_arn("")
    buckets = [
        (bucket.name, bucket) for arn, bucket in state.buckets.items() if arn.startswith(prefix)
    ]
    page, token = state.take_page(request, ["ListVectorBuckets", prefix], buckets)
    return {"vectorBuckets": [_summarize(bucket) for bucket in page], **token}


def delete_vector_bucket(state: State, request: Request, caller: Caller) -> Response:
    """DeleteVectorBucket, if it is empty."""
    if "vectorBucketName" in request:
        check_bucket_name(request["vectorBucketName"])
    bucket = state.find_bucket(request, caller)
    if state.list_indexes(bucket.arn):
        raise ConflictException("The specified vector bucket is not empty")
    state.storage.delete_bucket(bucket.arn)
    del state.buckets[bucket.arn]
    return {}


def put_vector_bucket_default_index_mode(
    state: State, request: Request, caller: Caller
) -> Response:
    """PutVectorBucketDefaultIndexMode, for new indexes."""
    bucket = state.find_bucket(request, caller)
    mode = request["defaultIndexMode"]
    if mode == "CLASSIC" and not bucket.classic:
        raise ValidationException(
            "defaultIndexMode cannot be set to CLASSIC because this vector bucket does not "
            "support CLASSIC mode"
        )
    state.put_bucket(bucket, mode=mode)
    return {}


def put_vector_bucket_policy(state: State, request: Request, caller: Caller) -> Response:
    """PutVectorBucketPolicy, for a policy that is well-formed and not public.

    A policy that the engine cannot evaluate is refused if permissions are enforced, and otherwise
    stored.
    """
    bucket = state.find_bucket(request, caller)
    if len(request["policy"].encode()) > limits.BUCKET_POLICY_BYTES:
        raise _build_policy_error(f"it is longer than {limits.BUCKET_POLICY_BYTES:,} bytes")
    try:
        BucketPolicy(request["policy"])
    except UnevaluatedPolicyError as error:
        if state.enforcing:
            raise _build_policy_error(f"s3vectors-local cannot enforce it: {error}") from error
    except PolicyError as error:
        raise _build_policy_error(str(error)) from error
    public = find_public_statement(request["policy"])
    if public is not None:
        raise AccessDeniedException(
            f"User: {caller.principal} is not authorized to perform: "
            f"s3vectors:PutVectorBucketPolicy on resource: {bucket.arn} because public policies "
            f"are prevented by S3 Block Public Access, and {public} allows everyone",
            public,
        )
    state.put_bucket(bucket, policy=request["policy"])
    return {}


def _build_policy_error(reason: str) -> ValidationException:
    message = f"The policy is malformed: {reason}"
    return ValidationException(message, ("policy", message))


def get_vector_bucket_policy(state: State, request: Request, caller: Caller) -> Response:
    """GetVectorBucketPolicy."""
    policy = state.find_bucket(request, caller).policy
    if policy is None:
        raise NotFoundException("The specified vector bucket policy could not be found")
    return {"policy": policy}


def delete_vector_bucket_policy(state: State, request: Request, caller: Caller) -> Response:
    """DeleteVectorBucketPolicy; succeeds without a policy."""
    state.put_bucket(state.find_bucket(request, caller), policy=None)
    return {}


def _summarize(bucket: Bucket) -> Response:
    return {
        "vectorBucketName": bucket.name,
        "vectorBucketArn": bucket.arn,
        "creationTime": bucket.created,
    }
