"""Permissions that the level needs and the policies lack, and those beyond it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from s3vectors_local.iam import Need
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import SERVICE, can_cover, get_service, is_wild
from .findings import Finding, group, join_actions, quote_names
from .statements import WrittenStatement
from .targets import Target, expand_action


def find_missing(
    statements: Sequence[WrittenStatement], target: Target, line: int
) -> Iterator[Finding]:
    """Find what the level needs and no statement allows, and what a statement denies.

    Args:
        statements: of all policies that work together.
        target: level, bucket and indexes.
        line: of what no statement allows.
    """
    # What has the same cause becomes one finding, with WHAT and ARNS in its sentences
    causes = ((cause, n) for n in target.needs for cause in _find_causes(n, statements, line))
    arns = group(((cause, need.action), need.resource) for cause, need in causes)
    places = group(((cause, tuple(on)), action) for (cause, action), on in arns.items())
    for (cause, on), actions in places.items():
        what = f"{join_actions(actions)} on {target.name_places(on)}"
        fix = cause.fix.replace("ARNS", quote_names(on), 1)
        yield replace(cause, problem=cause.problem.replace("WHAT", what, 1), fix=fix)


def _find_causes(
    need: Need, statements: Sequence[WrittenStatement], line: int
) -> Iterator[Finding]:
    deny = [
        statement
        for statement in statements
        if not statement.allows and statement.evaluate(need) is not False
    ]
    if deny:
        yield _explain_denial(
            need, min(deny, key=lambda statement: statement.evaluate(need) is None)
        )
    allow = [statement for statement in statements if statement.allows]
    if not any(statement.evaluate(need) for statement in allow):
        yield _explain_gap(need, allow, line)


def _explain_denial(need: Need, statement: WrittenStatement) -> Finding:
    answer = statement.evaluate(need)
    line, when = (statement.line, "") if answer else statement.explain_doubt(need)
    fix = "remove the denied actions from its Action"
    if statement.negated_actions:
        fix = "add the denied actions to its NotAction"
    narrower = "make its Resource narrower"
    if statement.negated_resources:
        narrower = "add ARNS to its NotResource"
    fix += f" or {narrower}" if answer else ", or add a condition"
    return statement.report(line, "denied", f"this statement denies WHAT {when}".rstrip(), fix)


def _explain_gap(need: Need, statements: Sequence[WrittenStatement], line: int) -> Finding:
    about = [statement for statement in statements if statement.match(need) is not False]
    if about:
        # A condition of which nothing is known is nearer than one that does not hold
        statement = min(about, key=lambda statement: statement.evaluate(need) is False)
        at, when = statement.explain_doubt(need)
        problem = f"a statement allows WHAT only {when}"
        return statement.report(at, "missing", problem, "allow it without that on ARNS")
    service = get_service(need.resource)
    for statement in (statement for statement in statements if statement.is_about(need.action)):
        if not statement.negated_resources and service in map(get_service, statement.resources):
            problem = "no statement allows WHAT; this one covers only other resources"
            return statement.report(statement.line, "missing", problem, "add ARNS to its Resource")
    return Finding(line, "missing", "no statement allows WHAT", "allow it on ARNS")


def find_excess(statement: WrittenStatement, target: Target) -> Iterator[Finding]:
    """Find actions beyond the level, and resources beyond the target."""
    if not statement.allows:
        return
    reached = statement.list_reached(target)
    needs = [need for need in target.needs if reached and statement.is_about(need.action)]
    if not statement.negated_actions:
        yield from _find_excess_actions(statement, reached, target)
    elif reached:
        yield _report_negated(
            statement, "Action", statement.actions, [need.action for need in needs]
        )
    if not statement.negated_resources:
        yield from _find_excess_resources(statement, needs, target)
    elif needs:
        arns = [need.resource for need in needs if statement.match(need) is not False]
        yield _report_negated(statement, "Resource", statement.resources, arns)
    yield from _find_direct_use(statement, needs, target)


def _report_negated(
    statement: WrittenStatement, part: str, items: Sequence[Text], needed: Iterable[str]
) -> Finding:
    texts = dict.fromkeys(needed)
    fix = f'write "{part}" with {quote_names(texts)}' if texts else "remove the statement"
    problem = f"Not{part} covers everything except what it names"
    return statement.report(items[0].line, "excess", problem, fix)


def _find_excess_actions(
    statement: WrittenStatement, reached: set[str], target: Target
) -> Iterator[Finding]:
    scope = f"what {target.level} needs"
    for item in statement.actions:
        levels = [name for name in LEVELS if replace(target, level=name).list_needed(item)]
        other = f", or check with --level {levels[0]}" if levels else ""
        named = expand_action(item) and not is_wild(item)
        if named or any(matches_action(item, action) for action in reached):
            yield from _check_scope(statement, item, target.list_needed(item), scope, other)


def _find_excess_resources(
    statement: WrittenStatement, needs: Sequence[Need], target: Target
) -> Iterator[Finding]:
    other = ", or check with another --bucket or --index"
    for item in statement.resources if needs else ():
        arns = dict.fromkeys(need.resource for need in needs if can_cover(item, need.resource))
        if item not in target.arns and (arns or get_service(item) == SERVICE):
            scope = target.name_places(arns or target.arns)
            yield from _check_scope(statement, item, arns, scope, other)


def _check_scope(
    statement: WrittenStatement, item: Text, needed: Collection[str], scope: str, other: str
) -> Iterator[Finding]:
    """Find a text that covers more than what is needed, or nothing of it."""
    if not needed:
        yield statement.report(
            item.line, "excess", f'"{item}" is beyond {scope}', f"remove it{other}"
        )
    elif is_wild(item):
        problem, fix = f'"{item}" covers more than {scope}', f"write {quote_names(needed)}"
        yield statement.report(item.line, "excess", problem, fix)


def _find_direct_use(
    statement: WrittenStatement, needs: Sequence[Need], target: Target
) -> Iterator[Finding]:
    """Find a key that the caller can use itself, or through another service."""
    of_key = [need for need in needs if need.resource == target.key]
    uses = [use for need in of_key for use in target.list_direct_uses(need)]
    if any(statement.evaluate(use) is not False for use in uses):
        problem = "the statement allows the key to be used outside S3 Vectors"
        fix = f'add the Condition {{"StringEquals": {{"kms:ViaService": "{target.via_service}"}}}}'
        yield statement.report(statement.line, "excess", problem, fix)
