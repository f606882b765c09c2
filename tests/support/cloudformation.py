"""A CloudFormation template as deployed: conditions applied, nothing left to resolve.

Knows what our templates use, and refuses the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cloudformation_parameters import TemplateError, apply_defaults, check_rules, evaluate_condition
from stache_ai_s3vectors.service.arns import get_partition

ACCOUNT: Final = "123456789012"

_NOTHING: Final = object()
"""What AWS::NoValue becomes: the property, or the item, is not there."""

_REFERENCE: Final = re.compile(r"\$\{(!?)([^}]*)\}")


@dataclass(frozen=True)
class Kind:
    """What a resource of a type is called, and its ARN."""

    name: str | None
    """The property that names it; without one, CloudFormation makes a name up."""
    arn: str
    """Behind `arn:PARTITION:`."""
    attribute: str
    """Of Fn::GetAtt, for the ARN."""
    ref_is_arn: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    """Other attributes, with their values."""


KINDS: Final = {
    "AWS::DynamoDB::Table": Kind("TableName", "dynamodb:{region}:{account}:table/{name}", "Arn"),
    "AWS::IAM::ManagedPolicy": Kind(
        "ManagedPolicyName", "iam::{account}:policy/{name}", "PolicyArn", ref_is_arn=True
    ),
    "AWS::IAM::Role": Kind("RoleName", "iam::{account}:role/{name}", "Arn"),
    "AWS::KMS::Key": Kind(None, "kms:{region}:{account}:key/{name}", "Arn"),
    "AWS::Lambda::Alias": Kind(
        None, "lambda:{region}:{account}:function:{name}", "AliasArn", ref_is_arn=True
    ),
    "AWS::Lambda::Function": Kind(
        "FunctionName", "lambda:{region}:{account}:function:{name}", "Arn"
    ),
    "AWS::Lambda::Version": Kind(
        None,
        "lambda:{region}:{account}:function:{name}",
        "FunctionArn",
        ref_is_arn=True,
        more={"Version": "1"},
    ),
    "AWS::Logs::LogGroup": Kind(
        "LogGroupName", "logs:{region}:{account}:log-group:{name}:*", "Arn"
    ),
    "AWS::S3Vectors::Index": Kind(
        "IndexName",
        "s3vectors:{region}:{account}:bucket/{bucket}/index/{name}",
        "IndexArn",
        ref_is_arn=True,
    ),
    "AWS::S3Vectors::VectorBucketPolicy": Kind(None, "s3vectors:{region}:{account}:none", "None"),
    "AWS::S3Vectors::VectorBucket": Kind(
        "VectorBucketName",
        "s3vectors:{region}:{account}:bucket/{name}",
        "VectorBucketArn",
        ref_is_arn=True,
    ),
}


@dataclass(frozen=True)
class Deployed:
    """What a stack has."""

    resources: Mapping[str, Mapping[str, Any]]
    """By logical id, as in the template, with nothing left to resolve."""
    outputs: Mapping[str, Mapping[str, Any]]

    def list_properties(self, kind: str) -> dict[str, Any]:
        """The properties of each resource of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def values(self) -> dict[str, Any]:
        """The outputs' values."""
        return {name: output["Value"] for name, output in self.outputs.items()}


def resolve_template(
    template: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    region: str = "us-east-1",
    account: str = ACCOUNT,
    stack: str = "stack",
) -> Deployed:
    """Deploy a template, without AWS.

    Args:
        template: without transforms.
        parameters: by name; the others have their defaults.
        region: the partition is the one that it is in.
        account: twelve digits.
        stack: its name.

    Raises:
        TemplateError: a parameter or a rule refuses, or something is not known here.
    """
    if "Transform" in template:
        raise TemplateError("transform the template first")
    values = apply_defaults(template.get("Parameters", {}), parameters or {})
    stack_values = _make_pseudo_parameters(region, account, stack)
    resolver = _Resolver(template, {**stack_values, **values}, stack)
    check_rules(template.get("Rules", {}), resolver.resolve_reference)
    return Deployed(
        resolver.select_existing(template["Resources"]),
        resolver.select_existing(template.get("Outputs", {})),
    )


def _make_pseudo_parameters(region: str, account: str, stack: str) -> dict[str, Any]:
    partition = get_partition(region)
    return {
        "AWS::AccountId": account,
        "AWS::NoValue": _NOTHING,
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::StackName": stack,
        "AWS::StackId": f"arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/1",
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }


class _Resolver:
    """Replaces functions by their values, from the inside out."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, Any], stack: str) -> None:
        self._resources: Mapping[str, Any] = template["Resources"]
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._values = values
        self._stack = stack
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self.resolve_reference,
            "Fn::GetAtt": self._resolve_attribute,
            "Fn::If": self._choose_branch,
            "Fn::Join": lambda of: str(self.resolve(of[0])).join(map(str, self.resolve(of[1]))),
            "Fn::Select": lambda of: self.resolve(of[1])[int(self.resolve(of[0]))],
            "Fn::Split": lambda of: self.resolve(of[1]).split(of[0]),
            "Fn::Sub": self._substitute,
        }

    def select_existing(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """Of resources or outputs, those whose condition holds."""
        return {
            name: self.resolve({key: part for key, part in each.items() if key != "Condition"})
            for name, each in section.items()
            if self._is_created(each)
        }

    def resolve(self, node: Any) -> Any:
        """What a part of the template says."""
        if isinstance(node, list):
            return [item for item in map(self.resolve, node) if item is not _NOTHING]
        if not isinstance(node, dict):
            return node
        [name, *others] = node or [""]
        if not others and (name == "Ref" or name.startswith("Fn::")):
            return self._call_function(name, node[name])
        parts = {key: self.resolve(part) for key, part in node.items()}
        return {key: part for key, part in parts.items() if part is not _NOTHING}

    def resolve_reference(self, name: str) -> Any:
        """What a Ref is."""
        return self._values[name] if name in self._values else self._identify(name)["Ref"]

    def _call_function(self, name: str, argument: Any) -> Any:
        if name not in self._functions:
            raise TemplateError(f"{name} is not known here")
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
        """What Ref and Fn::GetAtt tell of a resource."""
        if name not in self._resources:
            raise TemplateError(f"there is nothing called {name}")
        resource = self._resources[name]
        if not self._is_created(resource):
            raise TemplateError(f"{name} is not made")
        if resource["Type"] not in KINDS:
            raise TemplateError(f"{resource['Type']} is not known here")
        kind, properties = KINDS[resource["Type"]], self.resolve(resource.get("Properties", {}))
        own = properties.get(kind.name, f"{self._stack}-{name}")
        arn = self._build_arn(kind, own, properties)
        return {"Ref": arn if kind.ref_is_arn else own, kind.attribute: arn, **kind.more}

    def _build_arn(self, kind: Kind, name: str, properties: Mapping[str, Any]) -> str:
        bucket = properties.get("VectorBucketName", properties.get("VectorBucketArn", ""))
        behind = kind.arn.format(
            region=self.resolve_reference("AWS::Region"),
            account=self.resolve_reference("AWS::AccountId"),
            bucket=bucket.rpartition("/")[2],
            name=name,
        )
        return f"arn:{self.resolve_reference('AWS::Partition')}:{behind}"

    def _substitute(self, argument: str | list[Any]) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        return _REFERENCE.sub(lambda match: self._resolve_placeholder(match, own), text)

    def _resolve_placeholder(self, match: re.Match[str], own: Mapping[str, Any]) -> str:
        literal, name = match.groups()
        if literal:
            return "${" + name + "}"
        if name in own:
            return str(self.resolve(own[name]))
        return str(self._resolve_attribute(name) if "." in name else self.resolve_reference(name))
