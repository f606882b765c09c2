"""What the level needs and the policies do not allow, and what they allow beyond it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, can_cover, find_variable, get_service, is_wild
from .findings import Finding, group, join_actions, quote_names
from .statements import Rule
from .targets import PREFIX, VIA_SERVICE, Target


def find_missing(rules: Sequence[Rule], target: Target, line: int) -> Iterator[Finding]:
    """Find what the level needs and no rule allows, and what a rule denies.

    Args:
        rules: of all policies that work together.
        target: level, bucket and indexes.
        line: of what no statement allows.
    """
    # What has the same cause becomes one finding, with WHAT and ARNS in its sentences
    causes = group((c, need) for need in target.needs for c in _find_causes(need, rules, line))
    for cause, needs in causes.items():
        resources = group((need.action, need.resource) for need in needs)
        places = group((tuple(arns), action) for action, arns in resources.items())
        for arns, actions in places.items():
            what = f"{join_actions(actions)} on {target.name_places(arns)}"
            problem = cause.problem.replace("WHAT", what, 1)
            yield replace(
                cause, problem=problem, fix=cause.fix.replace("ARNS", quote_names(arns), 1)
            )


def _find_causes(need: Need, rules: Sequence[Rule], line: int) -> Iterator[Finding]:
    answers = [(rule.evaluate(need), rule) for rule in rules]
    deny = [pair for pair in answers if not pair[1].allows and pair[0] is not False]
    if deny:
        yield _explain_denial(need, min(deny, key=lambda pair: pair[0] is None)[1])
    allow = [pair for pair in answers if pair[1].allows]
    if not any(answer for answer, _ in allow):
        yield _explain_gap(need, allow, line)


def _explain_denial(need: Need, rule: Rule) -> Finding:
    answer = rule.evaluate(need)
    line, when = (rule.line, "") if answer else rule.explain_doubt(need)
    fix = "name that in its NotAction" if rule.negated_actions else "take that out of its Action"
    fix += " or make its Resource narrower" if answer else ", or add a condition"
    return rule.report(line, "denied", f"this statement denies WHAT {when}".rstrip(), fix)


def _explain_gap(need: Need, answers: Sequence[tuple[bool | None, Rule]], line: int) -> Finding:
    about = [pair for pair in answers if pair[1].match(need) is not False]
    if about:
        # A condition of which nothing is known is nearer than one that does not hold
        _, rule = min(about, key=lambda pair: pair[0] is False)
        at, when = rule.explain_doubt(need)
        problem = f"a statement allows WHAT only {when}"
        return rule.report(at, "missing", problem, "allow it without that on ARNS")
    service = get_service(need.resource)
    for rule in (rule for _, rule in answers if rule.is_about(need.action)):
        if any(get_service(item) == service for item in rule.resources):
            problem = "no statement allows WHAT, this one only on other resources"
            return rule.report(rule.line, "missing", problem, "add ARNS to its Resource")
    return Finding(line, "missing", "no statement allows WHAT", "allow it on ARNS")


def find_excess(rule: Rule, target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target."""
    reached = rule.list_reached(target) if rule.allows else set()
    if not reached:
        return
    needs = [need for need in target.needs if rule.is_about(need.action)]
    if rule.negated_actions:
        yield _report_negated(rule, "Action", dict.fromkeys(need.action for need in needs))
    for item in () if rule.negated_actions else rule.actions:
        yield from _check_action(item, reached, rule, target)
    if rule.negated_resources and needs:
        arns = dict.fromkeys(need.resource for need in needs if rule.match(need) is not False)
        yield _report_negated(rule, "Resource", arns)
    for item in () if rule.negated_resources or not needs else rule.resources:
        yield from _check_resource(item, needs, rule, target)
    yield from _find_direct_use(rule, needs, target)


def _report_negated(rule: Rule, part: str, needed: Collection[str]) -> Finding:
    fix = f'write "{part}" with {quote_names(needed)}' if needed else "remove the statement"
    problem = f"Not{part} covers everything except what it names"
    return rule.report(rule.lines[f"Not{part}"], "excess", problem, fix)


def _check_action(item: Text, reached: set[str], rule: Rule, target: Target) -> Iterator[Finding]:
    own = {action for action in reached if matches_action(item, action)}
    needed = target.list_needed(item)
    if not own or (needed and not is_wild(item)):
        return
    if is_wild(item):
        extra = sorted(own.difference(needed, [item]))
        problem = f'"{item}" covers more than {target.level} needs'
        problem += f": {join_actions(extra)}" if extra else ""
        fix = f"name the actions: {quote_names(needed)}" if needed else "remove it"
    else:
        problem = f"{target.level} does not need {item}"
        known = {name: (*level.index, *level.bucket) for name, level in LEVELS.items()}
        higher = [n for n in known if any(matches_action(item, PREFIX + a) for a in known[n])]
        fix = f"remove it, or check with --level {higher[0]}" if higher else "remove it"
    yield rule.report(item.line, "excess", problem, fix)


def _check_resource(
    item: Text, needs: Sequence[Need], rule: Rule, target: Target
) -> Iterator[Finding]:
    """Find wildcards, other indexes of the bucket, and other buckets."""
    arns = dict.fromkeys(need.resource for need in needs if can_cover(item, need.resource))
    own = get_service(item) == SERVICE and item not in target.arns
    if is_wild(item) and arns:
        problem = f'"{item}" covers more than {target.name_places(arns)}'
        fix = f"write {quote_names(arns)}"
    elif own and (is_wild(item) or not find_variable(item)):
        problem = f'"{item}" is beyond {target.name_places(target.arns)}'
        fix = "remove it, or check with another --bucket or --index"
    else:
        return
    yield rule.report(item.line, "excess", problem, fix)


def _find_direct_use(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    other = target.host.replace(SERVICE, "s3", 1)
    ways: list[dict[str, Sequence[str]]] = [{}, {VIA_SERVICE: [other]}]
    requests = [
        replace(need, context={k: v for k, v in need.context.items() if k != VIA_SERVICE} | way)
        for need in needs
        if need.resource == target.key
        for way in ways
    ]
    if any(rule.evaluate(request) is not False for request in requests):
        problem = "the statement allows the key to be used outside S3 Vectors"
        fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.host}"}}}}'
        yield rule.report(rule.line, "excess", problem, fix)
