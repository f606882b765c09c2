"""What a statement allows and the level does not need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.policy_files.source import Text

from .conditions import VIA_SERVICE
from .findings import EXCESS, Finding, join_actions, quote_names
from .meaning import StatementCheck
from .resources import SERVICE, can_cover, find_samples, get_service, is_open, is_wild
from .rules import Rule
from .service import PREFIX, expand_action
from .targets import KMS, Target


def find_excess(judged: StatementCheck, target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target."""
    rule = judged.rule
    granted = {PREFIX + name for name in rule.list_reached(target, conditions=True)}
    on_key = target.key is not None and rule.can_cover(target.key)
    if rule.allows and (granted or on_key):
        for finding in _find_all(judged, granted, target, on_key=on_key):
            yield replace(finding, statement=rule.name)


def _find_all(
    judged: StatementCheck, granted: set[str], target: Target, *, on_key: bool
) -> Iterator[Finding]:
    rule, statement = judged.rule, judged.rule.statement
    if statement.negated_actions:
        yield _check_not_action(rule, granted, target)
    for item in () if statement.negated_actions else rule.actions:
        if item in judged.sound:
            yield from _check_action(item, granted, target, on_key=on_key)
    needs = [need for need in target.needs if rule.is_about(need.action)]
    if needs and statement.negated_resources:
        yield _check_not_resource(rule, needs, target)
    elif needs:
        sound = [item for item in rule.resources if item in judged.sound]
        yield from _find_broad(sound, needs, target)
        yield from _find_others(sound, target)
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
        yield Finding(item.line, EXCESS, problem, _choose_level_fix(item))
        return
    extra = sorted(own - set(needed))
    more = f"more than {target.level} needs" if keys else "what S3 Vectors may add to these"
    what = f"{join_actions(extra)}, which {target.level} does not need" if extra else more
    fix = f"name the actions: {quote_names(needed)}" if needed else "remove it"
    yield Finding(item.line, EXCESS, f'"{item}" allows {what}', fix)


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
    return Finding(rule.lines["NotAction"], EXCESS, problem, fix)


def _check_not_resource(rule: Rule, needs: Sequence[Need], target: Target) -> Finding:
    arns = dict.fromkeys(need.resource for need in needs if rule.can_cover(need.resource))
    than = f"more than {target.name_places(arns)}" if arns else "and no resource of this check"
    problem = f"NotResource covers everything except what it names, {than}"
    fix = f'write "Resource" with {quote_names(arns)}' if arns else "remove the statement"
    return Finding(rule.lines["NotResource"], EXCESS, problem, fix)


def _find_broad(items: Iterable[Text], needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find resources with wildcards."""
    for item in filter(is_wild, items):
        arns = dict.fromkeys(need.resource for need in needs if can_cover(item, need.resource))
        if arns:
            problem = f'"{item}" covers more than {target.name_places(arns)}'
            yield Finding(item.line, EXCESS, problem, f"write {quote_names(arns)}")
        elif get_service(item) == SERVICE and find_samples(item):
            problem = f'"{item}" covers no resource of this check'
            yield Finding(item.line, EXCESS, problem, "remove it")


def _find_others(items: Iterable[Text], target: Target) -> Iterator[Finding]:
    """Find other indexes of the bucket, and other buckets; one finding for each kind."""
    ours = [item for item in items if get_service(item) == SERVICE and not is_open(item)]
    others = [item for item in ours if item not in target.arns]
    within = f"{target.bucket_arn}/index/"
    inside = [item for item in others if item.startswith(within)]
    outside = [item for item in others if not item.startswith(within)]
    if inside:
        names = " ".join(f"--index {item.removeprefix(within)}" for item in inside)
        indexes = target.name_places(target.index_arns)
        problem = f"{quote_names(inside)} {_are(inside)} not {indexes}, which this check is for"
        yield Finding(inside[0].line, EXCESS, problem, f"remove that, or add {names}")
    if outside:
        problem = f"{quote_names(outside)} {_are(outside)} outside of bucket {target.bucket}"
        fix = "remove that, or check with another --bucket"
        yield Finding(outside[0].line, EXCESS, problem, fix)


def _are(items: Sequence[str]) -> str:
    return "is" if len(items) == 1 else "are"


def _find_direct_use(rule: Rule, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    other = target.host.replace(SERVICE, "s3", 1)
    for need in (need for need in needs if need.resource == target.key):
        context = {key: values for key, values in need.context.items() if key != VIA_SERVICE}
        ways = (context, {**context, VIA_SERVICE: [other]})
        if any(rule.evaluate(replace(need, context=way)) is not False for way in ways):
            problem = "the statement allows the key to be used outside S3 Vectors"
            fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.host}"}}}}'
            yield Finding(rule.line, EXCESS, problem, fix)
            return
