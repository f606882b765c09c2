"""Whether the policy of a role or of a key lets a service, or a role, do something.

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


def allows(
    document: str, principal: str, action: str, conditions: Conditions, *, kind: str = "Service"
) -> bool:
    """Whether a statement allows it, and none denies it.

    Args:
        document: the policy, as JSON.
        principal: who wants it.
        action: what it is to do.
        conditions: those that are read; any other does not allow, and denies.
        kind: of the principal: "Service", or "AWS" for a role.
    """
    statements = _to_list(json.loads(document)["Statement"])
    applying = {
        s["Effect"] for s in statements if _applies(s, (kind, principal), action, conditions)
    }
    return applying == {"Allow"}


def _applies(
    statement: Mapping[str, Any],
    principal: tuple[str, str],
    action: str,
    conditions: Conditions,
) -> bool:
    denies: bool = statement["Effect"] == "Deny"
    if statement.keys() - _READ:  # NotPrincipal, NotAction
        return denies
    return (
        _names(statement["Principal"], principal, everybody=denies)
        and any(matches_action(pattern, action) for pattern in _to_list(statement["Action"]))
        and all(
            any(map(conditions[test], values)) if test in conditions else denies
            for test, values in _parse_tests(statement.get("Condition", {}))
        )
    )


def _names(named: Any, principal: tuple[str, str], *, everybody: bool) -> bool:
    """Whether it is the principal; or everybody, which does not name one to trust."""
    if not isinstance(named, Mapping):
        return everybody and named == "*"
    anybody = everybody and any("*" in _to_list(names) for names in named.values())
    kind, name = principal
    return anybody or name in _to_list(named.get(kind, []))


def _parse_tests(condition: Mapping[str, Any]) -> list[tuple[tuple[str, str], list[str]]]:
    return [
        ((operator, key), _to_list(values))
        for operator, tests in condition.items()
        for key, values in tests.items()
    ]


def _to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
