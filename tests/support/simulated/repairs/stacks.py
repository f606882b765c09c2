"""Repairs of CloudFormation: templates, change sets, deletion policies and the SAM transform."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlparse

from moto.cloudformation import models as stacks
from moto.cloudformation import parsing, responses
from moto.cloudformation.exceptions import (
    CloudFormationError,
    UnformattedGetAttTemplateException,
)

from support.deployment import sam

_SERVERLESS: Final = "AWS::Serverless-2016-10-31"
_IGNORED: Final = {
    "AWS::S3::BucketPolicy",  # of the CDK's and SAM's buckets; S3 permissions are not simulated
    "AWS::CDK::Metadata",  # creates nothing
}


def apply() -> None:
    """Apply the repairs."""
    _refuse_unknown_types()
    _read_templates_by_ip_address()
    _set_outputs_of_change_sets()
    _return_outputs_of_nested_stacks()
    _ignore_missing_change_sets()
    _resolve_parameters_once()
    _apply_deletion_policies()
    _transform_serverless_templates()
    _remove_no_value_from_lists()
    _export_only_existing_outputs()


class _UnknownTypeError(CloudFormationError):
    code = "ValidationError"


def _refuse_unknown_types() -> None:
    """Moto skips a resource of an unknown type with a warning."""
    original = parsing.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        resource_class: Any = original(resource_type)
        if resource_class is None and resource_type not in _IGNORED:
            raise _UnknownTypeError(f"moto's CloudFormation does not know {resource_type}")
        return resource_class

    parsing.resource_class_from_type = resource_class_from_type


def _read_templates_by_ip_address() -> None:
    """Moto takes "127" for the bucket if TemplateURL is on 127.0.0.1, which uses path style."""
    for module in (responses, stacks):  # for stacks, and for nested stacks
        original = vars(module)["get_stack_from_s3_url"]
        vars(module)["get_stack_from_s3_url"] = _replace_ip_address(original)


def _replace_ip_address(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_stack_from_s3_url(template_url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlparse(template_url)
        if re.fullmatch(r"[\d.]+", parts.hostname or ""):
            template_url = f"http://localhost{parts.path}"
        return original(template_url, *args, **kwargs)

    return get_stack_from_s3_url


def _set_outputs_of_change_sets() -> None:
    """A stack that a change set creates (as by the CDK or SAM) lacks outputs, exports and tags."""
    original = stacks.CloudFormationBackend.execute_change_set

    def execute_change_set(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        original(self, change_set_name, stack_name)
        changes = [
            each
            for arn, each in self.change_sets.items()
            if change_set_name in (arn, each.change_set_name)
        ][-1]
        stack = self.stacks[changes.stack_id]
        stack._parse_template()
        stack.tags = stack.tags or changes.tags or {}
        stack.output_map = stack._create_output_map()
        self.exports.update({export.name: export for export in stack.exports})

    stacks.CloudFormationBackend.execute_change_set = execute_change_set  # type: ignore[method-assign]  # replaces moto's


def _return_outputs_of_nested_stacks() -> None:
    """Fn::GetAtt does not support Outputs.NAME of a nested stack."""

    def get_cfn_attribute(self: Any, attribute_name: str) -> Any:
        values = {f"Outputs.{each.key}": each.value for each in self.output_map.values() if each}
        if attribute_name not in values:
            raise UnformattedGetAttTemplateException
        return values[attribute_name]

    stacks.Stack.get_cfn_attribute = get_cfn_attribute  # type: ignore[attr-defined]  # replaces moto's


class _ChangeSetNotFoundError(CloudFormationError):
    code = "ChangeSetNotFound"


def _ignore_missing_change_sets() -> None:
    """On AWS, deleting a missing change set succeeds, and describing it has an error of its own."""
    backend = stacks.CloudFormationBackend
    remove, describe = backend.delete_change_set, backend.describe_change_set

    def exists(self: Any, name: str) -> bool:
        return any(name in (arn, each.change_set_name) for arn, each in self.change_sets.items())

    def delete_change_set(self: Any, change_set_name: str) -> None:
        if exists(self, change_set_name):
            remove(self, change_set_name)

    def describe_change_set(self: Any, change_set_name: str) -> Any:
        if not exists(self, change_set_name):
            raise _ChangeSetNotFoundError(f"ChangeSet [{change_set_name}] does not exist")
        return describe(self, change_set_name)

    backend.delete_change_set = delete_change_set  # type: ignore[method-assign]  # replaces moto's
    backend.describe_change_set = describe_change_set  # type: ignore[method-assign]  # replaces moto's


def _resolve_parameters_once() -> None:
    """In a change set, moto resolves SSM parameters twice: it also looks up the resolved value."""
    original = parsing.ResourceMap.parse_ssm_parameter

    def parse_ssm_parameter(self: Any, value: str, value_type: str) -> Any:
        # The CDK's parameter names begin with a slash, their values do not
        return original(self, value, value_type) if value.startswith("/") else value

    parsing.ResourceMap.parse_ssm_parameter = parse_ssm_parameter  # type: ignore[method-assign]  # replaces moto's


def _apply_deletion_policies() -> None:
    """Moto ignores RetainExceptOnCreate, and Retain unless the whole stack is deleted."""
    original = parsing.ResourceMap.delete
    remove = parsing.ResourceMap._delete_resource

    def delete(self: Any) -> None:
        for resource in self._resource_json_map.values():
            if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
                resource["DeletionPolicy"] = "Retain"
        original(self)

    def delete_resource(self: Any, resource: Any, template: Any) -> None:
        if str(template.get("DeletionPolicy", "")).startswith("Retain"):
            return
        remove(self, resource, template)

    parsing.ResourceMap.delete = delete  # type: ignore[method-assign]  # replaces moto's
    parsing.ResourceMap._delete_resource = delete_resource  # type: ignore[method-assign, assignment]  # replaces moto's


def _transform_serverless_templates() -> None:
    """Moto does not run the SAM transform."""
    for name in ("create_stack", "create_change_set", "update_stack"):
        _transform_before(name)


def _transform_before(name: str) -> None:
    original = getattr(stacks.CloudFormationBackend, name)

    @wraps(original)
    def call_with_transformed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _SERVERLESS in str(kwargs.get("template", "")):
            parameters = json.dumps(kwargs.get("parameters") or {})
            template = sam.transform_template(kwargs["template"], parameters).transformed
            kwargs["template"] = json.dumps(template)
        return original(self, *args, **kwargs)

    setattr(stacks.CloudFormationBackend, name, call_with_transformed)


def _remove_no_value_from_lists() -> None:
    """Moto turns AWS::NoValue in a list into null."""
    original = parsing.clean_json

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        cleaned = original(resource_json, resources_map)
        if isinstance(cleaned, list):
            return [each for each in cleaned if each is not None]
        return cleaned

    parsing.clean_json = clean_json


def _export_only_existing_outputs() -> None:
    """Moto exports outputs whose condition is false."""

    def exports(self: Any) -> list[parsing.Export]:
        conditions = getattr(self._resource_map, "lazy_condition_map", {})
        existing = [
            output
            for output in (self._output_json_map or {}).values()
            if "Export" in output and conditions.get(output.get("Condition"), True)
        ]
        cleaned = [parsing.clean_json(each, self._resource_map) for each in existing]
        return [
            parsing.Export(self._stack_id, each["Export"]["Name"], each["Value"])
            for each in cleaned
        ]

    parsing.OutputMap.exports = property(exports)  # type: ignore[method-assign, assignment]  # replaces moto's
