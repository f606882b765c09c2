"""What can never match in a statement, and what the statement means. Pure.

A fault is reported once. What follows from it, for example an action that is missing because its
name is misspelled, is judged on what the statement means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.tool.policy_files.source import Text

from .findings import INEFFECTIVE, MALFORMED, Finding, join_actions, quote_names
from .resources import (
    SERVICE,
    can_cover,
    find_fault,
    find_misplacement,
    find_samples,
    get_service,
    is_like_service,
    is_wild,
)
from .rules import Rule
from .service import BUCKET, INDEX, PREFIX, expand_action, guess_action, list_actions
from .targets import Target

_KINDS = {BUCKET: "a vector bucket", INDEX: "an index"}


@dataclass(frozen=True)
class StatementCheck:
    """A statement and what it means.

    Args:
        rule: what the statement means.
        deciding: what decides whether something is missing: an Allow as it is meant, with the
            resources that it lacks; a Deny as it is written.
        sound: its actions and resources that can match as they are written.
        findings: what can never match.
    """

    rule: Rule
    deciding: Rule
    sound: frozenset[Text]
    findings: tuple[Finding, ...]


def check_statement(written: Rule, target: Target) -> StatementCheck:
    """Find what can never match in a statement."""
    rule, findings = _repair_actions(written, target)
    lost: dict[frozenset[str], list[Text]] = {}
    if rule.names_service:
        rule, faults = _repair_resources(rule, target)
        lost = _find_lost(rule, target)
        findings += [*faults, *_check_pairs(rule, lost, target, quiet=bool(faults))]
        rule, faults = _repair_conditions(rule, target)
        findings += faults
    sound = {*written.actions, *written.resources} & {*rule.actions, *rule.resources}
    return StatementCheck(
        rule,
        _choose_deciding(
            written, rule, [arn for kinds in lost for arn in _list_arns(kinds, target)]
        ),
        frozenset(sound) - {item for group in lost.values() for item in group},
        tuple(replace(finding, statement=written.name) for finding in findings),
    )


def _choose_deciding(written: Rule, meaning: Rule, added: list[str]) -> Rule:
    if not written.allows:
        return written
    return meaning.replace_members(
        resources=(*meaning.resources, *(Text(arn, meaning.line) for arn in added))
    )


def _repair_actions(rule: Rule, target: Target) -> tuple[Rule, list[Finding]]:
    items, findings = [], []
    for item in rule.actions:
        fault = _find_action_fault(item)
        if fault is None:
            items.append(item)
            continue
        kind, problem, right = fault
        fix = "remove it"
        if right:
            items.append(Text(right, item.line))
            needed = any(matches_action(right, need.action) for need in target.needs)
            keep = needed or not rule.allows or rule.statement.negated_actions
            fix = f'write "{right}"' if keep else f"remove it: {target.level} needs no {right}"
        findings.append(Finding(item.line, kind, f'"{item}" {problem}', fix))
    # A NotAction that excepts nothing allows, or denies, more
    keep = rule.statement.negated_actions
    return rule if keep else rule.replace_members(actions=tuple(items)), findings


def _find_action_fault(pattern: str) -> tuple[str, str, str | None] | None:
    """The kind of the fault, the problem, and what the pattern means."""
    service, colon, name = pattern.partition(":")
    right = guess_action(name if colon else pattern)
    ours = service.lower() == SERVICE
    if pattern in ("*", "*:*") or (ours and expand_action(pattern)):
        return None
    if not colon:
        return MALFORMED, 'is neither "*" nor SERVICE:ACTION', right
    if is_wild(service) and matches_action(service, SERVICE):
        return MALFORMED, "has a wildcard in its service, and IAM takes none there", right
    if ours:
        meaning = f"; it means {right}" if right else ""
        return INEFFECTIVE, f"is not an action of S3 Vectors{meaning}", right
    if is_like_service(service) or (service.lower() == "s3" and _is_only_ours(name)):
        return INEFFECTIVE, f'has the service "{service}", expected "{SERVICE}"', right
    return None


def _is_only_ours(name: str) -> bool:
    """Whether an action of Amazon S3 is one of S3 Vectors; the actions on tags are in both."""
    names = expand_action(PREFIX + name) if name != "*" else ()
    shared = any(len(list_actions()[known].kinds) > 1 for known in names)
    return "vector" in name.lower() or (not is_wild(name) and bool(names) and not shared)


def _repair_resources(rule: Rule, target: Target) -> tuple[Rule, list[Finding]]:
    items: list[Text] = []
    findings = []
    for item in rule.resources:
        fault = _find_resource_fault(item, rule, target)
        if fault is None:
            items.append(item)
            continue
        finding, meaning = fault
        arns = _choose_arns(rule, meaning, target)
        findings.append(replace(finding, fix=f"write {quote_names(arns)}") if arns else finding)
        # Nothing is reported as missing because a resource cannot be guessed
        items += [Text(arn, item.line) for arn in arns or (meaning or "*",)]
    # A NotResource that excepts nothing allows, or denies, more
    keep = rule.statement.negated_resources
    return rule if keep else rule.replace_members(resources=tuple(items)), findings


def _find_resource_fault(
    item: Text, rule: Rule, target: Target
) -> tuple[Finding, str | None] | None:
    """What is wrong with a resource that should be of S3 Vectors, and what it means."""
    alone = not rule.is_negated and all(map(_is_own, rule.actions))
    if not alone and not is_like_service(get_service(item)):
        return None
    fault = find_fault(item, target)
    if fault or not rule.allows or rule.statement.negated_resources:
        return fault
    misplacement = find_misplacement(item, target)
    # Next to the right ARN it is a grant of its own, not a slip
    return None if misplacement and misplacement[1] in rule.resources else misplacement


def _choose_arns(rule: Rule, meaning: str | None, target: Target) -> tuple[str, ...]:
    """What to write if the guess is too broad, or of the wrong kind."""
    if meaning is None or not rule.allows or rule.is_negated:
        return ()
    kinds = _list_kinds(rule.actions)
    if not kinds & find_samples(meaning).keys():
        return _list_arns(kinds, target)
    return tuple(
        arn for arn in _list_arns(kinds, target) if is_wild(meaning) and can_cover(meaning, arn)
    )


def _is_own(action: str) -> bool:
    return action.lower().startswith(PREFIX)


def _list_kinds(actions: Sequence[str]) -> frozenset[str]:
    """The kinds of resources that actions are authorized on."""
    names = [name for item in actions for name in expand_action(item)]
    return frozenset().union(*(list_actions()[name].kinds for name in names))


def _find_lost(rule: Rule, target: Target) -> dict[frozenset[str], list[Text]]:
    """Find actions for which the statement names no resource of their kinds; by these kinds."""
    groups: dict[frozenset[str], list[Text]] = {}
    reach = set(rule.list_reached(target))
    for item in () if rule.is_negated else filter(_is_own, rule.actions):
        if not reach & set(expand_action(item)):
            groups.setdefault(_list_kinds([item]), []).append(item)
    return groups


def _check_pairs(
    rule: Rule, lost: Mapping[frozenset[str], Sequence[Text]], target: Target, *, quiet: bool
) -> list[Finding]:
    """Report actions and resources that do not fit; `quiet`: the resources are reported already."""
    nothing = bool(lost) and sum(map(len, lost.values())) == len(rule.actions)
    if nothing and quiet:
        return []
    # Where nothing goes together, one resource is more likely wrong than all the actions
    findings = [
        Finding(
            rule.resources[0].line if nothing else group[0].line,
            INEFFECTIVE,
            *_explain_mismatch(rule, kinds, group, target),
        )
        for kinds, group in lost.items()
    ]
    return findings if nothing or rule.is_negated else [*findings, *_find_idle(rule)]


def _explain_mismatch(
    rule: Rule, kinds: frozenset[str], items: Sequence[Text], target: Target
) -> tuple[str, str]:
    """The problem and the fix of actions for which the statement names no resource."""
    problem = f"{join_actions(items)} {'is' if len(items) == 1 else 'are'} authorized on "
    problem += f"{_name_kinds(kinds)}, and the statement names none" if kinds else 'only "*"'
    needed = any(matches_action(item, need.action) for need in target.needs for item in items)
    if rule.allows and not needed:
        return problem, f"remove what {target.level} does not need"
    right = quote_names(_list_arns(kinds, target) or ("*",))
    if len(items) == len(rule.actions):
        return problem, f"write the Resource {right}"
    return problem, f"write a statement of its own with the Resource {right}"


def _find_idle(rule: Rule) -> Iterator[Finding]:
    """Find resources that no action of the statement is authorized on."""
    for item in rule.resources:
        kinds = frozenset(find_samples(item) if get_service(item) == SERVICE else ())
        if kinds and not kinds & _list_kinds(rule.actions):
            problem = f'"{item}" is {_name_kinds(kinds)}, and no action of the statement uses one'
            yield Finding(item.line, INEFFECTIVE, problem, "remove it")


def _list_arns(kinds: frozenset[str], target: Target) -> tuple[str, ...]:
    if INDEX in kinds:
        return target.index_arns
    return (target.bucket_arn,) if kinds else ()


def _name_kinds(kinds: frozenset[str]) -> str:
    return " or ".join(_KINDS[kind] for kind in sorted(kinds))


def _repair_conditions(rule: Rule, target: Target) -> tuple[Rule, list[Finding]]:
    """Remove the conditions on keys that no request has."""
    names = rule.list_reached(target)
    dead = [condition for condition in rule.conditions if condition.is_dead(names)]
    problem = f"no request of {join_actions(PREFIX + name for name in names or '?')} has"
    findings = [
        Finding(
            c.key.line, INEFFECTIVE, f'{problem} the key "{c.key}"', "remove it, or use another"
        )
        for c in dead
    ]
    return replace(rule, conditions=tuple(c for c in rule.conditions if c not in dead)), findings
