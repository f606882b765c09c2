"""Facts about resource types that the schemas lack, from the genuine provider's documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Rule:
    """The behavior of one resource type."""

    replaces: tuple[str, ...]
    """The attributes and blocks whose change forces a replacement."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    """Attributes that hold JSON. The same JSON in other words is no change."""
    imported_by: str = "id"
    uses_older_toolkit: bool = True
    """Whether the provider implements the type with its older toolkit.

    Terraform then accepts an applied state that differs from the plan.
    """


_KEY_DEFAULTS: Final = {
    "bypass_policy_lockout_safety_check": False,
    "customer_master_key_spec": "SYMMETRIC_DEFAULT",
    "enable_key_rotation": False,
    "is_enabled": True,
    "key_usage": "ENCRYPT_DECRYPT",
}
_FUNCTION_DEFAULTS: Final = {
    "memory_size": 128,
    "package_type": "Zip",
    "publish": False,
    "reserved_concurrent_executions": -1,
    "skip_destroy": False,
    "timeout": 3,
}
_ROLE_DEFAULTS: Final = {"path": "/", "max_session_duration": 3600, "force_detach_policies": False}

RULES: Final[Mapping[str, Rule]] = {
    "aws_s3vectors_vector_bucket": Rule(
        ("vector_bucket_name", "encryption_configuration", "region"),
        {"force_destroy": False},
        imported_by="vector_bucket_arn",
        uses_older_toolkit=False,
    ),
    "aws_s3vectors_index": Rule(
        (
            "data_type",
            "dimension",
            "distance_metric",
            "encryption_configuration",
            "index_name",
            "metadata_configuration",
            "region",
            "vector_bucket_name",
        ),
        imported_by="index_arn",
        uses_older_toolkit=False,
    ),
    "aws_s3vectors_vector_bucket_policy": Rule(
        ("region", "vector_bucket_arn"),
        documents=("policy",),
        imported_by="vector_bucket_arn",
        uses_older_toolkit=False,
    ),
    "aws_cloudwatch_log_group": Rule(
        ("name", "region"), {"retention_in_days": 0, "skip_destroy": False}
    ),
    "aws_dynamodb_table": Rule(
        ("hash_key", "name", "range_key", "region"), {"billing_mode": "PROVISIONED"}
    ),
    "aws_iam_policy": Rule(("description", "name", "path"), {"path": "/"}, ("policy",)),
    "aws_iam_role": Rule(("name", "path"), _ROLE_DEFAULTS, ("assume_role_policy",)),
    "aws_iam_role_policy": Rule(("name", "role"), documents=("policy",)),
    "aws_iam_role_policy_attachment": Rule(("policy_arn", "role")),
    "aws_kms_key": Rule(
        ("customer_master_key_spec", "key_usage", "region"), _KEY_DEFAULTS, ("policy",)
    ),
    "aws_kms_key_policy": Rule(
        ("key_id", "region"), {"bypass_policy_lockout_safety_check": False}, ("policy",)
    ),
    "aws_lambda_alias": Rule(("function_name", "name", "region")),
    "aws_lambda_function": Rule(("function_name", "package_type", "region"), _FUNCTION_DEFAULTS),
}
