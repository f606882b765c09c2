"""What the level needs and a policy does not allow, or denies. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .conditions import holds, open_condition
from .findings import DENIED, MISSING, Finding, actions_listed, quoted
from .patterns import covers, variable
from .resources import service_of
from .statements import Statement, Text
from .targets import Need, Target


@dataclass(frozen=True)
class _Cause:
    """Why something is not allowed; what has the same cause becomes one finding.

    `problem` has places for the actions and where they are needed, `fix` for the ARNs.
    """

    line: int
    kind: str
    problem: str
    fix: str


def lacking(statements: Sequence[Statement], target: Target) -> Iterator[Finding]:
    """What statements, as they were meant, leave of the level.

    Told apart are what no statement allows and what one denies: both have to be mended.
    """
    allow = [statement for statement in statements if statement.allows]
    deny = [statement for statement in statements if not statement.allows]
    causes: dict[_Cause, list[Need]] = {}
    for need in target.needs:
        for cause in (_denied(need, deny, target), _missing(need, allow, target)):
            if cause:
                causes.setdefault(cause, []).append(need)
    for cause, needs in causes.items():
        yield from _findings(cause, needs, target)


def _findings(cause: _Cause, needs: Sequence[Need], target: Target) -> Iterator[Finding]:
    """One for all actions that lack on the same resources."""
    by_action: dict[str, list[str]] = {}
    for need in needs:
        by_action.setdefault(need.action, []).append(need.resource)
    by_resources: dict[tuple[str, ...], list[str]] = {}
    for action, resources in by_action.items():
        by_resources.setdefault(tuple(resources), []).append(action)
    for arns, actions in by_resources.items():
        what = f"{actions_listed(actions)} on {target.places(arns)}"
        yield Finding(
            cause.line,
            cause.kind,
            cause.problem.replace("WHAT", what, 1),
            cause.fix.replace("ARNS", quoted(arns), 1),
        )


def _denied(need: Need, statements: Sequence[Statement], target: Target) -> _Cause | None:
    answers = [(_applies(statement, need, target), statement) for statement in statements]
    sure = [statement for answer, statement in answers if answer]
    if sure:
        out = "name that in its NotAction" if sure[0].actions.but else "take that out of its Action"
        fix = f"{out} or make its Resource narrower"
        return _Cause(sure[0].line, DENIED, "this statement denies WHAT", fix)
    unsure = [statement for answer, statement in answers if answer is None]
    if unsure:
        line, when = _when(unsure[0], need, target)
        fix = "take that out of the statement, or add a condition that never holds for Stache"
        return _Cause(line, DENIED, f"this statement denies WHAT {when}", fix)
    return None


def _missing(need: Need, statements: Sequence[Statement], target: Target) -> _Cause | None:
    answers = [_applies(statement, need, target) for statement in statements]
    if True in answers:
        return None
    about = [s for s in statements if s.names(need.action) and _covers(s, need) is not False]
    # Rather a condition of which nothing is known than one that does not hold
    about.sort(key=lambda s: holds(s, target, need.action) is False)
    if about:
        line, when = _when(about[0], need, target)
        fix = "allow it without that on ARNS"
        return _Cause(line, MISSING, f"only {when}, does a statement allow WHAT", fix)
    service = service_of(need.resource)
    for statement in statements:
        items = statement.resources.items
        if statement.names(need.action) and any(service_of(i.text) == service for i in items):
            problem = "no statement allows WHAT, this one only on other resources"
            return _Cause(statement.line, MISSING, problem, "add ARNS to its Resource")
    beside = [n for n in target.needs if n.resource == need.resource]
    for statement in statements:
        if any(_applies(statement, other, target) for other in beside):
            fix = f"add it to the Action of the statement on line {statement.line}"
            return _Cause(1, MISSING, "no statement allows WHAT", fix)
    return _Cause(1, MISSING, "no statement allows WHAT", "add one with the Resource ARNS")


def _applies(statement: Statement, need: Need, target: Target) -> bool | None:
    """Whether a statement is about what is needed; None: that depends."""
    if not statement.names(need.action):
        return False
    answers = (_covers(statement, need), holds(statement, target, need.action))
    if False in answers:
        return False
    return None if None in answers else True


def _covers(statement: Statement, need: Need) -> bool | None:
    """Whether it is about the resource; None: that depends on a policy variable."""
    found = [item for item in statement.resources.items if covers(item.text, need.resource)]
    if any(variable(item.text) is None for item in found):
        return not statement.resources.but
    return None if found else statement.resources.but


def _when(statement: Statement, need: Need, target: Target) -> tuple[int, str]:
    """What it depends on whether a statement applies, and the line of it."""
    answer = holds(statement, target, need.action)
    if answer is True:
        item = _variable_item(statement, need)
        return item.line, f'where {variable(item.text)} in "{item.text}" makes it so'
    condition = open_condition(statement, target, need.action)
    known = "which does not" if answer is False else "which is not known here"
    values = " or ".join(f'"{value}"' for value in condition.values)
    return condition.line, f"if {condition.operator} {condition.key} {values} holds, {known}"


def _variable_item(statement: Statement, need: Need) -> Text:
    items = statement.resources.items
    return next(i for i in items if variable(i.text) and covers(i.text, need.resource))
