"""A vector store as it is deployed, whatever dialect it was written in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudformation import Deployed
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy

_TYPE: Final = "AWS::S3Vectors::VectorBucket"
_LEVEL: Final = re.compile("(?P<words>ReadWrite|Read|ManageIndexes)Policy")
_LEVELS: Final = {"Read": "read", "ReadWrite": "read-write", "ManageIndexes": "manage-indexes"}

Statement = tuple[str, tuple[str, ...], tuple[str, ...], str]
"""Effect, actions, resources, and the condition as JSON; empty without one."""


@dataclass(frozen=True)
class Index:
    """An index's properties."""

    dimension: int
    metric: str
    keys: frozenset[str]
    encryption: str | None
    """The ARN of its own customer key."""


@dataclass(frozen=True)
class Store:
    """What is created, and what is allowed."""

    bucket: str | None
    """The name of the one that is created."""
    encryption: str | None
    """The ARN of its customer key."""
    indexes: Mapping[str, Index]
    """Those that are created, by name."""
    policies: Mapping[str, frozenset[Statement]]
    """By level."""
    shared: Sequence[Mapping[str, Any]] | None = None
    """The statements of the bucket's own policy."""


def parse_statements(document: Mapping[str, Any]) -> frozenset[Statement]:
    """What a policy says, without what does not matter."""
    statements_read = []
    for statement in document["Statement"]:
        known = {"Effect", "Action", "Resource", "Sid", "Condition"}
        assert statement.keys() <= known, statement
        actions, resources = _to_tuple(statement["Action"]), _to_tuple(statement["Resource"])
        condition = statement.get("Condition")
        conditions = json.dumps(condition, sort_keys=True) if condition else ""
        statements_read.append((statement["Effect"], actions, resources, conditions))
    return frozenset(statements_read)


def simplify(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement in which one item and a list of one are the same."""
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
    """The policies that `permissions.py` makes, by level."""
    return {
        level: parse_statements(build_policy(level, bucket_arn, names, keys)) for level in LEVELS
    }


def from_stack(stack: Deployed) -> Store:
    """A store that CloudFormation makes."""
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
            properties["IndexName"]: _index(properties)
            for properties in stack.list_properties("AWS::S3Vectors::Index").values()
        },
        policies=policies,
        shared=_find_shared(
            [p["Policy"] for p in stack.list_properties(f"{_TYPE}Policy").values()]
        ),
    )


def _find_shared(documents: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]] | None:
    if not documents:
        return None
    [document] = documents
    return [simplify(statement) for statement in document["Statement"]]


def _index(properties: Mapping[str, Any]) -> Index:
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


def from_plan(plan: Mapping[str, Any]) -> Store:
    """A store that Terraform plans; what is known after apply only is None."""
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
        shared=_find_shared(
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
