"""The actions and ARNs that a request needs, and its condition keys.

Actions, resources and condition keys are those of the service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3vectors.html);
that reading metadata also needs GetVectors is in the API reference of QueryVectors and ListVectors.
UpdateMetadataConfiguration is newer than that table; its resource, the index, is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from s3vectors_local.arns import Caller, parse_account

Context: TypeAlias = Mapping[str, Sequence[str]]

_BUCKET_OPERATIONS: Final = frozenset(
    {
        "CreateVectorBucket",
        "GetVectorBucket",
        "DeleteVectorBucket",
        "PutVectorBucketPolicy",
        "GetVectorBucketPolicy",
        "DeleteVectorBucketPolicy",
        "PutVectorBucketDefaultIndexMode",
        "ListIndexes",
    }
)
_INDEX_OPERATIONS: Final = frozenset(
    {
        "CreateIndex",
        "GetIndex",
        "DeleteIndex",
        "UpdateIndexMode",
        "UpdateMetadataConfiguration",
        "PutVectors",
        "GetVectors",
        "ListVectors",
        "DeleteVectors",
        "QueryVectors",
    }
)
_TAG_OPERATIONS: Final = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})

ACTIONS: Final = frozenset(
    f"s3vectors:{operation}"
    for operation in {
        *_BUCKET_OPERATIONS,
        *_INDEX_OPERATIONS,
        *_TAG_OPERATIONS,
        "ListVectorBuckets",
    }
)
"""All actions of the service: one per operation, with the same name."""


@dataclass(frozen=True)
class Need:
    """One action that must be allowed.

    Args:
        action: for example "s3vectors:QueryVectors".
        resource: an ARN; "*" for the action without resource.
        context: lower-case condition keys and their values.
    """

    action: str
    resource: str
    context: Context


def find_needs(
    operation: str,
    request: Mapping[str, Any],
    caller: Caller,
    get_tags: Callable[[str], Mapping[str, str] | None],
) -> list[Need]:
    """Return what a request needs; the first is the action of the operation itself.

    Args:
        operation: the name of the operation.
        request: its members, already validated by shape.
        caller: who sends the request.
        get_tags: returns the tags of a vector bucket or index by ARN; None if it does not exist.

    Raises:
        ValidationException: the request has both a name and an ARN of its resource, or neither.
    """
    resource = _find_resource(operation, request, caller)
    context = {
        **_describe_caller(caller, resource),
        **_describe_tags(resource, get_tags),
        **_describe_requested_tags(operation, request),
    }
    # TagResource at creation does not have the keys of encryption
    own = {**context, **_describe_requested_encryption(operation, request)}
    return [
        Need(f"s3vectors:{operation}", resource, own),
        *(
            Need(f"s3vectors:{name}", resource, context)
            for name in _list_further_actions(operation, request)
        ),
    ]


def _find_resource(operation: str, request: Mapping[str, Any], caller: Caller) -> str:
    if operation == "CreateIndex":
        return f"{caller.resolve_bucket_arn(request)}/index/{request['indexName']}"
    if operation in _INDEX_OPERATIONS:
        return caller.resolve_index_arn(request)
    if operation in _BUCKET_OPERATIONS:
        return caller.resolve_bucket_arn(request)
    return str(request["resourceArn"]) if operation in _TAG_OPERATIONS else "*"


def _list_further_actions(operation: str, request: Mapping[str, Any]) -> list[str]:
    """Return the further actions that members of a request need."""
    if operation == "QueryVectors":
        reads = "filter" in request or request.get("queryTexts") or request.get("returnMetadata")
        return ["GetVectors"] if reads else []
    if operation == "ListVectors":
        reads = request.get("returnData") or request.get("returnMetadata")
        return ["GetVectors"] if reads else []
    creates = operation in ("CreateVectorBucket", "CreateIndex")
    return ["TagResource"] if creates and request.get("tags") else []


def _describe_caller(caller: Caller, resource: str) -> Context:
    """Return the global keys of a request; it counts as sent over TLS, as on AWS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    shared: dict[str, Sequence[str]] = {
        "aws:requestedregion": [caller.region],
        "aws:resourceaccount": [parse_account(resource) or caller.account],
        "aws:securetransport": ["true"],
        "aws:principalisawsservice": [str(caller.is_service).lower()],
    }
    if caller.is_service:
        own = {
            "aws:principalservicename": [caller.identity],
            "aws:sourceaccount": [caller.account],
        }
    else:
        own = {
            "aws:principalarn": [caller.role or caller.principal],
            "aws:principalaccount": [caller.account],
        }
    return shared | own


def _describe_tags(resource: str, get_tags: Callable[[str], Mapping[str, str] | None]) -> Context:
    """Return the tags of the resource (`aws:ResourceTag`) and of its bucket."""
    own = get_tags(resource) or {}
    bucket = get_tags(resource.partition("/index/")[0]) or {}
    return {
        **_to_condition_keys("aws:resourcetag/", own),
        **_to_condition_keys("s3vectors:vectorbuckettag/", bucket),
    }


def _to_condition_keys(prefix: str, tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Return tags as condition keys, which are case-insensitive."""
    context: dict[str, list[str]] = {}
    for key, value in tags.items():
        context.setdefault(f"{prefix}{key}".lower(), []).append(value)
    return context


def _describe_requested_tags(operation: str, request: Mapping[str, Any]) -> Context:
    """Return the tags that a request sets or removes."""
    if operation == "UntagResource":
        return {"aws:tagkeys": list(request.get("tagKeys") or ())}
    if operation not in ("CreateVectorBucket", "CreateIndex", "TagResource"):
        return {}
    tags = request.get("tags") or {}
    context = _to_condition_keys("aws:requesttag/", tags)
    return {**context, "aws:tagkeys": [*tags]} if tags else context


def _describe_requested_encryption(operation: str, request: Mapping[str, Any]) -> Context:
    if operation not in ("CreateVectorBucket", "CreateIndex"):
        return {}
    encryption = request.get("encryptionConfiguration") or {}
    named = {"sseType": "s3vectors:ssetype", "kmsKeyArn": "s3vectors:kmskeyarn"}
    return {key: [encryption[m]] for m, key in named.items() if encryption.get(m)}
