"""A repair of failed creations: CloudFormation reports the reason and rolls the new stack back.

In moto, executing the change set raises the error, and the resources created so far remain.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, Final

from moto.cloudformation import models as stacks
from moto.cloudformation import parsing

_FAILED_RESOURCE: Final = "failed_resource"
"""The attribute of an error that has the logical id and type of the failed resource."""


def apply() -> None:
    """Apply the repairs."""
    _record_failed_resource()
    _roll_back_new_stacks()


def _record_failed_resource() -> None:
    original = parsing.parse_and_create_resource

    def parse_and_create_resource(logical_id: str, template: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(logical_id, template, *args, **kwargs)
        except Exception as error:
            # Resources that depend on this one get the same error later: keep the first
            vars(error).setdefault(_FAILED_RESOURCE, (logical_id, template["Type"]))
            raise

    vars(parsing)["parse_and_create_resource"] = parse_and_create_resource


def _roll_back_new_stacks() -> None:
    original = stacks.CloudFormationBackend.execute_change_set

    @wraps(original)
    def execute_change_set(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        changes = self.describe_change_set(change_set_name)
        try:
            original(self, change_set_name, stack_name)
        except Exception as error:
            failure = getattr(error, _FAILED_RESOURCE, None)
            if failure is None or changes.change_set_type != "CREATE":
                raise
            stack = self.stacks[changes.stack_id]
            stack.template = changes.template
            _roll_back(stack, failure, error)

    stacks.CloudFormationBackend.execute_change_set = execute_change_set  # type: ignore[method-assign]  # replaces moto's


def _roll_back(stack: Any, failure: tuple[str, str], error: Exception) -> None:
    name, kind = failure
    reason = f'Resource handler returned message: "{error}"'
    stack.events.append(
        stacks.Event(stack.stack_id, stack.name, name, "", kind, "CREATE_FAILED", reason, None)
    )
    failed = f"The following resource(s) failed to create: [{name}]. Rollback requested by user."
    stack._add_stack_event("ROLLBACK_IN_PROGRESS", failed)
    for template in stack.resource_map._resource_json_map.values():
        if template.get("DeletionPolicy") == "RetainExceptOnCreate":
            template["DeletionPolicy"] = "Delete"
    stack.resource_map.delete()
    stack.resource_map._resource_json_map = {}  # reading them would create them again
    stack._add_stack_event("ROLLBACK_COMPLETE")
    stack.status = "ROLLBACK_COMPLETE"
