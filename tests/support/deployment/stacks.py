"""CDK stacks of tests, which are synthesized and resolved, but not deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from support.deployment.cloudformation import ResolvedStack, resolve_template

KEY: Final = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY: Final = KEY.replace("1234abcd", "5678abcd")
NAMES: Final = ["documents-1024", "summaries-1024", "insights-1024"]
BUCKET: Final = "stache-vectors-123456789012"
ARN: Final = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{BUCKET}"


def synthesize(
    stack: Stack, parameters: Mapping[str, Any] | None = None, region: str = "us-east-1"
) -> ResolvedStack:
    """Synthesize a stack, and resolve its template like CloudFormation."""
    return resolve_template(Template.from_stack(stack).to_json(), parameters, region=region)


def import_key(stack: Stack, name: str = "Key", arn: str = KEY) -> kms.IKey:
    """Import an existing customer key."""
    return kms.Key.from_key_arn(stack, name, arn)


def make_function(stack: Stack) -> lambda_.Function:
    """Add a function that does nothing."""
    return lambda_.Function(
        stack,
        "Function",
        code=lambda_.Code.from_inline("pass"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )
