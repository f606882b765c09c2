"""Names of actions: what is wrong with them, and what was meant. Pure."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from .actions import ON, PREFIX, SHARED_WITH_S3, expanded
from .findings import MALFORMED, NEVER, Finding
from .patterns import matches_action, wild
from .resources import SERVICE, of_service
from .statements import Patterns, Statement, Text
from .targets import Target

_ALL: Final = ("*", "*:*")


def judge_actions(statement: Statement, target: Target) -> tuple[Patterns, list[Finding]]:
    """The actions of a statement as they were meant, and what is wrong with them."""
    items, findings = [], []
    for item in statement.actions.items:
        found = _action_fault(item.text)
        if found is None:
            items.append(item)
            continue
        kind, problem, right = found
        fix = "remove it"
        if right:
            items.append(Text(item.line, right))
            wanted = any(matches_action(right, need.action) for need in target.needs)
            if wanted or not statement.allows or statement.actions.but:
                fix = f'write "{right}"'
            else:
                fix = f"remove it, {target.level} needs no {right} either"
        findings.append(Finding(item.line, kind, problem, fix))
    if statement.actions.but:  # as long as it excepts nothing, more is allowed, or denied
        return statement.actions, findings
    return replace(statement.actions, items=tuple(items)), findings


def _action_fault(pattern: str) -> tuple[str, str, str | None] | None:
    """Kind, problem, and what was meant."""
    service, colon, name = pattern.partition(":")
    right = _nearest(name if colon else pattern)
    fault = None
    if pattern in _ALL or (service.lower() == SERVICE and expanded(pattern)):
        return None
    if not colon:
        fault = MALFORMED, 'is neither "*" nor SERVICE:ACTION'
    elif wild(service) and matches_action(service, SERVICE):
        fault = MALFORMED, "has a wildcard in its service, and IAM takes none there"
    elif service.lower() == SERVICE:
        fault = NEVER, f"is no action of S3 Vectors{f', the nearest is {right}' if right else ''}"
    elif of_service(service) or (service.lower() == "s3" and _only_ours(name)):
        fault = NEVER, f'has the service "{service}", that of S3 Vectors is "{SERVICE}"'
    return (fault[0], f'"{pattern}" {fault[1]}', right) if fault else None


def _only_ours(name: str) -> bool:
    names = expanded(PREFIX + name) if name != "*" else ()
    return "vector" in name.lower() or (
        not wild(name) and bool(names) and not set(names) & SHARED_WITH_S3
    )


def _nearest(name: str) -> str | None:
    if expanded(PREFIX + name):
        return PREFIX + name
    by_lower = {known.lower(): known for known in ON}
    found = get_close_matches(name.lower(), by_lower, 1)
    return PREFIX + by_lower[found[0]] if found else None
