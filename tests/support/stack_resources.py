"""What a stack of CloudFormation's made, and what of it is still there when the stack is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import boto3
from botocore.exceptions import ClientError

_LOOK: Final[Mapping[str, tuple[str, str, str]]] = {
    "AWS::DynamoDB::Table": ("dynamodb", "describe_table", "TableName"),
    "AWS::IAM::ManagedPolicy": ("iam", "get_policy", "PolicyArn"),
    "AWS::IAM::Role": ("iam", "get_role", "RoleName"),
    "AWS::Lambda::Function": ("lambda", "get_function", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_streams", "logGroupName"),
    "AWS::S3Vectors::Index": ("s3vectors", "get_index", "indexArn"),
    "AWS::S3Vectors::VectorBucket": ("s3vectors", "get_vector_bucket", "vectorBucketArn"),
}
"""Of each type: the service, what looks for one, and what takes the physical id."""

_NOT_ON_ITS_OWN: Final = frozenset({"AWS::CDK::Metadata", "", "AWS::IAM::Policy"})
"""Nothing at all, which moto has no word for (all else that it does not know is an error of the
tests), and what stands in a role."""

_MISSING: Final = frozenset({"NoSuchEntity", "NotFoundException", "ResourceNotFoundException"})


class Resource(NamedTuple):
    """One that a stack made.

    Args:
        kind: CloudFormation's type.
        id: its physical id.
    """

    kind: str
    id: str


def list_resources(account: boto3.Session, stack: str) -> list[Resource]:
    """All of a stack's that have an existence of their own."""
    pages = account.client("cloudformation").get_paginator("list_stack_resources")
    return [
        Resource(summary["ResourceType"], summary["PhysicalResourceId"])
        for page in pages.paginate(StackName=stack)
        for summary in page["StackResourceSummaries"]
        if summary["ResourceType"] not in _NOT_ON_ITS_OWN
    ]


def select_existing(account: boto3.Session, resources: Iterable[Resource]) -> list[Resource]:
    """Those that their services know."""
    return [each for each in resources if _exists(account, each)]


def _exists(account: boto3.Session, resource: Resource) -> bool:
    assert resource.kind in _LOOK, f"{resource}: say in _LOOK how to look for one"
    service, operation, parameter = _LOOK[resource.kind]
    client: Any = account.client(service)  # type: ignore[call-overload]  # any of them
    try:
        getattr(client, operation)(**{parameter: resource.id})
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        return False
    return True
