"""What the level needs and the policies do not allow, and what they allow beyond it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, can_cover, get_service, is_wild
from .findings import Finding, group, join_actions, quote_names
from .statements import Rule
from .targets import Target, expand_action


def find_missing(rules: Sequence[Rule], target: Target, line: int) -> Iterator[Finding]:
    """Find what the level needs and no rule allows, and what a rule denies.

    Args:
        rules: of all policies that work together.
        target: level, bucket and indexes.
        line: of what no statement allows.
    """
    # What has the same cause becomes one finding, with WHAT and ARNS in its sentences
    causes = ((cause, n) for n in target.needs for cause in _find_causes(n, rules, line))
    arns = group(((cause, need.action), need.resource) for cause, need in causes)
    places = group(((cause, tuple(on)), action) for (cause, action), on in arns.items())
    for (cause, on), actions in places.items():
        what = f"{join_actions(actions)} on {target.name_places(on)}"
        fix = cause.fix.replace("ARNS", quote_names(on), 1)
        yield replace(cause, problem=cause.problem.replace("WHAT", what, 1), fix=fix)


def _find_causes(need: Need, rules: Sequence[Rule], line: int) -> Iterator[Finding]:
    deny = [rule for rule in rules if not rule.allows and rule.evaluate(need) is not False]
    if deny:
        yield _explain_denial(need, min(deny, key=lambda rule: rule.evaluate(need) is None))
    allow = [rule for rule in rules if rule.allows]
    if not any(rule.evaluate(need) for rule in allow):
        yield _explain_gap(need, allow, line)


def _explain_denial(need: Need, rule: Rule) -> Finding:
    answer = rule.evaluate(need)
    line, when = (rule.line, "") if answer else rule.explain_doubt(need)
    fix = "remove the denied actions from its Action"
    if rule.negated_actions:
        fix = "add the denied actions to its NotAction"
    narrower = "make its Resource narrower"
    if rule.negated_resources:
        narrower = "add ARNS to its NotResource"
    fix += f" or {narrower}" if answer else ", or add a condition"
    return rule.report(line, "denied", f"this statement denies WHAT {when}".rstrip(), fix)


def _explain_gap(need: Need, rules: Sequence[Rule], line: int) -> Finding:
    about = [rule for rule in rules if rule.match(need) is not False]
    if about:
        # A condition of which nothing is known is nearer than one that does not hold
        rule = min(about, key=lambda rule: rule.evaluate(need) is False)
        at, when = rule.explain_doubt(need)
        problem = f"a statement allows WHAT only {when}"
        return rule.report(at, "missing", problem, "allow it without that on ARNS")
    service = get_service(need.resource)
    for rule in (rule for rule in rules if rule.is_about(need.action)):
        if not rule.negated_resources and service in map(get_service, rule.resources):
            problem = "no statement allows WHAT; this one covers only other resources"
            return rule.report(rule.line, "missing", problem, "add ARNS to its Resource")
    return Finding(line, "missing", "no statement allows WHAT", "allow it on ARNS")


def find_excess(rule: Rule, target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target."""
    if not rule.allows:
        return
    reached = rule.list_reached(target)
    needs = [need for need in target.needs if reached and rule.is_about(need.action)]
    if not rule.negated_actions:
        yield from _find_excess_actions(rule, reached, target)
    elif reached:
        yield _report_negated(rule, "Action", rule.actions, [need.action for need in needs])
    if not rule.negated_resources:
        yield from _find_excess_resources(rule, needs, target)
    elif needs:
        arns = [need.resource for need in needs if rule.match(need) is not False]
        yield _report_negated(rule, "Resource", rule.resources, arns)
    yield from _find_direct_use(rule, needs, target)


def _report_negated(rule: Rule, part: str, items: Sequence[Text], needed: Iterable[str]) -> Finding:
    texts = dict.fromkeys(needed)
    fix = f'write "{part}" with {quote_names(texts)}' if texts else "remove the statement"
    problem = f"Not{part} covers everything except what it names"
    return rule.report(items[0].line, "excess", problem, fix)


def _find_excess_actions(rule: Rule, reached: set[str], target: Target) -> Iterator[Finding]:
    scope = f"what {target.level} needs"
    for item in rule.actions:
        levels = [name for name in LEVELS if replace(target, level=name).list_needed(item)]
        other = f", or check with --level {levels[0]}" if levels else ""
        named = expand_action(item) and not is_wild(item)
        if named or any(matches_action(item, action) for action in reached):
            yield from _check_scope(rule, item, target.list_needed(item), scope, other)


def _find_excess_resources(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    other = ", or check with another --bucket or --index"
    for item in rule.resources if needs else ():
        arns = dict.fromkeys(need.resource for need in needs if can_cover(item, need.resource))
        if item not in target.arns and (arns or get_service(item) == SERVICE):
            scope = target.name_places(arns or target.arns)
            yield from _check_scope(rule, item, arns, scope, other)


def _check_scope(
    rule: Rule, item: Text, needed: Collection[str], scope: str, other: str
) -> Iterator[Finding]:
    """Find a text that covers more than what is needed, or nothing of it."""
    if not needed:
        yield rule.report(item.line, "excess", f'"{item}" is beyond {scope}', f"remove it{other}")
    elif is_wild(item):
        problem, fix = f'"{item}" covers more than {scope}', f"write {quote_names(needed)}"
        yield rule.report(item.line, "excess", problem, fix)


def _find_direct_use(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    of_key = [need for need in needs if need.resource == target.key]
    uses = [use for need in of_key for use in target.list_direct_uses(need)]
    if any(rule.evaluate(use) is not False for use in uses):
        problem = "the statement allows the key to be used outside S3 Vectors"
        fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.host}"}}}}'
        yield rule.report(rule.line, "excess", problem, fix)
