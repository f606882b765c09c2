"""Operations on the tags of vector buckets and indexes."""

from __future__ import annotations

from collections.abc import Mapping

from s3vectors_local.arns import Caller
from s3vectors_local.errors import NotFoundException
from s3vectors_local.validation import check_tags

from .state import Request, Response, State


def tag_resource(state: State, request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the ARN says whose
    """TagResource: new tags, and new values of tags that are there."""
    tags = {**_tags(state, request["resourceArn"]), **request["tags"]}
    check_tags(tags)
    _set(state, request["resourceArn"], tags)
    return {}


def untag_resource(state: State, request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the ARN says whose
    """UntagResource; tags that are not there are passed over."""
    tags = _tags(state, request["resourceArn"])
    kept = {key: value for key, value in tags.items() if key not in request["tagKeys"]}
    _set(state, request["resourceArn"], kept)
    return {}


def list_tags_for_resource(state: State, request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the ARN says whose
    """ListTagsForResource."""
    return {"tags": dict(_tags(state, request["resourceArn"]))}


def _tags(state: State, arn: str) -> Mapping[str, str]:
    tags = state.tags_of(arn)
    if tags is None:
        raise NotFoundException("The specified resource could not be found")
    return tags


def _set(state: State, arn: str, tags: Mapping[str, str]) -> None:
    if arn in state.buckets:
        state.put_bucket(state.buckets[arn], tags=tags)
    else:
        state.indexes[arn].configure(tags=tags)
