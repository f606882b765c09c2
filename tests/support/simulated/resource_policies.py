"""Evaluation of a role's trust policy and of a key policy, for a service or a role.

An element that this module does not support never allows anything. In a Deny, an unsupported
condition counts as true, and another unsupported element always denies. So a test cannot pass
because of a statement that was not understood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from s3vectors_local.iam.patterns import matches_action

Conditions: TypeAlias = Mapping[tuple[str, str], Callable[[str], bool]]
"""The supported conditions, by operator and key. Each function checks one value."""

_SUPPORTED: Final = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


def allows(
    document: str, principal: str, action: str, conditions: Conditions, *, kind: str = "Service"
) -> bool:
    """Whether a statement allows the action, and none denies it.

    Args:
        document: the policy, as JSON.
        principal: who does the action.
        action: the action.
        conditions: the supported conditions. A statement with another one never allows, and denies.
        kind: the kind of the principal: "Service", or "AWS" for a role.
    """
    statements = _to_list(json.loads(document)["Statement"])
    effects = {
        s["Effect"] for s in statements if _applies(s, (kind, principal), action, conditions)
    }
    return effects == {"Allow"}


def _applies(
    statement: Mapping[str, Any],
    principal: tuple[str, str],
    action: str,
    conditions: Conditions,
) -> bool:
    denies: bool = statement["Effect"] == "Deny"
    if statement.keys() - _SUPPORTED:  # like NotPrincipal and NotAction
        return denies
    return (
        _matches_principal(statement["Principal"], principal, everybody=denies)
        and any(matches_action(pattern, action) for pattern in _to_list(statement["Action"]))
        and all(
            any(map(conditions[test], values)) if test in conditions else denies
            for test, values in _parse_tests(statement.get("Condition", {}))
        )
    )


def _matches_principal(element: Any, principal: tuple[str, str], *, everybody: bool) -> bool:
    """Whether a statement's Principal names the principal.

    Args:
        element: the value of Principal.
        principal: the kind and name of the principal.
        everybody: whether "*" matches. It does in a Deny. An Allow has to name the principal.
    """
    if not isinstance(element, Mapping):
        return everybody and element == "*"
    has_wildcard = everybody and any("*" in _to_list(names) for names in element.values())
    kind, name = principal
    return has_wildcard or name in _to_list(element.get(kind, []))


def _parse_tests(condition: Mapping[str, Any]) -> list[tuple[tuple[str, str], list[str]]]:
    return [
        ((operator, key), _to_list(values))
        for operator, tests in condition.items()
        for key, values in tests.items()
    ]


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
