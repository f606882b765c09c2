"""The resources that a CloudFormation stack created, and those that still exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import boto3
from botocore.exceptions import ClientError

_DESCRIBE_CALLS: Final[Mapping[str, tuple[str, str, str]]] = {
    "AWS::DynamoDB::Table": ("dynamodb", "describe_table", "TableName"),
    "AWS::IAM::ManagedPolicy": ("iam", "get_policy", "PolicyArn"),
    "AWS::IAM::Role": ("iam", "get_role", "RoleName"),
    "AWS::Lambda::Function": ("lambda", "get_function", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_streams", "logGroupName"),
    "AWS::S3Vectors::Index": ("s3vectors", "get_index", "indexArn"),
    "AWS::S3Vectors::VectorBucket": ("s3vectors", "get_vector_bucket", "vectorBucketArn"),
}
"""For each type: the service, the operation that finds a resource, and its id parameter."""

_NOT_INDEPENDENT: Final = frozenset({"AWS::CDK::Metadata", "", "AWS::IAM::Policy"})
"""Types without resources of their own.

CDK metadata creates nothing; moto lists it without a type. (The tests refuse any other type that
moto does not know.) An IAM policy is part of a role.
"""

_MISSING: Final = frozenset({"NoSuchEntity", "NotFoundException", "ResourceNotFoundException"})


class Resource(NamedTuple):
    """A resource of a stack.

    Args:
        kind: CloudFormation's resource type.
        id: the physical id.
    """

    kind: str
    id: str


def list_resources(session: boto3.Session, stack: str) -> list[Resource]:
    """Return the resources of a stack that exist independently of others."""
    pages = session.client("cloudformation").get_paginator("list_stack_resources")
    return [
        Resource(summary["ResourceType"], summary["PhysicalResourceId"])
        for page in pages.paginate(StackName=stack)
        for summary in page["StackResourceSummaries"]
        if summary["ResourceType"] not in _NOT_INDEPENDENT
    ]


def select_existing(session: boto3.Session, resources: Iterable[Resource]) -> list[Resource]:
    """Return the resources that still exist."""
    return [each for each in resources if _exists(session, each)]


def _exists(session: boto3.Session, resource: Resource) -> bool:
    assert resource.kind in _DESCRIBE_CALLS, f"{resource}: add its type to _DESCRIBE_CALLS"
    service, operation, parameter = _DESCRIBE_CALLS[resource.kind]
    client: Any = session.client(service)  # type: ignore[call-overload]  # any service
    try:
        getattr(client, operation)(**{parameter: resource.id})
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        return False
    return True
