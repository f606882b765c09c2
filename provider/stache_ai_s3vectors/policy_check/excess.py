"""What a policy grants and nobody needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from stache_ai_s3vectors.permissions import LEVELS

from .actions import PREFIX, expanded
from .conditions import holds
from .findings import TOO_MUCH, Finding, actions_listed, quoted
from .patterns import covers, kinds, matches_action, variable, wild
from .resources import SERVICE, service_of
from .statements import Statement, Text
from .targets import Need, Target
from .vain import Judged, effective

_KMS: Final = "kms:"


def too_much(judged: Judged, target: Target) -> Iterator[Finding]:
    """What a statement allows beyond the level, and on more than was asked about."""
    statement = judged.about
    if not statement.allows or holds(statement, target) is False:
        return
    can = {PREFIX + name for name in effective(statement)}
    on_key = target.key is not None and statement.covers(target.key)
    if statement.actions.but and (can or on_key):
        yield _not_action(statement, can, target)
    for item in () if statement.actions.but else statement.actions.items:
        if item in judged.sound:
            yield from _action(item, can, target, on_key=on_key)
    needed = [need for need in target.needs if statement.names(need.action)]
    if not needed or not (can or on_key):
        return
    if statement.resources.but:
        yield _not_resource(statement, needed, target)
        return
    literally = [item for item in statement.resources.items if item in judged.sound]
    yield from _broad(literally, needed, target)
    yield from _others(literally, target)


def _action(item: Text, can: set[str], target: Target, *, on_key: bool) -> Iterator[Finding]:
    mine = {PREFIX + name for name in expanded(item.text)} & can
    keys = on_key and (item.text in ("*", "*:*") or item.text.lower().startswith(_KMS))
    needed = sorted({n.action for n in target.needs if matches_action(item.text, n.action)})
    if not (mine or keys) or (needed and not wild(item.text)):
        return
    if not wild(item.text):
        yield Finding(
            item.line, TOO_MUCH, f"{target.level} does not need {item.text}", _or(item.text)
        )
        return
    extra = sorted(mine - set(needed))
    more = f"more than {target.level} needs" if keys else "what S3 Vectors may add to these"
    what = f"{actions_listed(extra)}, which {target.level} does not need" if extra else more
    fix = f"name the actions: {quoted(needed)}" if needed else "remove it"
    yield Finding(item.line, TOO_MUCH, f'"{item.text}" lets in {what}', fix)


def _or(action: str) -> str:
    """To remove an action, unless a higher level was meant."""
    name = action.lower().removeprefix(PREFIX)
    levels = (
        level
        for level, has in LEVELS.items()
        if name in {known.lower() for known in (*has.index, *has.bucket)}
    )
    level = next(levels, None)
    return f"remove it, or check with --level {level}" if level else "remove it"


def _not_action(statement: Statement, can: set[str], target: Target) -> Finding:
    needed = sorted({n.action for n in target.needs if statement.names(n.action)})
    extra = sorted(can - set(needed))
    such = actions_listed(extra) if extra else "those of other services"
    problem = f"NotAction lets in all actions but those it names, such as {such}"
    fix = f'write "Action" with {quoted(needed)}' if needed else "remove the statement"
    return Finding(statement.actions.line, TOO_MUCH, problem, fix)


def _not_resource(statement: Statement, needed: Sequence[Need], target: Target) -> Finding:
    arns = dict.fromkeys(n.resource for n in needed if statement.covers(n.resource))
    than = f"more than {target.places(arns)}" if arns else "but nothing that was asked about"
    problem = f"NotResource covers all but what it names, {than}"
    fix = f'write "Resource" with {quoted(arns)}' if arns else "remove the statement"
    return Finding(statement.resources.line, TOO_MUCH, problem, fix)


def _broad(items: Iterable[Text], needed: Sequence[Need], target: Target) -> Iterator[Finding]:
    """Resources with wildcards."""
    for item in items:
        if not wild(item.text):
            continue
        arns = dict.fromkeys(n.resource for n in needed if covers(item.text, n.resource))
        if arns:
            problem = f'"{item.text}" covers more than {target.places(arns)}'
            yield Finding(item.line, TOO_MUCH, problem, f"write {quoted(arns)}")
        elif kinds(item.text) and service_of(item.text) == SERVICE:
            problem = f'"{item.text}" covers nothing that was asked about'
            yield Finding(item.line, TOO_MUCH, problem, "remove it")


def _others(items: Iterable[Text], target: Target) -> Iterator[Finding]:
    """Other indexes of the bucket, one finding for all; the same for other buckets."""
    asked = {target.bucket_arn, *target.index_arns}
    others = [
        item
        for item in items
        if service_of(item.text) == SERVICE and item.text not in asked and _literal(item.text)
    ]
    within = f"{target.bucket_arn}/index/"
    inside = [item for item in others if item.text.startswith(within)]
    outside = [item for item in others if not item.text.startswith(within)]
    if inside:
        names = " ".join(f"--index {item.text.removeprefix(within)}" for item in inside)
        are = "is" if len(inside) == 1 else "are"
        asked_about = target.places(target.index_arns)
        problem = f"{quoted(i.text for i in inside)} {are} beyond {asked_about}, asked about"
        yield Finding(inside[0].line, TOO_MUCH, problem, f"remove that, or check with {names}, too")
    if outside:
        are = "is" if len(outside) == 1 else "are"
        problem = f"{quoted(i.text for i in outside)} {are} outside of bucket {target.bucket}"
        fix = "remove that, or check with another --bucket"
        yield Finding(outside[0].line, TOO_MUCH, problem, fix)


def _literal(resource: str) -> bool:
    return not wild(resource) and variable(resource) is None
