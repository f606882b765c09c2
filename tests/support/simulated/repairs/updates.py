"""What a change of a stack's parameters changes, as CloudFormation sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.cloudformation import models as stacks
from moto.cloudformation import parsing


def apply() -> None:
    """See it so."""
    _compare_with_the_present_parameters()
    _see_every_reference()


def _compare_with_the_present_parameters() -> None:
    """A default, given at the next time, is taken for a change, as is what was changed before."""

    def has_parameters(self: Any, other_parameters: Mapping[str, Any]) -> bool:
        present = self.stack_parameters
        return all(present.get(name) == value for name, value in other_parameters.items())

    stacks.Stack.has_parameters = has_parameters  # type: ignore[method-assign]  # that is how


def _see_every_reference() -> None:
    """A parameter in an Fn::Sub changes nothing; and what a condition left out is changed."""

    def build_resource_diff(
        self: Any, other_template: Any, parameters: Mapping[str, Any] | None = None
    ) -> dict[str, list[str]]:
        old, new = self._resource_json_map, other_template["Resources"]
        present = self.resolved_parameters
        changed = {n for n, value in (parameters or {}).items() if present.get(n) != value}
        existing = {name for name in new if name in old and name in self._parsed_resources}
        return {
            "Add": [name for name in new if name not in old],
            "Modify": [n for n in sorted(existing) if new[n] != old[n] or _names(new[n], changed)],
            "Remove": [name for name in old if name not in new],
        }

    parsing.ResourceMap.build_resource_diff = build_resource_diff  # type: ignore[method-assign]  # that is how


def _names(resource: Any, parameters: set[str]) -> bool:
    """Whether a resource's template refers to any of them."""
    text = json.dumps(resource, default=str)
    return any(f'"Ref": "{name}"' in text or f"${{{name}}}" in text for name in parameters)
