"""A stack's tags, which CloudFormation puts on whatever the stack has and can be tagged.

A resource's own tag of the same key counts. That keys in two letter cases are two, but on IAM, is
what the services themselves see to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any, Final

import yaml  # moto's own, and the CDK's templates are YAML
from moto.cloudformation import models as stacks
from moto.cloudformation.utils import yaml_tag_constructor

_TAGGED: Final = {
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3Vectors::Index",
    "AWS::S3Vectors::VectorBucket",
}
"""The types of our templates whose tags are a list of Key and Value."""


def apply() -> None:
    """Put them there when a stack is made or changed."""
    for name in ("create_stack", "create_change_set", "update_stack"):
        _tag_before(name)


def _tag_before(name: str) -> None:
    original = getattr(stacks.CloudFormationBackend, name)

    @wraps(original)
    def tagged(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("tags") and kwargs.get("template"):
            kwargs["template"] = _with_tags(kwargs["template"], kwargs["tags"])
        return original(self, *args, **kwargs)

    setattr(stacks.CloudFormationBackend, name, tagged)


def _with_tags(template: str, tags: Mapping[str, str]) -> str:
    yaml.add_multi_constructor("", yaml_tag_constructor)
    parsed = yaml.load(template, Loader=yaml.Loader)  # noqa: S506 - as moto reads it
    for resource in parsed["Resources"].values():
        if resource["Type"] in _TAGGED:
            properties = resource.setdefault("Properties", {})
            own = properties.get("Tags", [])
            keys = {tag["Key"] for tag in own}
            more = [{"Key": key, "Value": tags[key]} for key in tags if key not in keys]
            properties["Tags"] = [*own, *more]
    return json.dumps(parsed, default=str)
