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
    get_service,
    is_like_service,
    is_open,
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
    yield from _find_wrong_actions(rule, target)
    actions = tuple(
        Text((_explain_action(item) and _guess_action(item)) or item, item.line)
        for item in rule.actions
    )
    if not rule.statement.negated_actions and not any(map(expand_action, actions)):
        return
    meant = replace(rule, actions=actions)
    wrong = list(_find_wrong_resources(meant, target))
    sound = tuple(item for item in rule.actions if not _explain_action(item))
    yield from wrong or _find_mismatches(replace(rule, actions=sound), meant, target)
    names = meant.list_reached(target) if rule.conditions else ()
    for condition in rule.conditions:
        if condition.is_dead(names):
            which = join_actions(PREFIX + name for name in names)
            problem = f'no request of {which} has the key "{condition.key}"'
            fix = "remove it, or use another"
            finding = Finding(condition.key.line, "ineffective", problem, fix)
            yield Ineffective(finding, (), actions)


def _find_wrong_actions(rule: Rule, target: Target) -> Iterator[Ineffective]:
    for item in rule.actions:
        fault, right = _explain_action(item), _guess_action(item)
        if fault is None:
            continue
        needed = right and any(matches_action(right, need.action) for need in target.needs)
        fix = f'write "{right}"' if right else "remove it"
        if right and rule.allows and not (needed or rule.statement.negated_actions):
            fix = f"remove it: {target.level} needs no {right}"
        finding = Finding(item.line, fault[0], f'"{item}" {fault[1]}', fix)
        yield Ineffective(finding, (item,), (right,) if right else ())


def _explain_action(pattern: str) -> tuple[str, str] | None:
    """The kind of the fault, and the problem; None if the action can match."""
    service, colon, name = pattern.partition(":")
    ours, right = service.lower() == SERVICE, _guess_action(pattern)
    meaning = f"; it means {right}" if right else ""
    if pattern in ("*", "*:*") or (ours and expand_action(pattern)):
        return None
    wild = is_wild(service) and matches_action(service, SERVICE)
    s3 = service.lower() == "s3" and re.search("vector|index", name, re.IGNORECASE)
    alike = bool(s3 or is_like_service(service))
    kinds = {
        'is neither "*" nor SERVICE:ACTION': "malformed" * (not colon),
        "has a wildcard in its service, and IAM takes none there": "malformed" * wild,
        f"is not an action of S3 Vectors{meaning}": "ineffective" * ours,
        f'has the service "{service}", expected "{SERVICE}"': "ineffective" * alike,
    }
    return next(((kind, problem) for problem, kind in kinds.items() if kind), None)


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
    actions = ("*",) if rule.statement.negated_actions else rule.actions
    for item in rule.resources:
        if not own and not is_like_service(get_service(item)):
            continue
        meaning = _guess_arn(item, target)
        fault = _explain_resource(item)
        if fault is None and rule.allows and not rule.statement.negated_resources:
            fault = _explain_place(item, meaning, rule, target)
        if fault is not None:
            fits = meaning and (not kinds or kinds & find_samples(meaning).keys())
            arns = (meaning,) if meaning and fits else _list_arns(kinds, target) or target.arns
            fix = f"write {quote_names(arns)}"
            finding = Finding(item.line, fault[0], f'"{item}" {fault[1]}', fix)
            yield Ineffective(finding, (item,), actions)


def _guess_arn(resource: str, target: Target) -> str | None:
    """The ARN of the target that has the names of a resource."""
    names = parse_names(resource)
    index = f"/index/{names['index']}" if "index" in names else ""
    arn = target.bucket_arn + index
    named = names.keys() & {"bucket", "index"} and not is_open(resource)
    other = names.get("bucket", target.bucket) != target.bucket
    return arn if named and arn in target.arns and not other else None


def _explain_place(
    item: Text, meaning: str | None, rule: Rule, target: Target
) -> tuple[str, str] | None:
    """The same of the ARN of another place; next to the right one it is a grant of its own."""
    if meaning is None or item in target.arns or meaning in rule.resources:
        return None
    place = "the partition, region and account"
    return "ineffective", f'is not in {place} of "{target.bucket_arn}"'


def _explain_resource(resource: str) -> tuple[str, str] | None:
    """The kind of the fault, and the problem; None if the resource can match."""
    service = get_service(resource)
    if resource == "*" or find_samples(resource):
        return None
    if not resource.startswith("arn:"):
        return "malformed", 'is neither "*" nor an ARN'
    if not service or is_wild(service):
        return "malformed", "must spell out its service: IAM takes no wildcard there"
    parts = resource.split(":", PARTS - 1)
    _, partition, _, region, account, rest = [*parts, *"*****"][:PARTS]
    few = len(parts) < PARTS
    reasons: dict[str, object] = {
        f'its service is "{service}"': service != SERVICE,
        f"it has {len(parts)} of {PARTS} parts, a region or an account is missing": few,
    }
    for (name, form), part in zip(PLACE.items(), (partition, region, account), strict=True):
        problem = f'its {name} is "{part}"' if part else f"it has no {name}"
        reasons[problem] = not (form.fullmatch(part) or is_open(part))
    right = get_partition(region)
    other = right != partition and not is_open(partition + region)
    names = re.fullmatch(r"bucket/[^/:]+(/index/[^/:]+)?", rest)
    reasons |= {
        f'its partition is "{partition}", that of {region} is "{right}"': other,
        f'a name in "{rest}" is not 3 to 63 of a-z, 0-9, "-" and, in an index, "."': names,
        f'it ends in "{rest}", expected bucket/NAME or bucket/NAME/index/NAME': True,
    }
    reason = next(reason for reason, wrong in reasons.items() if wrong)
    return "ineffective", f"is not an ARN of S3 Vectors: {reason}"


def _find_mismatches(rule: Rule, meant: Rule, target: Target) -> Iterator[Ineffective]:
    """Find actions and resources of different kinds."""
    if rule.is_negated:
        return
    reach = set(rule.list_reached(target))
    groups: dict[frozenset[str], list[Text]] = {}
    for item in (item for item in rule.actions if item.lower().startswith(PREFIX)):
        names = set(expand_action(item))
        if names and not names & reach:
            groups.setdefault(_list_kinds([item]), []).append(item)
    nothing = sum(map(len, groups.values())) == len(rule.actions)
    for kinds, items in groups.items():
        # Where nothing goes together, one resource is more likely wrong than all the actions
        line = rule.resources[0].line if nothing else items[0].line
        finding = Finding(line, "ineffective", *_explain_mismatch(rule, kinds, items, target))
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
