"""Repairs of stack updates: the resources that a change of parameters affects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.cloudformation import models as stacks
from moto.cloudformation import parsing


def apply() -> None:
    """Apply the repairs."""
    _compare_with_current_parameters()
    _find_every_reference()


def _compare_with_current_parameters() -> None:
    """Moto sees a change if a default is passed explicitly, or if a value changed earlier."""

    def has_parameters(self: Any, other_parameters: Mapping[str, Any]) -> bool:
        current = self.stack_parameters
        return all(current.get(name) == value for name, value in other_parameters.items())

    stacks.Stack.has_parameters = has_parameters  # type: ignore[method-assign]  # replaces moto's


def _find_every_reference() -> None:
    """Moto overlooks parameters in Fn::Sub, and updates resources that a condition excludes."""

    def build_resource_diff(
        self: Any, other_template: Any, parameters: Mapping[str, Any] | None = None
    ) -> dict[str, list[str]]:
        old, new = self._resource_json_map, other_template["Resources"]
        current = self.resolved_parameters
        changed = {n for n, value in (parameters or {}).items() if current.get(n) != value}
        existing = {name for name in new if name in old and name in self._parsed_resources}
        return {
            "Add": [name for name in new if name not in old],
            "Modify": [
                name
                for name in sorted(existing)
                if new[name] != old[name] or _refers_to_any(new[name], changed)
            ],
            "Remove": [name for name in old if name not in new],
        }

    parsing.ResourceMap.build_resource_diff = build_resource_diff  # type: ignore[method-assign]  # replaces moto's


def _refers_to_any(resource: Any, parameters: set[str]) -> bool:
    """Whether a resource's template refers to any of the parameters."""
    text = json.dumps(resource, default=str)
    return any(f'"Ref": "{name}"' in text or f"${{{name}}}" in text for name in parameters)
