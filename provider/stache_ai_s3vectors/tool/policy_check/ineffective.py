"""What can never match in a statement: wrong actions, ARNs and conditions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.service.arns import get_partition
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import (
    PARTS,
    PLACE,
    SERVICE,
    find_samples,
    find_variable,
    get_service,
    is_like_service,
    is_wild,
    parse_names,
)
from .findings import Finding, join_actions, quote_names
from .statements import Rule
from .targets import BUCKET, INDEX, PREFIX, Target, expand_action, list_actions

_KINDS: Final = {BUCKET: "a vector bucket", INDEX: "an index"}
_VERBS: Final = {
    "Put": "Add|Insert|Save|Set|Store|Upload|Upsert|Write",
    "Get": "BatchGet|Describe|Fetch|Head|Read|Retrieve",
    "Query": "Find|Search",
    "Delete": "Destroy|Drop|Erase|Purge|Remove",
    "Create": "Make|New",
    "List": "Enumerate|Scan|Show",
    "Update": "Alter|Change|Modify",
}
"""What other services and databases call the verbs of S3 Vectors."""


@dataclass(frozen=True)
class Ineffective:
    """A finding, the text that is wrong, and the actions that are not allowed because of it."""

    finding: Finding
    items: tuple[str, ...]
    actions: tuple[str, ...]


def find_ineffective(rule: Rule, target: Target) -> Iterator[Ineffective]:
    """Find what can never match in a statement, each fault once."""
    actions = tuple(Text(_guess_meant(item), item.line) for item in rule.actions)
    yield from _find_wrong_actions(rule, target)
    if not rule.statement.negated_actions and not any(map(expand_action, actions)):
        return
    meant = replace(rule, actions=actions)
    wrong = list(_find_wrong_resources(meant, target))
    yield from wrong or _find_mismatches(rule, meant, target)
    names = meant.list_reached(target)
    for condition in rule.conditions:
        if condition.is_dead(names):
            which = join_actions(PREFIX + name for name in names)
            problem = f'no request of {which} has the key "{condition.key}"'
            fix = "remove it, or use another"
            finding = Finding(condition.key.line, "ineffective", problem, fix)
            yield Ineffective(finding, (), actions)


def _find_wrong_actions(rule: Rule, target: Target) -> Iterator[Ineffective]:
    for item in rule.actions:
        kind, problem = _explain_action(item)
        if not kind:
            continue
        right = _guess_action(item)
        negated = rule.statement.negated_actions
        needed = right and any(matches_action(right, need.action) for need in target.needs)
        fix = f'write "{right}"' if right else "remove it"
        if right and rule.allows and not (needed or negated):
            fix = f"remove it: {target.level} needs no {right}"
        finding = Finding(item.line, kind, f'"{item}" {problem}', fix)
        yield Ineffective(finding, (item,), (right,) if right else ())


def _explain_action(pattern: str) -> tuple[str, str]:
    """The kind of the fault, and the problem; empty if the action can match."""
    service, colon, name = pattern.partition(":")
    ours = service.lower() == SERVICE
    if pattern in ("*", "*:*") or (ours and expand_action(pattern)):
        return "", ""
    alike = is_like_service(service)
    right = _guess_action(pattern)
    meaning = f"; it means {right}" if right else ""
    faults = (
        (not colon, "malformed", 'is neither "*" nor SERVICE:ACTION'),
        (
            is_wild(service) and matches_action(service, SERVICE),
            "malformed",
            "has a wildcard in its service, and IAM takes none there",
        ),
        (ours, "ineffective", f"is not an action of S3 Vectors{meaning}"),
        (
            alike or (service.lower() == "s3" and re.search("vector|index", name, re.IGNORECASE)),
            "ineffective",
            f'has the service "{service}", expected "{SERVICE}"',
        ),
    )
    return next(((kind, problem) for wrong, kind, problem in faults if wrong), ("", ""))


def _guess_meant(item: str) -> str:
    return (_guess_action(item) or item) if _explain_action(item)[0] else item


def _guess_action(pattern: str) -> str | None:
    """The action, with its prefix, that a wrong one means."""
    name = pattern.rpartition(":")[2]
    if expand_action(PREFIX + name):
        return PREFIX + name
    for verb, others in _VERBS.items():
        name = re.sub(f"^({others})(?=[A-Z])", verb, name)
    name = re.sub("Vector(?=Ind)", "", name)
    if name.startswith("Query"):
        return f"{PREFIX}QueryVectors"
    by_lower = {known.lower(): known for known in list_actions()}
    near = get_close_matches(name.lower(), by_lower, 1, cutoff=0.75)
    return PREFIX + by_lower[near[0]] if near else None


def _find_wrong_resources(rule: Rule, target: Target) -> Iterator[Ineffective]:
    own = not rule.is_negated and all(item.lower().startswith(PREFIX) for item in rule.actions)
    kinds = _list_kinds(rule.actions)
    for item in rule.resources:
        if not own and not is_like_service(get_service(item)):
            continue
        meaning = _guess_arn(item, target)
        kind, problem = _explain_resource(item)
        moved = rule.allows and not rule.statement.negated_resources and item not in target.arns
        if not kind and moved and meaning and meaning not in rule.resources:
            place = f'in the partition, region and account of "{target.bucket_arn}"'
            kind, problem = "ineffective", f"is not {place}"
        if kind:
            fits = meaning and (not kinds or kinds & find_samples(meaning).keys())
            arns = (meaning,) if meaning and fits else _list_arns(kinds, target) or target.arns
            fix = f"write {quote_names(arns)}"
            finding = Finding(item.line, kind, f'"{item}" {problem}', fix)
            negated = rule.statement.negated_actions
            yield Ineffective(finding, (item,), ("*",) if negated else rule.actions)


def _guess_arn(resource: str, target: Target) -> str | None:
    """The ARN of the target that has the names of a resource."""
    names = parse_names(resource)
    if is_wild(resource) or find_variable(resource) or not names.keys() & {"bucket", "index"}:
        return None
    index = f"/index/{names['index']}" if "index" in names else ""
    arn = target.bucket_arn + index
    return (
        arn if names.get("bucket", target.bucket) == target.bucket and arn in target.arns else None
    )


def _explain_resource(resource: str) -> tuple[str, str]:
    """The kind of the fault, and the problem; empty if the resource can match."""
    service = get_service(resource)
    if resource == "*" or (find_samples(resource) and not is_wild(service)):
        return "", ""
    if not resource.startswith("arn:"):
        return "malformed", 'is neither "*" nor an ARN'
    if not service or is_wild(service):
        return "malformed", "must spell out its service: IAM takes no wildcard there"
    parts = resource.split(":", PARTS - 1)
    _, partition, _, region, account, rest = [*parts, *"*****"][:PARTS]
    place = [
        (not (form.fullmatch(part) or is_wild(part) or find_variable(part)), name, part)
        for (name, form), part in zip(PLACE.items(), (partition, region, account), strict=True)
    ]
    other = get_partition(region)
    faults = (
        (service != SERVICE, f'its service is "{service}"'),
        (
            len(parts) < PARTS,
            f"it has {len(parts)} of {PARTS} parts, a region or an account is missing",
        ),
        *(
            (wrong, f'its {n} is "{part}"' if part else f"it has no {n}")
            for wrong, n, part in place
        ),
        (
            other != partition and not is_wild(partition + region),
            f'its partition is "{partition}", that of {region} is "{other}"',
        ),
        (
            re.fullmatch(r"bucket/[^/:]+(/index/[^/:]+)?", rest),
            f'a name in "{rest}" is not 3 to 63 of a-z, 0-9, "-" and, in an index, "."',
        ),
        (True, f'it ends in "{rest}", expected bucket/NAME or bucket/NAME/index/NAME'),
    )
    reason = next(reason for wrong, reason in faults if wrong)
    return "ineffective", f"is not an ARN of S3 Vectors: {reason}"


def _find_mismatches(rule: Rule, meant: Rule, target: Target) -> Iterator[Ineffective]:
    """Find actions and resources of different kinds."""
    if rule.is_negated:
        return
    reach = set(rule.list_reached(target))
    groups: dict[frozenset[str], list[Text]] = {}
    for item in rule.actions:
        if (
            item.lower().startswith(PREFIX)
            and expand_action(item)
            and not reach & {*expand_action(item)}
        ):
            groups.setdefault(_list_kinds([item]), []).append(item)
    nothing = sum(map(len, groups.values())) == len(rule.actions)
    for kinds, items in groups.items():
        # Where nothing goes together, one resource is more likely wrong than all the actions
        line = rule.resources[0].line if nothing else items[0].line
        problem, fix = _explain_mismatch(rule, kinds, items, target)
        finding = Finding(line, "ineffective", problem, fix)
        yield Ineffective(finding, tuple(items), tuple(items))
    for item in () if nothing else rule.resources:
        kinds = frozenset(find_samples(item) if get_service(item) == SERVICE else ())
        if kinds and not kinds & _list_kinds(meant.actions):
            problem = f'"{item}" is {_name_kinds(kinds)}, and no action of the statement uses one'
            finding = Finding(item.line, "ineffective", problem, "remove it")
            yield Ineffective(finding, (item,), ())


def _explain_mismatch(
    rule: Rule, kinds: frozenset[str], items: Sequence[Text], target: Target
) -> tuple[str, str]:
    """The problem and the fix of actions for which the statement names no resource."""
    problem = f"{join_actions(items)} {'is' if len(items) == 1 else 'are'} authorized on "
    problem += f"{_name_kinds(kinds)}, and the statement names none" if kinds else 'only "*"'
    if rule.allows and not any(
        matches_action(item, need.action) for need in target.needs for item in items
    ):
        return problem, f"remove what {target.level} does not need"
    where = "the" if len(items) == len(rule.actions) else "a statement of its own with the"
    return problem, f"write {where} Resource {quote_names(_list_arns(kinds, target) or ('*',))}"


def _list_kinds(actions: Iterable[str]) -> frozenset[str]:
    """The kinds of resources that actions are authorized on."""
    names = [name for item in actions for name in expand_action(item)]
    return frozenset().union(*(list_actions()[name].kinds for name in names))


def _list_arns(kinds: frozenset[str], target: Target) -> tuple[str, ...]:
    if INDEX in kinds:
        return target.index_arns
    return (target.bucket_arn,) if kinds else ()


def _name_kinds(kinds: frozenset[str]) -> str:
    return " or ".join(_KINDS[kind] for kind in sorted(kinds))
