"""What CloudFormation checks before it deploys: parameters and rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any


class TemplateError(ValueError):
    """CloudFormation would refuse this, or we don't know it."""


def apply_defaults(declared: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter's value; numbers as numbers.

    Raises:
        TemplateError: one is unknown, missing or not allowed; with its ConstraintDescription.
    """
    if unknown := set(values) - set(declared):
        raise TemplateError(f"Parameters: {sorted(unknown)} do not exist in the template")
    if missing := {name for name, of in declared.items() if "Default" not in of} - set(values):
        raise TemplateError(f"Parameters: {sorted(missing)} must have values")
    return {
        name: _check_parameter(name, of, str(values.get(name, of.get("Default"))))
        for name, of in declared.items()
    }


def _check_parameter(name: str, of: Mapping[str, Any], value: str) -> str:
    if not _is_allowed(of, value):
        constraint = of.get("ConstraintDescription", "it is not allowed")
        raise TemplateError(f"Parameter {name} failed to satisfy constraint: {constraint}")
    return value


def _is_allowed(of: Mapping[str, Any], value: str) -> bool:
    if of["Type"] == "Number":
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):  # as AWS: it need not be whole
            return False
        least, most = of.get("MinValue", value), of.get("MaxValue", value)
        return float(least) <= float(value) <= float(most)
    return (
        bool(re.fullmatch(of.get("AllowedPattern", r"(?s).*"), value))
        and value in map(str, of.get("AllowedValues", [value]))
        and int(of.get("MinLength", 0)) <= len(value) <= int(of.get("MaxLength", len(value)))
    )


def check_rules(rules: Mapping[str, Any], reference: Callable[[str], Any]) -> None:
    """Refuse parameters that contradict each other.

    Raises:
        TemplateError: the AssertDescription of the first assertion that fails.
    """
    for rule in rules.values():
        if "RuleCondition" in rule and not evaluate_condition(rule["RuleCondition"], reference):
            continue
        for assertion in rule["Assertions"]:
            if not evaluate_condition(assertion["Assert"], reference):
                raise TemplateError(assertion["AssertDescription"])


def _refuse_condition(name: str) -> bool:
    raise TemplateError(f"a rule knows no conditions, so not {name}")


def evaluate_condition(
    node: Mapping[str, Any],
    reference: Callable[[str], Any],
    condition: Callable[[str], bool] = _refuse_condition,
) -> bool:
    """What a condition, or what a rule asserts, comes to."""
    [(name, argument)] = node.items()

    def holds(part: Mapping[str, Any]) -> bool:
        return evaluate_condition(part, reference, condition)

    def value(part: Any) -> str:
        return str(reference(part["Ref"]) if isinstance(part, dict) else part)

    match name:
        case "Condition":
            return condition(argument)
        case "Fn::And":
            return all(map(holds, argument))
        case "Fn::Or":
            return any(map(holds, argument))
        case "Fn::Not":
            return not holds(argument[0])
        case "Fn::Equals":
            return value(argument[0]) == value(argument[1])
        case "Fn::Contains":
            return value(argument[1]) in map(value, argument[0])
        case _:
            raise TemplateError(f"{name} is not known here")
