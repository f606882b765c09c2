"""Operations on the tags of vector buckets and indexes."""

from __future__ import annotations

from collections.abc import Mapping

from s3vectors_local.arns import Caller
from s3vectors_local.errors import NotFoundException
from s3vectors_local.validation import check_tags

from .state import Request, Response, State


def tag_resource(state: State, request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the ARN names the account
    """TagResource: adds tags, and replaces the values of existing tags."""
    tags = {**_get_tags(state, request["resourceArn"]), **request["tags"]}
    check_tags(tags)
    _set_tags(state, request["resourceArn"], tags)
    return {}


def untag_resource(state: State, request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the ARN names the account
    """UntagResource; missing tags are ignored."""
    tags = _get_tags(state, request["resourceArn"])
    remaining = {key: value for key, value in tags.items() if key not in request["tagKeys"]}
    _set_tags(state, request["resourceArn"], remaining)
    return {}


def list_tags_for_resource(state: State, request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the ARN names the account
    """ListTagsForResource."""
    return {"tags": dict(_get_tags(state, request["resourceArn"]))}


def _get_tags(state: State, arn: str) -> Mapping[str, str]:
    tags = state.get_tags(arn)
    if tags is None:
        raise NotFoundException("The specified resource could not be found")
    return tags


def _set_tags(state: State, arn: str, tags: Mapping[str, str]) -> None:
    if arn in state.buckets:
        state.put_bucket(state.buckets[arn], tags=tags)
    else:
        state.indexes[arn].configure(tags=tags)
