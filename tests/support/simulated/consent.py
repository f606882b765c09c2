"""Whether the policy of a role or of a key lets one of AWS's services do something.

Whatever is not read here counts against it: nothing is proven by what nobody understood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from s3vectors_local.iam.patterns import matches_action

Conditions: TypeAlias = Mapping[tuple[str, str], Callable[[str], bool]]
"""What is read, by operator and key: whether one of the values holds."""

_READ: Final = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


def consents(document: str, service: str, action: str, conditions: Conditions) -> bool:
    """Whether a statement allows it, and none denies it.

    Args:
        document: the policy, as JSON.
        service: its principal.
        action: what it is to do.
        conditions: those that are read; any other does not allow, and denies.
    """
    statements = _listed(json.loads(document)["Statement"])
    applying = {s["Effect"] for s in statements if _applies(s, service, action, conditions)}
    return applying == {"Allow"}


def _applies(
    statement: Mapping[str, Any], service: str, action: str, conditions: Conditions
) -> bool:
    denies: bool = statement["Effect"] == "Deny"
    if statement.keys() - _READ:  # NotPrincipal, NotAction
        return denies
    return (
        _names(statement["Principal"], service, everybody=denies)
        and any(matches_action(pattern, action) for pattern in _listed(statement["Action"]))
        and all(
            any(map(conditions[test], values)) if test in conditions else denies
            for test, values in _tests(statement.get("Condition", {}))
        )
    )


def _names(principal: Any, service: str, *, everybody: bool) -> bool:
    """Whether it is the service; or everybody, which does not name a service to trust."""
    if not isinstance(principal, Mapping):
        return everybody and principal == "*"
    anybody = everybody and any("*" in _listed(names) for names in principal.values())
    return anybody or service in _listed(principal.get("Service", []))


def _tests(condition: Mapping[str, Any]) -> list[tuple[tuple[str, str], list[str]]]:
    return [
        ((operator, key), _listed(values))
        for operator, tests in condition.items()
        for key, values in tests.items()
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
