"""A repair of stack tags: CloudFormation puts them on all resources of the stack that take tags.

A resource's own tag of the same key takes precedence. Keys that differ in case only are two keys,
except on IAM; the services check that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any, Final

import yaml  # a dependency of moto; the CDK's templates are YAML
from moto.cloudformation import models as stacks
from moto.cloudformation.utils import yaml_tag_constructor

_TAGGABLE: Final = {
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3Vectors::Index",
    "AWS::S3Vectors::VectorBucket",
}
"""The resource types of our templates whose tags are a list of Key and Value."""


def apply() -> None:
    """Add the tags when a stack is created or updated."""
    for name in ("create_stack", "create_change_set", "update_stack"):
        _tag_before(name)


def _tag_before(name: str) -> None:
    original = getattr(stacks.CloudFormationBackend, name)

    @wraps(original)
    def call_with_tags(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("tags") and kwargs.get("template"):
            kwargs["template"] = _add_tags(kwargs["template"], kwargs["tags"])
        return original(self, *args, **kwargs)

    setattr(stacks.CloudFormationBackend, name, call_with_tags)


def _add_tags(template: str, tags: Mapping[str, str]) -> str:
    yaml.add_multi_constructor("", yaml_tag_constructor)
    parsed = yaml.load(template, Loader=yaml.Loader)  # noqa: S506 - moto uses the same loader
    for resource in parsed["Resources"].values():
        if resource["Type"] in _TAGGABLE:
            properties = resource.setdefault("Properties", {})
            own = properties.get("Tags", [])
            keys = {tag["Key"] for tag in own}
            added = [{"Key": key, "Value": tags[key]} for key in tags if key not in keys]
            properties["Tags"] = [*own, *added]
    return json.dumps(parsed, default=str)
