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
from .targets import KMS, PREFIX, VIA_SERVICE, Target, expand_action


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
    problem = "this statement denies WHAT"
    if rule.evaluate(need) is None:
        line, when = _explain_doubt(rule, need)
        fix = "take that out of the statement, or add a condition that never holds for Stache"
        return rule.report(line, "denied", f"{problem} {when}", fix)
    negated = rule.negated_actions
    out = "name that in its NotAction" if negated else "take that out of its Action"
    return rule.report(rule.line, "denied", problem, f"{out} or make its Resource narrower")


def _explain_gap(need: Need, answers: Sequence[tuple[bool | None, Rule]], line: int) -> Finding:
    about = [pair for pair in answers if pair[1].match(need) is not False]
    if about:
        # A condition of which nothing is known is nearer than one that does not hold
        _, rule = min(about, key=lambda pair: pair[0] is False)
        at, when = _explain_doubt(rule, need)
        problem = f"a statement allows WHAT only {when}"
        return rule.report(at, "missing", problem, "allow it without that on ARNS")
    service = get_service(need.resource)
    for rule in (rule for _, rule in answers if rule.is_about(need.action)):
        if any(get_service(item) == service for item in rule.resources):
            problem = "no statement allows WHAT, this one only on other resources"
            return rule.report(rule.line, "missing", problem, "add ARNS to its Resource")
    return Finding(line, "missing", "no statement allows WHAT", "allow it on ARNS")


def _explain_doubt(rule: Rule, need: Need) -> tuple[int, str]:
    """What decides whether a rule applies, and its line."""
    answers = [(condition.evaluate(need), condition) for condition in rule.written]
    doubts = [pair for pair in answers if pair[0] is not True]
    if not doubts:
        items = (item for item in rule.resources if find_variable(item))
        item = next(item for item in items if can_cover(item, need.resource))
        return item.line, f'where {find_variable(item)} in "{item}" has that value'
    answer, condition = min(doubts, key=lambda pair: pair[0] is None)
    known = "which does not" if answer is False else "which is not known here"
    return condition.key.line, f"if {condition} holds, {known}"


def find_excess(rule: Rule, target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target."""
    reached = [target.make_need(action, "*") for action in rule.list_reached(target)]
    granted = {need.action for need in reached if rule.can_hold(need)}
    covers_key = any(can_cover(item, target.key or "") for item in rule.resources)
    on_key = target.key is not None and covers_key is not rule.negated_resources
    if not rule.allows or not (granted or on_key):
        return
    needs = [need for need in target.needs if rule.is_about(need.action)]
    if rule.negated_actions:
        needed = sorted({need.action for need in needs})
        extra = sorted(granted - set(needed))
        which = join_actions(extra) if extra else "those of other services"
        yield _report_negated("Action", f"including {which}", needed, rule)
    else:
        for item in rule.actions:
            yield from _check_action(item, granted, rule, target, on_key=on_key)
    if needs and rule.negated_resources:
        arns = dict.fromkeys(need.resource for need in needs if rule.match(need) is not False)
        than = f"more than {target.name_places(arns)}" if arns else "and no resource of this check"
        yield _report_negated("Resource", than, arns, rule)
    elif needs:
        for item in rule.resources:
            yield from _check_resource(item, needs, rule, target)
    yield from _find_direct_use(rule, needs, target)


def _report_negated(name: str, what: str, needed: Collection[str], rule: Rule) -> Finding:
    problem = f"Not{name} covers everything except what it names, {what}"
    fix = f'write "{name}" with {quote_names(needed)}' if needed else "remove the statement"
    return rule.report(rule.lines[f"Not{name}"], "excess", problem, fix)


def _check_action(
    item: Text, granted: set[str], rule: Rule, target: Target, *, on_key: bool
) -> Iterator[Finding]:
    own = granted.intersection(expand_action(item))
    keys = on_key and (item in ("*", "*:*") or item.lower().startswith(KMS))
    needed = target.list_needed(item)
    if not (own or keys) or (needed and not is_wild(item)):
        return
    if is_wild(item):
        extra = sorted(own - set(needed))
        more = f"more than {target.level} needs" if keys else "what S3 Vectors may add to these"
        what = f"{join_actions(extra)}, which {target.level} does not need" if extra else more
        problem = f'"{item}" allows {what}'
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
    within = f"{target.bucket_arn}/index/"
    if is_wild(item) and arns:
        problem = f'"{item}" covers more than {target.name_places(arns)}'
        fix = f"write {quote_names(arns)}"
    elif get_service(item) != SERVICE or item in target.arns:
        return
    elif is_wild(item):
        problem, fix = f'"{item}" covers no resource of this check', "remove it"
    elif find_variable(item):
        return
    elif item.startswith(within):
        indexes = target.name_places(target.index_arns)
        problem = f'"{item}" is not {indexes}, which this check is for'
        fix = f"remove that, or add --index {item.removeprefix(within)}"
    else:
        problem = f'"{item}" is outside of bucket {target.bucket}'
        fix = "remove that, or check with another --bucket"
    yield rule.report(item.line, "excess", problem, fix)


def _find_direct_use(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    other = target.host.replace(SERVICE, "s3", 1)
    of_key = [need for need in needs if need.resource == target.key]
    ways: list[dict[str, Sequence[str]]] = [{}, {VIA_SERVICE: [other]}]
    requests = [
        replace(need, context={k: v for k, v in need.context.items() if k != VIA_SERVICE} | way)
        for need in of_key
        for way in ways
    ]
    if any(rule.evaluate(request) is not False for request in requests):
        problem = "the statement allows the key to be used outside S3 Vectors"
        fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.host}"}}}}'
        yield rule.report(rule.line, "excess", problem, fix)
