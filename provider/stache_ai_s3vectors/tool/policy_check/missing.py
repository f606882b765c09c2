"""What the level needs and the policies do not allow, or deny. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s3vectors_local.iam import Need

from .findings import DENIED, MISSING, Finding, join_actions, quote_names
from .resources import can_cover, find_variable, get_service
from .rules import Rule
from .targets import Target


@dataclass(frozen=True)
class _Cause:
    """Why something is not allowed; what has the same cause becomes one finding.

    `problem` has a place for what is needed (WHAT), `fix` for where (ARNS).
    """

    line: int
    kind: str
    problem: str
    fix: str
    statement: str = ""
    policy: str = ""


def find_missing(rules: Sequence[Rule], target: Target, line: int) -> Iterator[Finding]:
    """Find what the level needs and no rule allows, and what a rule denies.

    Args:
        rules: of all policies that work together.
        target: level, bucket and indexes.
        line: of what no statement allows.
    """
    allow = [rule for rule in rules if rule.allows]
    deny = [rule for rule in rules if not rule.allows]
    causes: dict[_Cause, list[Need]] = {}
    for need in target.needs:
        for cause in (_find_denial(need, deny), _find_gap(need, allow, target, line)):
            if cause:
                causes.setdefault(cause, []).append(need)
    for cause, needs in causes.items():
        yield from _report(cause, needs, target)


def _report(cause: _Cause, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Make one finding for all actions on the same resources."""
    by_action: dict[str, list[str]] = {}
    for need in needs:
        by_action.setdefault(need.action, []).append(need.resource)
    by_resources: dict[tuple[str, ...], list[str]] = {}
    for action, resources in by_action.items():
        by_resources.setdefault(tuple(resources), []).append(action)
    for arns, actions in by_resources.items():
        what = f"{join_actions(actions)} on {target.name_places(arns)}"
        problem = cause.problem.replace("WHAT", what, 1)
        fix = cause.fix.replace("ARNS", quote_names(arns), 1)
        yield Finding(cause.line, cause.kind, problem, fix, cause.statement, cause.policy)


def _find_denial(need: Need, rules: Sequence[Rule]) -> _Cause | None:
    problem = "this statement denies WHAT"
    for rule in (rule for rule in rules if rule.evaluate(need)):
        negated = rule.statement.negated_actions
        out = "name that in its NotAction" if negated else "take that out of its Action"
        return _make_cause(rule, rule.line, DENIED, problem, f"{out} or make its Resource narrower")
    for rule in (rule for rule in rules if rule.evaluate(need) is None):
        line, when = _explain_doubt(rule, need)
        fix = "take that out of the statement, or add a condition that never holds for Stache"
        return _make_cause(rule, line, DENIED, f"{problem} {when}", fix)
    return None


def _find_gap(need: Need, rules: Sequence[Rule], target: Target, line: int) -> _Cause | None:
    if any(rule.evaluate(need) for rule in rules):
        return None
    about = [rule for rule in rules if rule.match(need) is not False]
    # A condition of which nothing is known is nearer than one that does not hold
    about.sort(key=lambda rule: rule.evaluate(need) is False)
    if about:
        at, when = _explain_doubt(about[0], need)
        problem = f"a statement allows WHAT only {when}"
        return _make_cause(about[0], at, MISSING, problem, "allow it without that on ARNS")
    service = get_service(need.resource)
    for rule in (rule for rule in rules if rule.is_about(need.action)):
        if any(get_service(item) == service for item in rule.resources):
            problem = "no statement allows WHAT, this one only on other resources"
            return _make_cause(rule, rule.line, MISSING, problem, "add ARNS to its Resource")
    neighbours = [n for n in target.needs if n.resource == need.resource]
    for rule in rules:
        if any(rule.evaluate(neighbour) for neighbour in neighbours):
            fix = f"add it to the Action of the statement on line {rule.line}"
            return _Cause(line, MISSING, "no statement allows WHAT", fix)
    return _Cause(line, MISSING, "no statement allows WHAT", "add one with the Resource ARNS")


def _make_cause(rule: Rule, line: int, kind: str, problem: str, fix: str) -> _Cause:
    return _Cause(line, kind, problem, fix, rule.name, rule.policy)


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
