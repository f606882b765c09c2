"""What can never match in a statement, and the statement with that corrected. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import BUCKET, INDEX, SERVICE, explain_arn, find_kinds, get_service, is_like_service
from .findings import Finding, join_actions, quote_names
from .statements import Rule
from .targets import PREFIX, Target, expand_action, list_actions

Fault: TypeAlias = "tuple[str, Sequence[str]] | None"
"""Why a text matches nothing of S3 Vectors, and what to write instead."""

_KINDS: Final = {BUCKET: "a vector bucket", INDEX: "an index"}


def correct(rule: Rule, target: Target) -> tuple[list[Finding], Rule]:
    """Find what can never match in a statement about S3 Vectors, and correct its texts.

    The other checks take the corrected statement, so they do not report what follows from a fault.
    """
    ours = (expand_action(item) or _explain_action(item, rule, target) for item in rule.actions)
    if not (rule.negated_actions or any(ours)):
        return [], rule
    findings: list[Finding] = []
    for part, explain in _EXPLANATIONS:
        faults, rule = _correct_texts(rule, part, explain, target)
        findings += faults
    dead, rule = _remove_dead_conditions(rule, target)
    return findings + dead, rule


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
    useless = rule.allows and not target.list_needed(right)
    return problem, [right] if right and not useless else []


def _explain_resource(item: Text, rule: Rule, target: Target) -> Fault:
    negated = rule.negated_actions or rule.negated_resources
    own = not negated and all(text.lower().startswith(PREFIX) for text in rule.actions)
    fault = explain_arn(item)
    if fault is None or not (own or is_like_service(get_service(item))):
        return None
    arns = target.list_arns(_list_kinds(rule.actions)) or target.arns
    name = re.split("[:/]", item.lower())[-1]
    alike = [arn for arn in arns if arn.endswith(f"/{name}")]
    return f"is not an ARN of S3 Vectors: {fault}", alike or arns


def _explain_idle_action(item: Text, rule: Rule, target: Target) -> Fault:
    """Why an action alone reaches nothing; if the level needs it, it is missing."""
    alone = replace(rule, actions=(item,), written=())
    ours = item.lower().startswith(PREFIX) and not (rule.negated_actions or rule.negated_resources)
    if not ours or alone.list_reached(target) or (rule.allows and target.list_needed(item)):
        return None
    kinds = _list_kinds([item])
    what = f"{_name_kinds(kinds)}, and the statement names none" if kinds else 'only "*"'
    return f"is authorized on {what}", []


def _explain_idle_resource(item: Text, rule: Rule, target: Target) -> Fault:
    alone, kinds = replace(rule, resources=(item,), written=()), find_kinds(item)
    negated = rule.negated_actions or rule.negated_resources
    if negated or not kinds or alone.list_reached(target):
        return None
    # Where nothing goes together, the actions are reported, or missing
    if not replace(rule, written=()).list_reached(target):
        return None
    return f"is {_name_kinds(kinds)}, and no action of the statement uses one", []


def _remove_dead_conditions(rule: Rule, target: Target) -> tuple[list[Finding], Rule]:
    """Find and remove conditions on keys that no request has."""
    actions = sorted(replace(rule, written=()).list_reached(target))
    needs = [target.make_need(action, "*") for action in actions]
    dead = [condition for condition in rule.written if needs and all(map(condition.is_dead, needs))]
    findings = []
    for condition in dead:
        problem = f"'{condition.text}' has a key that no request of {join_actions(actions)} has"
        findings.append(rule.report(condition.text.line, "ineffective", problem, "remove it"))
    live = tuple(condition for condition in rule.written if condition not in dead)
    return findings, replace(rule, written=live)


def _name_kinds(kinds: frozenset[str]) -> str:
    return " or ".join(_KINDS[kind] for kind in sorted(kinds))


def _list_kinds(actions: Sequence[str]) -> frozenset[str]:
    """The kinds of resources that actions are authorized on."""
    names = [name for item in actions for name in expand_action(item)]
    return frozenset().union(*(list_actions()[name].kinds for name in names))


_EXPLANATIONS: Final = (
    ("actions", _explain_action),
    ("resources", _explain_resource),
    ("actions", _explain_idle_action),
    ("resources", _explain_idle_resource),
)
