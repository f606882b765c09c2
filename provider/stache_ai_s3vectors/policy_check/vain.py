"""What of a statement can never match, and the statement as it was meant. Pure.

A fault is told once: what follows from it, such as an action that is not allowed because its
name is misspelled, is judged on what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .actions import BUCKET, INDEX, ON, PREFIX, expanded
from .conditions import key_fault, operator_fault
from .findings import NEVER, Finding, actions_listed, quoted
from .names import judge_actions
from .patterns import covers, kinds, matches_action, wild
from .resources import SERVICE, elsewhere, fault, of_service, service_of
from .statements import Patterns, Statement, Text
from .targets import Target


@dataclass(frozen=True)
class Judged:
    """What was found out of a statement.

    Args:
        statement: as it is.
        about: as it was meant.
        sound: what of its actions and resources can match as it is.
        lost: ARNs that it does not name, and that actions in it are authorized on.
        findings: what can never match.
    """

    statement: Statement
    about: Statement
    sound: frozenset[Text]
    lost: tuple[str, ...]
    findings: tuple[Finding, ...]

    def decides(self) -> Statement | None:
        """What to decide by: an Allow as it was meant; a Deny as it is, if it can be told."""
        if not self.about.allows:
            told = self.about.conditions == self.statement.conditions
            return self.statement if told else None
        resources = self.about.resources
        more = tuple(Text(self.about.line, arn) for arn in self.lost)
        return replace(self.about, resources=replace(resources, items=(*resources.items, *more)))


def judge(statement: Statement, target: Target) -> Judged:
    """Find what can never match in a statement."""
    actions, faults = judge_actions(statement, target)
    about = replace(statement, actions=actions)
    items = frozenset((*statement.actions.items, *statement.resources.items))
    if not ours(about):
        return Judged(statement, about, items, (), tuple(faults))
    resources, wrong = _resources(about, target)
    about = replace(about, resources=resources)
    lost = _lost(about)
    told = _together(about, lost, target, quiet=bool(wrong))
    about, conditions = _conditions(about)
    return Judged(
        statement,
        about,
        sound=items & {*actions.items, *resources.items} - {i for g in lost.values() for i in g},
        lost=tuple(arn for on in lost for arn in _arns(on, target)),
        findings=(*faults, *wrong, *told, *conditions),
    )


def ours(statement: Statement) -> bool:
    """Whether a statement can be about actions of S3 Vectors."""
    return statement.actions.but or any(expanded(item.text) for item in statement.actions.items)


def effective(statement: Statement) -> tuple[str, ...]:
    """The actions of S3 Vectors, without their prefix, that its resources let it be about."""
    have, everything = _reach(statement.resources)
    return tuple(
        name
        for name in sorted(ON)
        if statement.names(PREFIX + name) and (ON[name] & have or (not ON[name] and everything))
    )


def _reach(resources: Patterns) -> tuple[frozenset[str], bool]:
    """The kinds of resources that are meant, and whether "*" is, which stands for none."""
    everything = any(item.text == "*" for item in resources.items)
    if resources.but:
        return frozenset() if everything else frozenset({BUCKET, INDEX}), not everything
    return frozenset().union(*(kinds(item.text) for item in resources.items)), everything


def _resources(statement: Statement, target: Target) -> tuple[Patterns, list[Finding]]:
    """The resources of a statement as they were meant, and what is wrong with them."""
    items: list[Text] = []
    findings = []
    for item in statement.resources.items:
        found = _resource_fault(item, statement, target)
        if found is None:
            items.append(item)
            continue
        finding, meant = found
        arns = _right(statement, meant, target)
        if arns:
            finding = replace(finding, fix=f"write {quoted(arns)}")
        findings.append(finding)
        # What cannot be told is no reason to call anything missing
        items += [Text(item.line, arn) for arn in arns or (meant or "*",)]
    if statement.resources.but:  # as long as it excepts nothing, more is allowed, or denied
        return statement.resources, findings
    return replace(statement.resources, items=tuple(items)), findings


def _resource_fault(
    item: Text, statement: Statement, target: Target
) -> tuple[Finding, str | None] | None:
    """What is wrong with a resource if it is to be one of S3 Vectors, and what was meant."""
    negated = statement.actions.but or statement.resources.but
    alone = not negated and all(_own(action) for action in statement.actions.items)
    if not alone and not of_service(service_of(item.text)):
        return None
    found = fault(item, target)
    if found or not statement.allows or statement.resources.but:
        return found
    moved = elsewhere(item, target)
    # Beside the right one it is no slip, but a grant of its own
    beside = moved and any(moved[1] == other.text for other in statement.resources.items)
    return None if beside else moved


def _right(statement: Statement, meant: str | None, target: Target) -> tuple[str, ...]:
    """What to write when the next best would be too broad, or of the wrong kind."""
    if meant is None or not statement.allows or statement.actions.but or statement.resources.but:
        return ()
    names = {name for item in statement.actions.items for name in expanded(item.text)}
    on = frozenset().union(*(ON[name] for name in names))
    if not kinds(meant) & on:
        return _arns(on, target)
    return tuple(arn for arn in _arns(on, target) if wild(meant) and covers(meant, arn))


def _own(item: Text) -> bool:
    return item.text.lower().startswith(PREFIX)


def _lost(statement: Statement) -> dict[frozenset[str], list[Text]]:
    """Actions whose kind of resource the statement does not name, by these kinds."""
    if statement.actions.but or statement.resources.but:
        return {}
    can = set(effective(statement))
    groups: dict[frozenset[str], list[Text]] = {}
    for item in filter(_own, statement.actions.items):
        names = expanded(item.text)
        if not can & set(names):
            groups.setdefault(frozenset().union(*(ON[name] for name in names)), []).append(item)
    return groups


def _together(
    statement: Statement,
    lost: Mapping[frozenset[str], Sequence[Text]],
    target: Target,
    *,
    quiet: bool,
) -> list[Finding]:
    """Actions and resources that do not go together; `quiet`: the resources are wrong anyhow."""
    if lost and sum(map(len, lost.values())) == len(statement.actions.items):
        # Nothing goes together: one resource is more likely wrong than all the actions
        line = statement.resources.items[0].line
        return (
            []
            if quiet
            else [
                Finding(line, NEVER, *_mismatch(statement, on, group, target))
                for on, group in lost.items()
            ]
        )
    found = [
        Finding(group[0].line, NEVER, *_mismatch(statement, on, group, target))
        for on, group in lost.items()
    ]
    return [*found, *_idle(statement)]


def _mismatch(
    statement: Statement, on: frozenset[str], items: Sequence[Text], target: Target
) -> tuple[str, str]:
    """Problem and fix of actions for which the statement names no resource."""
    are = "is" if len(items) == 1 else "are"
    problem = f"{actions_listed(item.text for item in items)} {are} authorized on "
    problem += f"{_a(on)}, and the statement names none" if on else 'no resource, only on "*"'
    wanted = any(matches_action(i.text, n.action) for n in target.needs for i in items)
    if statement.allows and not wanted:
        return problem, f"remove what {target.level} does not need"
    right = quoted(_arns(on, target) or ("*",))
    if len(items) == len(statement.actions.items):
        return problem, f"write the Resource {right}"
    return problem, f"write a statement of its own with the Resource {right}"


def _idle(statement: Statement) -> Iterator[Finding]:
    """Resources that no action of the statement is authorized on."""
    if statement.actions.but or statement.resources.but:
        return
    names = {name for item in statement.actions.items for name in expanded(item.text)}
    for item in statement.resources.items:
        have = kinds(item.text) if service_of(item.text) == SERVICE else frozenset()
        if have and not any(ON[name] & have for name in names):
            problem = f'"{item.text}" is {_a(have)}, and no action of the statement is about one'
            yield Finding(item.line, NEVER, problem, "remove it")


def _arns(on: frozenset[str], target: Target) -> tuple[str, ...]:
    if INDEX in on:
        return target.index_arns
    return (target.bucket_arn,) if on else ()


def _a(on: frozenset[str]) -> str:
    return " or ".join({BUCKET: "a vector bucket", INDEX: "an index"}[kind] for kind in sorted(on))


def _conditions(statement: Statement) -> tuple[Statement, list[Finding]]:
    can = effective(statement)
    sound, findings = [], []
    for condition in statement.conditions:
        found = (operator_fault(condition) or key_fault(condition, can)) if can else None
        if found:
            findings.append(Finding(condition.line, NEVER, *found))
        else:
            sound.append(condition)
    return replace(statement, conditions=tuple(sound)), findings
