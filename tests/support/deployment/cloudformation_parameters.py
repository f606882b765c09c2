"""CloudFormation's checks of parameters and rules, and its conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any


class TemplateError(ValueError):
    """CloudFormation would refuse the template or its parameters, or we do not support it."""


def apply_defaults(declared: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every parameter, as a string.

    Raises:
        TemplateError: a parameter is unknown, missing or not allowed. The message has its
            ConstraintDescription.
    """
    if unknown := set(values) - set(declared):
        raise TemplateError(f"Parameters: {sorted(unknown)} do not exist in the template")
    if missing := {
        name for name, parameter in declared.items() if "Default" not in parameter
    } - set(values):
        raise TemplateError(f"Parameters: {sorted(missing)} must have values")
    return {
        name: _check_parameter(name, parameter, str(values.get(name, parameter.get("Default"))))
        for name, parameter in declared.items()
    }


def _check_parameter(name: str, parameter: Mapping[str, Any], value: str) -> str:
    if not _is_allowed(parameter, value):
        constraint = parameter.get("ConstraintDescription", "it is not allowed")
        raise TemplateError(f"Parameter {name} failed to satisfy constraint: {constraint}")
    return value


def _is_allowed(parameter: Mapping[str, Any], value: str) -> bool:
    if parameter["Type"] == "Number":
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):  # AWS also allows fractions
            return False
        minimum, maximum = parameter.get("MinValue", value), parameter.get("MaxValue", value)
        return float(minimum) <= float(value) <= float(maximum)
    min_length, max_length = parameter.get("MinLength", 0), parameter.get("MaxLength", len(value))
    return (
        bool(re.fullmatch(parameter.get("AllowedPattern", r"(?s).*"), value))
        and value in map(str, parameter.get("AllowedValues", [value]))
        and int(min_length) <= len(value) <= int(max_length)
    )


def check_rules(rules: Mapping[str, Any], reference: Callable[[str], Any]) -> None:
    """Check the rules, which refuse parameters that contradict each other.

    Raises:
        TemplateError: an assertion failed. The message is its AssertDescription.
    """
    for rule in rules.values():
        if "RuleCondition" in rule and not evaluate_condition(rule["RuleCondition"], reference):
            continue
        for assertion in rule["Assertions"]:
            if not evaluate_condition(assertion["Assert"], reference):
                raise TemplateError(assertion["AssertDescription"])


def _refuse_condition(name: str) -> bool:
    raise TemplateError(f"a rule cannot use the condition {name}")


def evaluate_condition(
    node: Mapping[str, Any],
    reference: Callable[[str], Any],
    condition: Callable[[str], bool] = _refuse_condition,
) -> bool:
    """Evaluate a condition, or the assertion of a rule."""
    [(name, argument)] = node.items()

    def is_true(part: Mapping[str, Any]) -> bool:
        return evaluate_condition(part, reference, condition)

    def resolve(part: Any) -> str:
        return str(reference(part["Ref"]) if isinstance(part, dict) else part)

    match name:
        case "Condition":
            return condition(argument)
        case "Fn::And":
            return all(map(is_true, argument))
        case "Fn::Or":
            return any(map(is_true, argument))
        case "Fn::Not":
            return not is_true(argument[0])
        case "Fn::Equals":
            return resolve(argument[0]) == resolve(argument[1])
        case "Fn::Contains":
            return resolve(argument[1]) in map(resolve, argument[0])
        case _:
            raise TemplateError(f"the function {name} is not supported")
