"""Texts in a statement that can never match, and the statement with them corrected. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, complete_arn, find_kinds, get_service, is_like_service
from .findings import Finding, join_actions, quote_names
from .statements import WrittenStatement
from .targets import PREFIX, Target, expand_action, list_actions

Fault: TypeAlias = "tuple[str, Sequence[str]] | None"
"""The reason why a text matches nothing of S3 Vectors, and its replacements."""

_EXPECTED: Final = "arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME or bucket/NAME/index/NAME"


def correct(statement: WrittenStatement, target: Target) -> tuple[list[Finding], WrittenStatement]:
    """Find what can never match in a statement, and correct its texts.

    The other checks take the corrected statement, so they do not report what follows from a fault.
    A Deny is still evaluated as it is written.
    """
    actions, statement = _correct_texts(statement, "actions", _explain_action, target)
    resources, statement = _correct_texts(statement, "resources", _explain_resource, target)
    findings = actions + resources
    return findings or _find_idle_denial(statement, target), statement


def _correct_texts(
    statement: WrittenStatement,
    part: str,
    explain: Callable[[Text, WrittenStatement, Target], Fault],
    target: Target,
) -> tuple[list[Finding], WrittenStatement]:
    findings: list[Finding] = []
    texts: list[Text] = []
    for item in getattr(statement, part):
        fault = explain(item, statement, target)
        if fault is None:
            texts.append(item)
            continue
        problem, right = fault
        fix = f"write {quote_names(right)}" if right else "remove it"
        findings.append(statement.report(item.line, "ineffective", f'"{item}" {problem}', fix))
        texts += [Text(text, item.line) for text in right]
    corrected: dict[str, Any] = {part: tuple(texts)}
    return findings, statement if getattr(statement, f"negated_{part}") else replace(
        statement, **corrected
    )


def _explain_action(item: Text, statement: WrittenStatement, target: Target) -> Fault:
    service, _, name = item.partition(":")
    if item in ("*", "*:*") or expand_action(item):
        return None
    s3 = service.lower() == "s3" and re.search("vector|index", name, re.IGNORECASE)
    if service.lower() == SERVICE:
        problem = "is not an action of S3 Vectors"
    elif s3 or is_like_service(service):
        problem = f'has the service "{service}", expected "{SERVICE}"'
    else:
        return None
    by_lower = {known.lower(): known for known in list_actions()}
    right_name = f"{PREFIX}{name}"
    # With a lower cutoff, ListVectors would be suggested for InsertVectors
    near = get_close_matches(right_name.lower(), by_lower, 1, cutoff=0.92)
    right = right_name if expand_action(right_name) else by_lower[near[0]] if near else ""
    useless = statement.allows and not statement.negated_actions and not target.list_needed(right)
    return problem, [right] if right and not useless else []


def _explain_resource(item: Text, statement: WrittenStatement, target: Target) -> Fault:
    ours = statement.names_only_service_actions or is_like_service(get_service(item))
    if not ours or find_kinds(item) or complete_arn(item) == "*":
        return None
    needed = {need.resource for need in target.needs if statement.is_about(need.action)}
    arns = [arn for arn in target.arns if arn in needed] or target.arns
    name = re.split("[:/]", item.lower())[-1]
    alike = [arn for arn in arns if arn.endswith(f"/{name}")]
    return f"is not an ARN of S3 Vectors, expected {_EXPECTED}", alike or arns


def _find_idle_denial(statement: WrittenStatement, target: Target) -> list[Finding]:
    """Find a Deny whose actions are authorized on other resources than it names."""
    if (
        statement.allows
        or not statement.names_only_service_actions
        or replace(statement, written=()).list_reached(target)
    ):
        return []
    names = [name for item in statement.actions for name in expand_action(item)]
    kinds = " or ".join(sorted({kind for name in names for kind in list_actions()[name].kinds}))
    what = f"a Resource of type {kinds}, and the statement names none" if kinds else '"*"'
    problem = f"{join_actions(statement.actions)}: authorized only on {what}"
    return [
        statement.report(statement.actions[0].line, "ineffective", problem, "correct or remove it")
    ]
