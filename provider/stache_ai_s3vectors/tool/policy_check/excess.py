"""What a statement allows and the level does not need. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.permissions import LEVELS, VIA_SERVICE
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, can_cover, find_samples, find_variable, get_service, is_wild
from .findings import Finding, join_actions, quote_names
from .statements import Rule
from .targets import KMS, PREFIX, Target, expand_action


def find_excess(rule: Rule, ineffective: Collection[str], target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target.

    Args:
        rule: the statement.
        ineffective: its actions and resources that can never match.
        target: level, bucket and indexes.
    """
    granted = {PREFIX + name for name in rule.list_reached(target, conditions=True)}
    on_key = target.key is not None and rule.can_cover(target.key)
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
    name = action.lower().removeprefix(PREFIX)
    for level, has in LEVELS.items():
        if name in {known.lower() for known in (*has.index, *has.bucket)}:
            return f"remove it, or check with --level {level}"
    return "remove it"


def _check_not_action(rule: Rule, granted: set[str], target: Target) -> Finding:
    needed = sorted({need.action for need in target.needs if rule.is_about(need.action)})
    extra = sorted(granted - set(needed))
    which = join_actions(extra) if extra else "those of other services"
    problem = f"NotAction allows all actions except those it names, including {which}"
    fix = f'write "Action" with {quote_names(needed)}' if needed else "remove the statement"
    return Finding(rule.lines["NotAction"], "excess", problem, fix)


def _check_not_resource(rule: Rule, needs: Sequence[Need], target: Target) -> Finding:
    arns = dict.fromkeys(need.resource for need in needs if rule.can_cover(need.resource))
    than = f"more than {target.name_places(arns)}" if arns else "and no resource of this check"
    problem = f"NotResource covers everything except what it names, {than}"
    fix = f'write "Resource" with {quote_names(arns)}' if arns else "remove the statement"
    return Finding(rule.lines["NotResource"], "excess", problem, fix)


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
    elif find_variable(item) is None and item.startswith(within):
        what = target.name_places(target.index_arns)
        problem = f'"{item}" is not {what}, which this check is for'
        fix = f"remove that, or add --index {item.removeprefix(within)}"
        yield Finding(item.line, "excess", problem, fix)
    elif find_variable(item) is None:
        problem = f'"{item}" is outside of bucket {target.bucket}'
        fix = "remove that, or check with another --bucket"
        yield Finding(item.line, "excess", problem, fix)


def _find_direct_use(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    other = target.host.replace(SERVICE, "s3", 1)
    for need in (need for need in needs if need.resource == target.key):
        context = {
            key: values for key, values in need.context.items() if key != VIA_SERVICE.lower()
        }
        ways = (context, {**context, VIA_SERVICE.lower(): [other]})
        if any(rule.evaluate(replace(need, context=way)) is not False for way in ways):
            problem = "the statement allows the key to be used outside S3 Vectors"
            fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.host}"}}}}'
            yield Finding(rule.line, "excess", problem, fix)
            return
