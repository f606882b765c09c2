"""What can never match in a statement, and the statement with that corrected. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import (
    BUCKET,
    INDEX,
    SERVICE,
    explain_resource,
    find_kinds,
    find_variable,
    get_service,
    is_like_service,
    is_wild,
)
from .findings import Finding, group, join_actions, quote_names
from .statements import Rule
from .targets import PREFIX, Target, expand_action, list_actions

Correction: TypeAlias = "tuple[Finding | None, Sequence[str]]"
"""A finding about a text, and what to write instead of the text."""

_KINDS: Final = {BUCKET: "a vector bucket", INDEX: "an index"}
_MEANINGS: Final = {
    "^(Add|Insert|Save|Set|Store|Upload|Upsert|Write)(?=[A-Z])": "Put",
    "^(BatchGet|Describe|Fetch|Head|Read|Retrieve)(?=[A-Z])": "Get",
    "^(Query|Find|Search)[A-Z].*": "QueryVectors",
    "^(Destroy|Drop|Erase|Purge|Remove)(?=[A-Z])": "Delete",
    "^(Make|New)(?=[A-Z])": "Create",
    "^(Enumerate|Scan|Show)(?=[A-Z])": "List",
    "^(Alter|Change|Modify)(?=[A-Z])": "Update",
    "Vector(?=Ind)": "",
}
"""What other services and databases call the actions of S3 Vectors."""


def correct(rule: Rule, target: Target) -> tuple[list[Finding], list[Rule]]:
    """Find what can never match in a statement about S3 Vectors, and correct it.

    The other checks take the corrected statements, so they do not report what follows from a fault.
    """
    ours = (expand_action(item) or _explain_action(item) for item in rule.actions)
    if not (rule.negated_actions or any(ours)):
        return [], [rule]
    findings: list[Finding] = []
    for part, check in (("actions", _check_action), ("resources", _check_resource)):
        checked = [(item, *check(item, rule, target)) for item in getattr(rule, part)]
        findings += [finding for _, finding, _ in checked if finding]
        texts = tuple(Text(text, item.line) for item, _, texts in checked for text in texts)
        corrected: dict[str, Any] = {part: texts}
        if not getattr(rule, f"negated_{part}"):
            rule = replace(rule, **corrected)
    dead, rule = _correct_conditions(rule, target)
    idle, rules = _correct_kinds(rule, target)
    return findings + dead + idle, rules


def _check_action(item: Text, rule: Rule, target: Target) -> Correction:
    fault, right = _explain_action(item), _guess_action(item)
    if fault is None:
        return None, [item]
    fix, texts = (f'write "{right}"', [right]) if right else ("remove it", [])
    if right and rule.allows and not (rule.negated_actions or target.list_needed(right)):
        fix, texts = f"remove it: {target.level} needs no {right}", []
    return rule.report(item.line, fault[0], f'"{item}" {fault[1]}', fix), texts


def _explain_action(pattern: str) -> tuple[str, str] | None:
    """Why an action can match nothing: the kind of the fault, and the problem."""
    service, colon, name = pattern.partition(":")
    ours, right = service.lower() == SERVICE, _guess_action(pattern)
    if pattern in ("*", "*:*") or (ours and expand_action(pattern)):
        return None
    if not colon:
        return "malformed", 'is neither "*" nor SERVICE:ACTION'
    if is_wild(service) and matches_action(service, SERVICE):
        return "malformed", "has a wildcard in its service, and IAM takes none there"
    if ours:
        meaning = f"; it means {right}" if right else ""
        return "ineffective", f"is not an action of S3 Vectors{meaning}"
    s3 = service.lower() == "s3" and re.search("vector|index", name, re.IGNORECASE)
    if s3 or is_like_service(service):
        return "ineffective", f'has the service "{service}", expected "{SERVICE}"'
    return None


def _guess_action(pattern: str) -> str | None:
    """The action, with its prefix, that a wrong one means."""
    name = pattern.rpartition(":")[2]
    if expand_action(PREFIX + name):
        return PREFIX + name
    for other, ours in _MEANINGS.items():
        name = re.sub(other, ours, name)
    by_lower = {known.removeprefix(PREFIX).lower(): known for known in list_actions()}
    near = get_close_matches(name.lower(), by_lower, 1, cutoff=0.75)
    return by_lower[near[0]] if near else None


def _check_resource(item: Text, rule: Rule, target: Target) -> Correction:
    own = not rule.is_negated and all(text.lower().startswith(PREFIX) for text in rule.actions)
    fault = explain_resource(item) or _explain_place(item, rule, target)
    if fault is None or not (own or is_like_service(get_service(item))):
        return None, [item]
    kinds, name = _list_kinds(rule.actions), re.split("[:/]", item.lower())[-1]
    alike = [arn for arn in target.arns if arn.endswith(f"/{name}")]
    fitting = [arn for arn in alike if not kinds or find_kinds(arn) & kinds]
    arns = fitting or target.list_arns(kinds) or target.arns
    fix = f"write {quote_names(arns)}"
    return rule.report(item.line, fault[0], f'"{item}" {fault[1]}', fix), arns


def _explain_place(item: Text, rule: Rule, target: Target) -> tuple[str, str] | None:
    """The same of the ARN of another place; next to the right one it is a grant of its own."""
    path = item.rpartition(":")[2]
    arns = [arn for arn in target.arns if arn.endswith(f":{path}")]
    grants = rule.allows and not rule.negated_resources
    if not (grants and arns) or is_wild(item) or find_variable(item) or arns[0] in rule.resources:
        return None
    place = f'the partition, region and account of "{target.bucket_arn}"'
    return "ineffective", f"is not in {place}"


def _correct_conditions(rule: Rule, target: Target) -> tuple[list[Finding], Rule]:
    actions = rule.list_reached(target) if rule.written else ()
    dead = [condition for condition in rule.written if condition.is_dead(actions)]
    findings = []
    for condition in dead:
        problem = f'no request of {join_actions(actions)} has the key "{condition.key}"'
        fix = "remove it, or use another"
        findings.append(rule.report(condition.key.line, "ineffective", problem, fix))
    live = tuple(condition for condition in rule.written if condition not in dead)
    return findings, replace(rule, written=live)


def _correct_kinds(rule: Rule, target: Target) -> tuple[list[Finding], list[Rule]]:
    """Find actions, and resources, with which alone the statement reaches nothing."""
    if rule.is_negated or not any(map(expand_action, rule.actions)):
        return [], [rule]
    ours = [item for item in rule.actions if item.lower().startswith(PREFIX)]
    idle = [i for i in ours if not replace(rule, actions=(i,)).list_reached(target)]
    # Where nothing goes together, one resource is more likely wrong than all the actions
    nothing = len(idle) == len(rule.actions)
    findings: list[Finding] = []
    own: list[Rule] = []
    for kinds, items in group((_list_kinds([item]), item) for item in idle).items():
        line = rule.resources[0].line if nothing else items[0].line
        problem, fix, arns = _explain_mismatch(rule, kinds, items, target)
        findings.append(rule.report(line, "ineffective", problem, fix))
        resources = tuple(Text(arn, line) for arn in arns)
        own.append(replace(rule, actions=tuple(items), resources=resources))
    named = [item for item in rule.resources if find_kinds(item) and not nothing]
    useless = [i for i in named if not replace(rule, resources=(i,)).list_reached(target)]
    for item in useless:
        what = f"{_name_kinds(find_kinds(item))}, and no action of the statement uses one"
        findings.append(rule.report(item.line, "ineffective", f'"{item}" is {what}', "remove it"))
    resources = tuple(item for item in rule.resources if item not in useless)
    return findings, [replace(rule, resources=resources), *own]


def _explain_mismatch(
    rule: Rule, kinds: frozenset[str], items: Sequence[Text], target: Target
) -> tuple[str, str, tuple[str, ...]]:
    """The problem and the fix of actions for which a statement names no resource, and theirs."""
    problem = f"{join_actions(items)} {'is' if len(items) == 1 else 'are'} authorized on "
    problem += f"{_name_kinds(kinds)}, and the statement names none" if kinds else 'only "*"'
    if rule.allows and not any(map(target.list_needed, items)):
        return problem, f"remove what {target.level} does not need", ()
    arns = target.list_arns(kinds) or ("*",)
    where = "the" if len(items) == len(rule.actions) else "a statement of its own with the"
    return problem, f"write {where} Resource {quote_names(arns)}", arns


def _name_kinds(kinds: Iterable[str]) -> str:
    return " or ".join(_KINDS[kind] for kind in sorted(kinds))


def _list_kinds(actions: Iterable[str]) -> frozenset[str]:
    """The kinds of resources that actions are authorized on."""
    names = [name for item in actions for name in expand_action(item)]
    return frozenset().union(*(list_actions()[name].kinds for name in names))
