"""A resolver of CloudFormation templates, which applies parameters, conditions and functions.

It supports what our templates use, and refuses the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stache_ai_s3vectors.service.arns import get_partition
from support.deployment.cloudformation_parameters import (
    TemplateError,
    apply_defaults,
    check_rules,
    evaluate_condition,
)

ACCOUNT: Final = "123456789012"
_STACK: Final = "stack"

_NO_VALUE: Final = object()
"""The value of AWS::NoValue. The property or the item with it is removed."""

_REFERENCE: Final = re.compile(r"\$\{(!?)([^}]*)\}")


@dataclass(frozen=True)
class ResourceType:
    """The name and the ARN of a type's resources."""

    name: str | None
    """The property with the resource's name. Without it, CloudFormation generates a name."""
    arn: str
    """The ARN after `arn:PARTITION:`."""
    attribute: str
    """The attribute of Fn::GetAtt that returns the ARN."""
    ref_is_arn: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Other attributes of Fn::GetAtt, with their values."""


RESOURCE_TYPES: Final = {
    "AWS::DynamoDB::Table": ResourceType(
        "TableName", "dynamodb:{region}:{account}:table/{name}", "Arn"
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        "ManagedPolicyName", "iam::{account}:policy/{name}", "PolicyArn", ref_is_arn=True
    ),
    "AWS::IAM::Role": ResourceType("RoleName", "iam::{account}:role/{name}", "Arn"),
    "AWS::KMS::Key": ResourceType(None, "kms:{region}:{account}:key/{name}", "Arn"),
    "AWS::Lambda::Alias": ResourceType(
        None, "lambda:{region}:{account}:function:{name}", "AliasArn", ref_is_arn=True
    ),
    "AWS::Lambda::Function": ResourceType(
        "FunctionName", "lambda:{region}:{account}:function:{name}", "Arn"
    ),
    "AWS::Lambda::Version": ResourceType(
        None,
        "lambda:{region}:{account}:function:{name}",
        "FunctionArn",
        ref_is_arn=True,
        attributes={"Version": "1"},
    ),
    "AWS::Logs::LogGroup": ResourceType(
        "LogGroupName", "logs:{region}:{account}:log-group:{name}:*", "Arn"
    ),
    "AWS::S3Vectors::Index": ResourceType(
        "IndexName",
        "s3vectors:{region}:{account}:bucket/{bucket}/index/{name}",
        "IndexArn",
        ref_is_arn=True,
    ),
    "AWS::S3Vectors::VectorBucketPolicy": ResourceType(
        None, "s3vectors:{region}:{account}:none", "None"
    ),
    "AWS::S3Vectors::VectorBucket": ResourceType(
        "VectorBucketName",
        "s3vectors:{region}:{account}:bucket/{name}",
        "VectorBucketArn",
        ref_is_arn=True,
    ),
}


@dataclass(frozen=True)
class ResolvedStack:
    """The resources and outputs of a resolved template."""

    resources: Mapping[str, Mapping[str, Any]]
    """The resources by logical id."""
    outputs: Mapping[str, Mapping[str, Any]]

    def list_properties(self, resource_type: str) -> dict[str, Any]:
        """Return the properties of each resource of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def values(self) -> dict[str, Any]:
        """Return the values of the outputs, by name."""
        return {name: output["Value"] for name, output in self.outputs.items()}


def resolve_template(
    template: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    region: str = "us-east-1",
) -> ResolvedStack:
    """Resolve a template without AWS.

    Args:
        template: a template without transforms.
        parameters: the parameters that differ from their defaults.
        region: the region, which determines the partition.

    Raises:
        TemplateError: a parameter or a rule refuses a value, or the template has something that
            this module does not support.
    """
    if "Transform" in template:
        raise TemplateError("the template has a transform; apply it first")
    values = apply_defaults(template.get("Parameters", {}), parameters or {})
    resolver = _Resolver(template, {**_make_pseudo_parameters(region), **values})
    check_rules(template.get("Rules", {}), resolver.resolve_reference)
    return ResolvedStack(
        resolver.select_existing(template["Resources"]),
        resolver.select_existing(template.get("Outputs", {})),
    )


def _make_pseudo_parameters(region: str) -> dict[str, Any]:
    partition = get_partition(region)
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::NoValue": _NO_VALUE,
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::StackName": _STACK,
        "AWS::StackId": f"arn:{partition}:cloudformation:{region}:{ACCOUNT}:stack/{_STACK}/1",
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }


class _Resolver:
    """Replaces functions with their values, from the inside out."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._resources: Mapping[str, Any] = template["Resources"]
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._values = values
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self.resolve_reference,
            "Fn::GetAtt": self._resolve_attribute,
            "Fn::If": self._choose_branch,
            "Fn::Join": lambda argument: str(self.resolve(argument[0])).join(
                map(str, self.resolve(argument[1]))
            ),
            "Fn::Select": lambda argument: self.resolve(argument[1])[
                int(self.resolve(argument[0]))
            ],
            "Fn::Split": lambda argument: self.resolve(argument[1]).split(argument[0]),
            "Fn::Sub": self._substitute,
        }

    def select_existing(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve the resources or outputs whose condition is true."""
        return {
            name: self.resolve({key: part for key, part in each.items() if key != "Condition"})
            for name, each in section.items()
            if self._is_created(each)
        }

    def resolve(self, node: Any) -> Any:
        """Resolve a part of the template."""
        if isinstance(node, list):
            return [item for item in map(self.resolve, node) if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        [name, *others] = node or [""]
        if not others and (name == "Ref" or name.startswith("Fn::")):
            return self._call_function(name, node[name])
        parts = {key: self.resolve(part) for key, part in node.items()}
        return {key: part for key, part in parts.items() if part is not _NO_VALUE}

    def resolve_reference(self, name: str) -> Any:
        """Resolve a Ref."""
        return self._values[name] if name in self._values else self._identify(name)["Ref"]

    def _call_function(self, name: str, argument: Any) -> Any:
        if name not in self._functions:
            raise TemplateError(f"the function {name} is not supported")
        return self._functions[name](argument)

    def _is_created(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self._evaluate_condition(resource["Condition"])

    def _evaluate_condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"there is no condition {name}")
        return evaluate_condition(
            self._conditions[name], self.resolve_reference, self._evaluate_condition
        )

    def _choose_branch(self, argument: list[Any]) -> Any:
        condition, yes, no = argument
        return self.resolve(yes if self._evaluate_condition(condition) else no)

    def _resolve_attribute(self, argument: str | list[str]) -> Any:
        path = argument.split(".", 1) if isinstance(argument, str) else argument
        name, attribute = path
        values = self._identify(name)
        if attribute not in values:
            raise TemplateError(f"{name} has no attribute {attribute}")
        return values[attribute]

    def _identify(self, name: str) -> dict[str, str]:
        """Return the values of Ref and Fn::GetAtt for a resource."""
        if name not in self._resources:
            raise TemplateError(f"there is no resource {name}")
        resource = self._resources[name]
        if not self._is_created(resource):
            raise TemplateError(f"the condition of {name} is false")
        if resource["Type"] not in RESOURCE_TYPES:
            raise TemplateError(f"the type {resource['Type']} is not supported")
        resource_type, properties = (
            RESOURCE_TYPES[resource["Type"]],
            self.resolve(resource.get("Properties", {})),
        )
        physical_name = properties.get(resource_type.name, f"{_STACK}-{name}")
        arn = self._build_arn(resource_type, physical_name, properties)
        reference = arn if resource_type.ref_is_arn else physical_name
        return {"Ref": reference, resource_type.attribute: arn, **resource_type.attributes}

    def _build_arn(
        self, resource_type: ResourceType, name: str, properties: Mapping[str, Any]
    ) -> str:
        bucket = properties.get("VectorBucketName", properties.get("VectorBucketArn", ""))
        suffix = resource_type.arn.format(
            region=self.resolve_reference("AWS::Region"),
            account=self.resolve_reference("AWS::AccountId"),
            bucket=bucket.rpartition("/")[2],
            name=name,
        )
        return f"arn:{self.resolve_reference('AWS::Partition')}:{suffix}"

    def _substitute(self, argument: str | list[Any]) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        return _REFERENCE.sub(lambda match: self._resolve_placeholder(match, variables), text)

    def _resolve_placeholder(self, match: re.Match[str], variables: Mapping[str, Any]) -> str:
        literal, name = match.groups()
        if literal:
            return "${" + name + "}"
        if name in variables:
            return str(self.resolve(variables[name]))
        return str(self._resolve_attribute(name) if "." in name else self.resolve_reference(name))
