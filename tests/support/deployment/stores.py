"""A vector store that the CDK, SAM or Terraform declares, in a form that tests can compare."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from support.deployment.cloudformation import ResolvedStack

_TYPE: Final = "AWS::S3Vectors::VectorBucket"
_LEVEL: Final = re.compile("(?P<words>ReadWrite|Read|ManageIndexes)Policy")
_LEVELS: Final = {"Read": "read", "ReadWrite": "read-write", "ManageIndexes": "manage-indexes"}

Statement = tuple[str, tuple[str, ...], tuple[str, ...], str]
"""Effect, actions, resources, and the condition as JSON, or an empty string."""


@dataclass(frozen=True)
class Index:
    """The properties of an index."""

    dimension: int
    metric: str
    keys: frozenset[str]
    encryption: str | None
    """The ARN of the index's own customer key."""


@dataclass(frozen=True)
class Store:
    """The resources that are created, and the permissions that are granted."""

    bucket: str | None
    """The name of the bucket, if one is created."""
    encryption: str | None
    """The ARN of the bucket's customer key."""
    indexes: Mapping[str, Index]
    """The indexes that are created, by name."""
    policies: Mapping[str, frozenset[Statement]]
    """The managed policies by level."""
    bucket_policy: Sequence[Mapping[str, Any]] | None = None
    """The statements of the bucket policy."""


def parse_statements(document: Mapping[str, Any]) -> frozenset[Statement]:
    """Parse a policy's statements, without Sid and order."""
    statements = []
    for statement in document["Statement"]:
        known = {"Effect", "Action", "Resource", "Sid", "Condition"}
        assert statement.keys() <= known, statement
        actions, resources = _to_tuple(statement["Action"]), _to_tuple(statement["Resource"])
        condition = statement.get("Condition")
        conditions = json.dumps(condition, sort_keys=True) if condition else ""
        statements.append((statement["Effect"], actions, resources, conditions))
    return frozenset(statements)


def normalize_statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Replace strings and lists with sorted tuples, so that equal statements compare equal."""
    return {
        name: {kind: _to_tuple(names) for kind, names in value.items()}
        if name == "Principal"
        else _to_tuple(value)
        if name in ("Action", "Resource")
        else value
        for name, value in statement.items()
    }


def _to_tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted([value] if isinstance(value, str) else value))


def build_expected_policies(
    bucket_arn: str, names: Sequence[str], keys: Sequence[str] = ()
) -> dict[str, frozenset[Statement]]:
    """Build the policies with `permissions.py`, by level."""
    return {
        level: parse_statements(build_policy(level, bucket_arn, names, keys)) for level in LEVELS
    }


def parse_stack(stack: ResolvedStack) -> Store:
    """Parse the store of a CloudFormation stack."""
    buckets = list(stack.list_properties(_TYPE).values())
    policies = {}
    for name, properties in stack.list_properties("AWS::IAM::ManagedPolicy").items():
        match = _LEVEL.search(name)
        assert match, name
        policies[_LEVELS[match["words"]]] = parse_statements(properties["PolicyDocument"])
    return Store(
        bucket=buckets[0]["VectorBucketName"] if buckets else None,
        encryption=_find_key(buckets[0]) if buckets else None,
        indexes={
            properties["IndexName"]: _parse_index(properties)
            for properties in stack.list_properties("AWS::S3Vectors::Index").values()
        },
        policies=policies,
        bucket_policy=_parse_bucket_policy(
            [p["Policy"] for p in stack.list_properties(f"{_TYPE}Policy").values()]
        ),
    )


def _parse_bucket_policy(
    documents: Sequence[Mapping[str, Any]],
) -> Sequence[Mapping[str, Any]] | None:
    if not documents:
        return None
    [document] = documents
    return [normalize_statement(statement) for statement in document["Statement"]]


def _parse_index(properties: Mapping[str, Any]) -> Index:
    assert properties["DataType"] == "float32"
    return Index(
        int(properties["Dimension"]),
        properties["DistanceMetric"],
        frozenset(properties["MetadataConfiguration"]["NonFilterableMetadataKeys"]),
        _find_key(properties),
    )


def _find_key(properties: Mapping[str, Any]) -> str | None:
    encryption = properties.get("EncryptionConfiguration", {"SseType": "AES256"})
    assert (encryption["SseType"] == "aws:kms") == ("KmsKeyArn" in encryption), encryption
    key: str | None = encryption.get("KmsKeyArn")
    return key


def parse_plan(plan: Mapping[str, Any]) -> Store:
    """Parse the store of a Terraform plan. Values known only after apply are None."""
    resources = plan["planned_values"]["root_module"]["resources"]
    managed = [each for each in resources if each["mode"] == "managed"]
    buckets = [each["values"] for each in managed if each["type"] == "aws_s3vectors_vector_bucket"]
    indexes = [each["values"] for each in managed if each["type"] == "aws_s3vectors_index"]
    return Store(
        bucket=buckets[0]["vector_bucket_name"] if buckets else None,
        encryption=_read_planned_key(buckets[0]) if buckets else None,
        indexes={each["index_name"]: _read_planned_index(each) for each in indexes},
        policies={
            each["index"]: parse_statements(json.loads(each["values"]["policy"]))
            for each in managed
            if each["type"] == "aws_iam_policy"
        },
        bucket_policy=_parse_bucket_policy(
            [
                json.loads(each["values"]["policy"])
                for each in managed
                if each["type"] == "aws_s3vectors_vector_bucket_policy"
            ]
        ),
    )


def _read_planned_index(values: Mapping[str, Any]) -> Index:
    assert values["data_type"] == "float32"
    [metadata] = values["metadata_configuration"]
    keys = frozenset(metadata["non_filterable_metadata_keys"])
    return Index(values["dimension"], values["distance_metric"], keys, _read_planned_key(values))


def _read_planned_key(values: Mapping[str, Any]) -> str | None:
    [encryption] = values.get("encryption_configuration") or [{"kms_key_arn": None}]
    key: str | None = encryption["kms_key_arn"]
    return key
