"""What the level needs and the policies do not allow, and what they allow beyond it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, can_cover, find_samples, find_variable, get_service, is_open, is_wild
from .findings import Finding, join_actions, quote_names
from .statements import Rule
from .targets import KMS, PREFIX, VIA_SERVICE, Target, expand_action


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
    answers = [(rule.evaluate(need), rule) for rule in rules]
    applying = [pair for pair in answers if pair[0] is not False]
    for answer, rule in sorted(applying, key=lambda pair: pair[0] is None):
        if answer:
            negated = rule.statement.negated_actions
            out = "name that in its NotAction" if negated else "take that out of its Action"
            fix = f"{out} or make its Resource narrower"
            return Finding(rule.line, "denied", problem, fix, rule.name, rule.policy)
        line, when = _explain_doubt(rule, need)
        fix = "take that out of the statement, or add a condition that never holds for Stache"
        return Finding(line, "denied", f"{problem} {when}", fix, rule.name, rule.policy)
    return None


def _find_gap(need: Need, rules: Sequence[Rule], line: int) -> Finding | None:
    answers = [(rule.evaluate(need), rule) for rule in rules]
    if any(answer for answer, _ in answers):
        return None
    about = [pair for pair in answers if pair[1].match(need) is not False]
    # A condition of which nothing is known is nearer than one that does not hold
    for _, rule in sorted(about, key=lambda pair: pair[0] is False):
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


def find_excess(rule: Rule, ineffective: Collection[str], target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target.

    Args:
        rule: the statement.
        ineffective: its actions and resources that can never match.
        target: level, bucket and indexes.
    """
    granted = {PREFIX + name for name in rule.list_reached(target, conditions=True)}
    covers_key = any(can_cover(item, target.key or "") for item in rule.resources)
    on_key = target.key is not None and covers_key is not rule.statement.negated_resources
    if not rule.allows or not (granted or on_key):
        return
    if rule.statement.negated_actions:
        yield _check_not_action(rule, granted, target)
    for item in rule.actions:
        if not rule.statement.negated_actions and item not in ineffective:
            yield from _check_action(item, granted, target, on_key=on_key)
    needs = [need for need in target.needs if rule.is_about(need.action)]
    if needs and rule.statement.negated_resources:
        yield _check_not_resource(rule, needs, target)
    for item in rule.resources if needs else ():
        if not rule.statement.negated_resources and item not in ineffective:
            yield from _check_resource(item, needs, target)
    yield from _find_direct_use(rule, needs, target)


def _check_action(
    item: Text, granted: set[str], target: Target, *, on_key: bool
) -> Iterator[Finding]:
    own = {PREFIX + name for name in expand_action(item)} & granted
    keys = on_key and (item in ("*", "*:*") or item.lower().startswith(KMS))
    needed = sorted({n.action for n in target.needs if matches_action(item, n.action)})
    if not (own or keys) or (needed and not is_wild(item)):
        return
    if not is_wild(item):
        problem = f"{target.level} does not need {item}"
        yield Finding(item.line, "excess", problem, _choose_level_fix(item))
        return
    extra = sorted(own - set(needed))
    more = f"more than {target.level} needs" if keys else "what S3 Vectors may add to these"
    what = f"{join_actions(extra)}, which {target.level} does not need" if extra else more
    fix = f"name the actions: {quote_names(needed)}" if needed else "remove it"
    yield Finding(item.line, "excess", f'"{item}" allows {what}', fix)


def _choose_level_fix(action: str) -> str:
    """Remove an action, unless a higher level needs it."""
    for level, has in LEVELS.items():
        if any(matches_action(action, PREFIX + known) for known in (*has.index, *has.bucket)):
            return f"remove it, or check with --level {level}"
    return "remove it"


def _check_not_action(rule: Rule, granted: set[str], target: Target) -> Finding:
    needed = sorted({need.action for need in target.needs if rule.is_about(need.action)})
    extra = sorted(granted - set(needed))
    which = join_actions(extra) if extra else "those of other services"
    return _make_negated("Action", f"including {which}", needed, rule)


def _check_not_resource(rule: Rule, needs: Sequence[Need], target: Target) -> Finding:
    arns = dict.fromkeys(n.resource for n in needs if rule.match(n) is not False)
    than = f"more than {target.name_places(arns)}" if arns else "and no resource of this check"
    return _make_negated("Resource", than, arns, rule)


def _make_negated(name: str, what: str, needed: Collection[str], rule: Rule) -> Finding:
    problem = f"Not{name} covers everything except what it names, {what}"
    fix = f'write "{name}" with {quote_names(needed)}' if needed else "remove the statement"
    return Finding(rule.lines[f"Not{name}"], "excess", problem, fix)


def _check_resource(item: Text, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find wildcards, other indexes of the bucket, and other buckets."""
    arns = dict.fromkeys(need.resource for need in needs if can_cover(item, need.resource))
    within = f"{target.bucket_arn}/index/"
    if is_wild(item) and arns:
        problem = f'"{item}" covers more than {target.name_places(arns)}'
        yield Finding(item.line, "excess", problem, f"write {quote_names(arns)}")
    elif get_service(item) != SERVICE or not find_samples(item) or item in target.arns:
        return
    elif is_wild(item):
        problem = f'"{item}" covers no resource of this check'
        yield Finding(item.line, "excess", problem, "remove it")
    elif item.startswith(within) and not is_open(item):
        what = target.name_places(target.index_arns)
        problem = f'"{item}" is not {what}, which this check is for'
        fix = f"remove that, or add --index {item.removeprefix(within)}"
        yield Finding(item.line, "excess", problem, fix)
    elif not is_open(item):
        problem = f'"{item}" is outside of bucket {target.bucket}'
        fix = "remove that, or check with another --bucket"
        yield Finding(item.line, "excess", problem, fix)


def _find_direct_use(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    other = target.host.replace(SERVICE, "s3", 1)
    for need in (need for need in needs if need.resource == target.key):
        context = {key: value for key, value in need.context.items() if key != VIA_SERVICE}
        ways = (context, {**context, VIA_SERVICE: [other]})
        if any(rule.evaluate(replace(need, context=way)) is not False for way in ways):
            problem = "the statement allows the key to be used outside S3 Vectors"
            fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.host}"}}}}'
            yield Finding(rule.line, "excess", problem, fix)
            return
