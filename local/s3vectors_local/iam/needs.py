"""Which actions on which ARNs a request needs, and the condition keys it can be judged by.

Actions, resources and condition keys are those of the service authorization reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3vectors.html);
that reading metadata needs GetVectors, too, is in the API reference of QueryVectors and
ListVectors. UpdateMetadataConfiguration is newer than that table; the index is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from s3vectors_local.arns import Caller, account_of

Context: TypeAlias = Mapping[str, Sequence[str]]

_BUCKET: Final = frozenset(
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
_INDEX: Final = frozenset(
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
_TAGS: Final = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})

ACTIONS: Final = frozenset(
    f"s3vectors:{operation}" for operation in {*_BUCKET, *_INDEX, *_TAGS, "ListVectorBuckets"}
)
"""Every action of the service: one per operation, of the same name."""


@dataclass(frozen=True)
class Need:
    """One action that must be allowed.

    Args:
        action: such as "s3vectors:QueryVectors".
        resource: an ARN; "*" for the action that knows none.
        context: condition keys in lower case and their values.
    """

    action: str
    resource: str
    context: Context


def needs(
    operation: str,
    request: Mapping[str, Any],
    caller: Caller,
    tags_of: Callable[[str], Mapping[str, str] | None],
) -> list[Need]:
    """What a request needs, its own action first.

    Args:
        operation: AWS's name of it.
        request: its members, of the right shape.
        caller: whose it is.
        tags_of: returns the tags of a vector bucket or index by its ARN; None when there is
            no such thing.

    Raises:
        ValidationException: the request names its resource both by name and by ARN, or
            not at all.
    """
    resource = _resource(operation, request, caller)
    context = {
        **_about_caller(caller, resource),
        **_tagged(resource, tags_of),
        **_requested_tags(operation, request),
    }
    # Of the two, only the action that creates knows the keys of encryption
    own = {**context, **_requested_encryption(operation, request)}
    return [
        Need(f"s3vectors:{operation}", resource, own),
        *(Need(f"s3vectors:{name}", resource, context) for name in _also(operation, request)),
    ]


def _resource(operation: str, request: Mapping[str, Any], caller: Caller) -> str:
    if operation == "CreateIndex":
        return f"{caller.bucket_of(request)}/index/{request['indexName']}"
    if operation in _INDEX:
        return caller.index_of(request)
    if operation in _BUCKET:
        return caller.bucket_of(request)
    return str(request["resourceArn"]) if operation in _TAGS else "*"


def _also(operation: str, request: Mapping[str, Any]) -> list[str]:
    """The further actions that members of a request need."""
    if operation == "QueryVectors":
        reads = "filter" in request or request.get("queryTexts") or request.get("returnMetadata")
        return ["GetVectors"] if reads else []
    if operation == "ListVectors":
        reads = request.get("returnData") or request.get("returnMetadata")
        return ["GetVectors"] if reads else []
    creates = operation in ("CreateVectorBucket", "CreateIndex")
    return ["TagResource"] if creates and request.get("tags") else []


def _about_caller(caller: Caller, resource: str) -> Context:
    """The global keys of who asks, and how: a request counts as made with TLS, as on AWS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    shared: dict[str, Sequence[str]] = {
        "aws:requestedregion": [caller.region],
        "aws:resourceaccount": [account_of(resource) or caller.account],
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


def _tagged(resource: str, tags_of: Callable[[str], Mapping[str, str] | None]) -> Context:
    """`aws:ResourceTag` is the resource's own, `s3vectors:VectorBucketTag` its bucket's."""
    own = tags_of(resource) or {}
    bucket = tags_of(resource.partition("/index/")[0]) or {}
    return {
        **_by_key("aws:resourcetag/", own),
        **_by_key("s3vectors:vectorbuckettag/", bucket),
    }


def _by_key(prefix: str, tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Tags as condition keys, which do not tell upper from lower case."""
    found: dict[str, list[str]] = {}
    for key, value in tags.items():
        found.setdefault(f"{prefix}{key}".lower(), []).append(value)
    return found


def _requested_tags(operation: str, request: Mapping[str, Any]) -> Context:
    """Only the requests that set tags, or take them away, have these keys."""
    if operation == "UntagResource":
        return {"aws:tagkeys": list(request.get("tagKeys") or ())}
    if operation not in ("CreateVectorBucket", "CreateIndex", "TagResource"):
        return {}
    tags = request.get("tags") or {}
    context = _by_key("aws:requesttag/", tags)
    return {**context, "aws:tagkeys": [*tags]} if tags else context


def _requested_encryption(operation: str, request: Mapping[str, Any]) -> Context:
    if operation not in ("CreateVectorBucket", "CreateIndex"):
        return {}
    encryption = request.get("encryptionConfiguration") or {}
    named = {"sseType": "s3vectors:ssetype", "kmsKeyArn": "s3vectors:kmskeyarn"}
    return {key: [encryption[m]] for m, key in named.items() if encryption.get(m)}
