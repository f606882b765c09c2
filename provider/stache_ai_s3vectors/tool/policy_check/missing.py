"""What the level needs and the policies do not allow, or deny. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action

from .arns import can_cover, find_variable, get_service
from .findings import Finding, join_actions, quote_names
from .statements import Rule
from .targets import Target


def find_missing(
    rules: Sequence[Rule], explained: Collection[str], target: Target, line: int
) -> Iterator[Finding]:
    """Find what the level needs and no rule allows, and what a rule denies.

    Args:
        rules: of all policies that work together.
        explained: actions that are not allowed because of another finding.
        target: level, bucket and indexes.
        line: of what no statement allows.
    """
    allow = [rule for rule in rules if rule.allows]
    deny = [rule for rule in rules if not rule.allows]
    # What has the same cause becomes one finding, with WHAT and ARNS in its sentences
    causes: dict[Finding, dict[str, list[str]]] = {}
    for need in target.needs:
        known = any(matches_action(item, need.action) for item in explained)
        gap = None if known else _find_gap(need, allow, line)
        for cause in filter(None, (_find_denial(need, deny), gap)):
            causes.setdefault(cause, {}).setdefault(need.action, []).append(need.resource)
    for cause, resources in causes.items():
        groups: dict[tuple[str, ...], list[str]] = {}
        for action, arns in resources.items():
            groups.setdefault(tuple(arns), []).append(action)
        for places, actions in groups.items():
            what = f"{join_actions(actions)} on {target.name_places(places)}"
            yield replace(
                cause,
                problem=cause.problem.replace("WHAT", what, 1),
                fix=cause.fix.replace("ARNS", quote_names(places), 1),
            )


def _find_denial(need: Need, rules: Sequence[Rule]) -> Finding | None:
    problem = "this statement denies WHAT"
    applying = [rule for rule in rules if rule.evaluate(need) is not False]
    for rule in sorted(applying, key=lambda rule: rule.evaluate(need) is None):
        if rule.evaluate(need):
            negated = rule.statement.negated_actions
            out = "name that in its NotAction" if negated else "take that out of its Action"
            fix = f"{out} or make its Resource narrower"
            return Finding(rule.line, "denied", problem, fix, rule.name, rule.policy)
        line, when = _explain_doubt(rule, need)
        fix = "take that out of the statement, or add a condition that never holds for Stache"
        return Finding(line, "denied", f"{problem} {when}", fix, rule.name, rule.policy)
    return None


def _find_gap(need: Need, rules: Sequence[Rule], line: int) -> Finding | None:
    if any(rule.evaluate(need) for rule in rules):
        return None
    about = [rule for rule in rules if rule.match(need) is not False]
    # A condition of which nothing is known is nearer than one that does not hold
    for rule in sorted(about, key=lambda rule: rule.evaluate(need) is False):
        at, when = _explain_doubt(rule, need)
        problem = f"a statement allows WHAT only {when}"
        fix = "allow it without that on ARNS"
        return Finding(at, "missing", problem, fix, rule.name, rule.policy)
    service = get_service(need.resource)
    for rule in (rule for rule in rules if rule.is_about(need.action)):
        if any(get_service(item) == service for item in rule.resources):
            problem = "no statement allows WHAT, this one only on other resources"
            fix = "add ARNS to its Resource"
            return Finding(rule.line, "missing", problem, fix, rule.name, rule.policy)
    return Finding(line, "missing", "no statement allows WHAT", "allow it on ARNS")


def _explain_doubt(rule: Rule, need: Need) -> tuple[int, str]:
    """What decides whether a rule applies, and its line."""
    answers = [(condition.evaluate(need), condition) for condition in rule.conditions]
    doubts = [pair for pair in answers if pair[0] is not True]
    if not doubts:
        items = (item for item in rule.resources if find_variable(item))
        item = next(item for item in items if can_cover(item, need.resource))
        return item.line, f'where {find_variable(item)} in "{item}" has that value'
    answer, condition = min(doubts, key=lambda pair: pair[0] is None)
    known = "which does not" if answer is False else "which is not known here"
    return condition.key.line, f"if {condition} holds, {known}"
