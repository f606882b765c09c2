"""Templates, change sets, what stays when a stack goes, and the SAM transform."""

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

import sam

_SERVERLESS: Final = "AWS::Serverless-2016-10-31"
_PASSED_OVER: Final = {
    "AWS::S3::BucketPolicy",  # of the CDK's and SAM's own: S3's rights are not evaluated here
    "AWS::CDK::Metadata",  # which makes nothing
}


def apply() -> None:
    """Mend all of it."""
    _refuse_unknown_types()
    _read_templates_on_an_address()
    _tell_outputs_of_change_sets()
    _tell_outputs_of_nested_stacks()
    _forget_change_sets_that_are_gone()
    _resolve_parameters_once()
    _retain_what_is_to_be_retained()
    _transform_serverless_templates()
    _leave_out_what_has_no_value()
    _export_only_existing_outputs()


class _UnknownTypeError(CloudFormationError):
    code = "ValidationError"


def _refuse_unknown_types() -> None:
    """A resource of a type that moto does not know is passed over, with a warning."""
    original = parsing.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        resource_class: Any = original(resource_type)
        if resource_class is None and resource_type not in _PASSED_OVER:
            raise _UnknownTypeError(f"moto's CloudFormation does not know {resource_type}")
        return resource_class

    parsing.resource_class_from_type = resource_class_from_type


def _read_templates_on_an_address() -> None:
    """A TemplateURL on 127.0.0.1 is in path style; moto takes the first label for the bucket."""
    for module in (responses, stacks):  # of a stack, and of one that is nested
        original = vars(module)["get_stack_from_s3_url"]
        vars(module)["get_stack_from_s3_url"] = _on_an_address(original)


def _on_an_address(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_stack_from_s3_url(template_url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlparse(template_url)
        if re.fullmatch(r"[\d.]+", parts.hostname or ""):
            template_url = f"http://localhost{parts.path}"
        return original(template_url, *args, **kwargs)

    return get_stack_from_s3_url


def _tell_outputs_of_change_sets() -> None:
    """A stack that a change set makes, as the CDK and SAM do, lacks outputs, exports and tags."""
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

    stacks.CloudFormationBackend.execute_change_set = execute_change_set  # type: ignore[method-assign]  # that is how


def _tell_outputs_of_nested_stacks() -> None:
    """Fn::GetAtt does not know Outputs.NAME of a stack that is nested in another."""

    def get_cfn_attribute(self: Any, attribute_name: str) -> Any:
        values = {f"Outputs.{each.key}": each.value for each in self.output_map.values() if each}
        if attribute_name not in values:
            raise UnformattedGetAttTemplateException
        return values[attribute_name]

    stacks.Stack.get_cfn_attribute = get_cfn_attribute  # type: ignore[attr-defined]  # that is how


class _ChangeSetNotFoundError(CloudFormationError):
    code = "ChangeSetNotFound"


def _forget_change_sets_that_are_gone() -> None:
    """To delete a change set that is not there is no error; to describe it has its own."""
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

    backend.delete_change_set = delete_change_set  # type: ignore[method-assign]  # that is how
    backend.describe_change_set = describe_change_set  # type: ignore[method-assign]  # that is how


def _resolve_parameters_once() -> None:
    """A change set looks up in SSM what it has looked up already."""
    original = parsing.ResourceMap.parse_ssm_parameter

    def parse_ssm_parameter(self: Any, value: str, value_type: str) -> Any:
        # What names a parameter of the CDK's is a path, what it says is none
        return original(self, value, value_type) if value.startswith("/") else value

    parsing.ResourceMap.parse_ssm_parameter = parse_ssm_parameter  # type: ignore[method-assign]  # that is how


def _retain_what_is_to_be_retained() -> None:
    """RetainExceptOnCreate is not known, and Retain only when the whole stack goes."""
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

    parsing.ResourceMap.delete = delete  # type: ignore[method-assign]  # that is how
    parsing.ResourceMap._delete_resource = delete_resource  # type: ignore[method-assign, assignment]  # that is how


def _transform_serverless_templates() -> None:
    """The SAM transform is not carried out."""
    for name in ("create_stack", "create_change_set", "update_stack"):
        _transform_before(name)


def _transform_before(name: str) -> None:
    original = getattr(stacks.CloudFormationBackend, name)

    @wraps(original)
    def transformed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _SERVERLESS in str(kwargs.get("template", "")):
            parameters = json.dumps(kwargs.get("parameters") or {})
            template = sam.transform_template(kwargs["template"], parameters).transformed
            kwargs["template"] = json.dumps(template)
        return original(self, *args, **kwargs)

    setattr(stacks.CloudFormationBackend, name, transformed)


def _leave_out_what_has_no_value() -> None:
    """In a list, AWS::NoValue becomes a null."""
    original = parsing.clean_json

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        cleaned = original(resource_json, resources_map)
        if isinstance(cleaned, list):
            return [each for each in cleaned if each is not None]
        return cleaned

    parsing.clean_json = clean_json


def _export_only_existing_outputs() -> None:
    """Outputs whose condition is false are exported, too."""

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

    parsing.OutputMap.exports = property(exports)  # type: ignore[method-assign, assignment]  # that is how
