"""What can never match in a statement, and the statement with that corrected. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, complete_arn, find_kinds, get_service, is_like_service
from .findings import Finding, join_actions, quote_names
from .statements import Rule
from .targets import PREFIX, Target, expand_action, list_actions

Fault: TypeAlias = "tuple[str, Sequence[str]] | None"
"""Why a text matches nothing of S3 Vectors, and what to write instead."""

_EXPECTED: Final = "arn:PARTITION:s3vectors:REGION:ACCOUNT:bucket/NAME or bucket/NAME/index/NAME"


def correct(rule: Rule, target: Target) -> tuple[list[Finding], Rule]:
    """Find what can never match in a statement, and correct its texts.

    The other checks take the corrected statement, so they do not report what follows from a fault.
    But a Deny denies only what it denies as it is written.
    """
    actions, rule = _correct_texts(rule, "actions", _explain_action, target)
    resources, rule = _correct_texts(rule, "resources", _explain_resource, target)
    findings = actions + resources
    return findings or _find_idle_denial(rule, target), rule


def _correct_texts(
    rule: Rule, part: str, explain: Callable[[Text, Rule, Target], Fault], target: Target
) -> tuple[list[Finding], Rule]:
    findings: list[Finding] = []
    texts: list[Text] = []
    for item in getattr(rule, part):
        fault = explain(item, rule, target)
        if fault is None:
            texts.append(item)
            continue
        problem, right = fault
        fix = f"write {quote_names(right)}" if right else "remove it"
        findings.append(rule.report(item.line, "ineffective", f'"{item}" {problem}', fix))
        texts += [Text(text, item.line) for text in right]
    corrected: dict[str, Any] = {part: tuple(texts)}
    return findings, rule if getattr(rule, f"negated_{part}") else replace(rule, **corrected)


def _explain_action(item: Text, rule: Rule, target: Target) -> Fault:
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
    # With less, InsertVectors is answered with ListVectors
    near = get_close_matches(right_name.lower(), by_lower, 1, cutoff=0.92)
    right = right_name if expand_action(right_name) else by_lower[near[0]] if near else ""
    useless = rule.allows and not rule.negated_actions and not target.list_needed(right)
    return problem, [right] if right and not useless else []


def _explain_resource(item: Text, rule: Rule, target: Target) -> Fault:
    ours = rule.names_only_service_actions or is_like_service(get_service(item))
    if not ours or find_kinds(item) or complete_arn(item) == "*":
        return None
    needed = {need.resource for need in target.needs if rule.is_about(need.action)}
    arns = [arn for arn in target.arns if arn in needed] or target.arns
    name = re.split("[:/]", item.lower())[-1]
    alike = [arn for arn in arns if arn.endswith(f"/{name}")]
    return f"is not an ARN of S3 Vectors, expected {_EXPECTED}", alike or arns


def _find_idle_denial(rule: Rule, target: Target) -> list[Finding]:
    """Find a Deny whose actions are authorized on other resources than it names."""
    if (
        rule.allows
        or not rule.names_only_service_actions
        or replace(rule, written=()).list_reached(target)
    ):
        return []
    names = [name for item in rule.actions for name in expand_action(item)]
    kinds = " or ".join(sorted({kind for name in names for kind in list_actions()[name].kinds}))
    what = f"a Resource of type {kinds}, and the statement names none" if kinds else '"*"'
    problem = f"{join_actions(rule.actions)}: authorized only on {what}"
    return [rule.report(rule.actions[0].line, "ineffective", problem, "correct or remove it")]
