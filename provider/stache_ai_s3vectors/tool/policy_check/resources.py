"""ARNs of S3 Vectors in a policy: what they cover, what is wrong with them. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from s3vectors_local.iam.patterns import matches_arn
from stache_ai_s3vectors.service.arns import BUCKET_NAME, INDEX_NAME, get_partition
from stache_ai_s3vectors.tool.policy_files.source import Text

from .findings import INEFFECTIVE, MALFORMED, Finding
from .service import BUCKET, INDEX
from .targets import Target

SERVICE: Final = "s3vectors"
_PARTS: Final = 6
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_FORMS: Final = {BUCKET: "bucket/+", INDEX: "bucket/+/index/+"}
_NAMES: Final = re.compile(f"bucket/{BUCKET_NAME.pattern}(/index/{INDEX_NAME.pattern})?")
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_ACCOUNT: Final = re.compile(r"\d{12}")
_PLACE: Final = {"partition": re.compile(r"aws[-a-z0-9]*"), "region": _REGION, "account": _ACCOUNT}
_WORDS: Final = re.compile(r"(vector-?)?(buckets?|ind(ex|exes|ices))", re.IGNORECASE)
_INDEX_ALONE: Final = re.compile(
    r"(?:vector-?)?ind(?:ex|exes|ices)[/:](?P<index>[^/:]+)", re.IGNORECASE
)
_LENIENT: Final = re.compile(
    r"(?:(?:vector-?)?buckets?[/:])?(?P<bucket>[^/:]+)"
    r"(?:[/:](?:(?:vector-?)?ind(?:ex|exes|ices)[/:])?(?P<index>[^/:]+))?",
    re.IGNORECASE,
)


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard outside of policy variables."""
    return re.search(r"[*?]", _VARIABLE.sub("", pattern)) is not None


def find_variable(pattern: str) -> str | None:
    """The first policy variable in a pattern, for example "${aws:PrincipalTag/team}"."""
    variable = _VARIABLE.search(pattern)
    return variable[0] if variable else None


def is_open(pattern: str) -> bool:
    """Whether a pattern can match several texts."""
    return is_wild(pattern) or find_variable(pattern) is not None


def expand_arns(pattern: str) -> list[str]:
    """A resource as complete ARNs, which the engine needs; a policy variable becomes "*".

    IAM accepts fewer parts: missing parts match anything, and a "*" matches colons too.
    """
    pattern = _VARIABLE.sub("*", pattern)
    missing = _PARTS - len(pattern.split(":", _PARTS - 1))
    if not pattern.startswith("arn:") or missing <= 0:
        return [pattern]
    wilds = [at for at, character in enumerate(pattern) if character == "*"][: _PARTS * 2]
    reaching = [f"{pattern[:at]}*{':*' * missing}{pattern[at + 1 :]}" for at in wilds]
    return [pattern + ":*" * missing, *reaching]


def can_cover(pattern: str, arn: str) -> bool:
    """Whether a resource matches an ARN, or can with a policy variable in it."""
    return any(matches_arn(whole, arn) for whole in expand_arns(pattern))


def find_samples(resource: str) -> dict[str, str]:
    """One ARN for each kind, "bucket" and "index", that a resource can match."""
    samples = {}
    for whole in expand_arns(resource):
        parts = f"arn:*:{SERVICE}:*:*:*" if whole == "*" else whole
        scheme, partition, service, region, account, rest = (parts + ":" * _PARTS).split(":", 5)
        rest = rest.removesuffix(":" * _PARTS)
        if scheme == "arn" and service == SERVICE and _is_place(partition, region, account):
            head = re.sub(r"[*?]", "0", parts.removesuffix(rest))
            for kind, form in _FORMS.items():
                sample = _find_sample(rest, form)
                if sample and (is_wild(rest) or _NAMES.fullmatch(sample)):
                    samples[kind] = head + sample
    return samples


def _is_place(*parts: str) -> bool:
    """Whether partition, region and account, or patterns of them, can go together."""
    partition, region, _ = parts
    fits = (
        form.fullmatch(part) or is_wild(part)
        for form, part in zip(_PLACE.values(), parts, strict=True)
    )
    return all(fits) and (is_wild(partition + region) or get_partition(region) == partition)


def _find_sample(pattern: str, form: str) -> str | None:
    """Find a text that matches a pattern and has a form, where "+" is a name.

    Walks all ways through both at once, so that no pattern takes long.
    """
    todo, seen = [(0, 0, "")], {(0, 0)}
    while todo:
        i, j, text = todo.pop()
        if i == len(pattern) and j == len(form):
            return text
        for next_i, next_j, character in _list_steps(pattern[i : i + 1], form[j : j + 1]):
            state = (i + next_i, j + next_j)
            if state not in seen:
                seen.add(state)
                todo.append((*state, text + character))
    return None


def _list_steps(character: str, part: str) -> Iterator[tuple[int, int, str]]:
    """The steps in the pattern and in the form, and the character that fits both."""
    if character == "*":
        yield 1, 0, ""
    wild = character in ("*", "?")
    in_name = part == "+" and (wild or character in _NAME)
    if part and character and (in_name or wild or part == character):
        fitting = character if not wild else "0" if in_name else part
        yield int(character != "*"), 1, fitting
        if in_name:
            yield int(character != "*"), 0, fitting


@dataclass(frozen=True)
class Parts:
    """The parts of the ARN that a resource means; None for missing ones."""

    partition: str | None
    region: str | None
    account: str | None
    bucket: str | None
    index: str | None

    def get_name(self, part: str) -> str | None:
        """One part; None if it has a wildcard."""
        name: str | None = getattr(self, part)
        return None if name is None or is_open(name) else name


def is_like_service(service: str) -> bool:
    """Whether a service's name is that of S3 Vectors, or similar."""
    letters = re.sub(r"[^a-z0-9]", "", service.lower())
    return SequenceMatcher(None, letters, SERVICE).ratio() > 0.8  # noqa: PLR2004 - s3tables: 0.6


def get_service(resource: str) -> str:
    """The service of an ARN; empty for other texts."""
    parts = resource.split(":")
    return parts[2] if len(parts) > 2 and parts[0] == "arn" else ""  # noqa: PLR2004 - its place


def parse_leniently(resource: str) -> Parts | None:
    """Read a resource with its likely faults; None if it cannot be one of S3 Vectors."""
    *head, rest = resource.split(":", _PARTS - 1)
    names = _INDEX_ALONE.fullmatch(rest) or _LENIENT.fullmatch(rest)
    if names is None or any(name and _WORDS.fullmatch(name) for name in names.groups()):
        return None
    known = {key: n if is_open(n) else n.lower() for key, n in names.groupdict().items() if n}
    region, account = _pick_part(head, 3, _REGION), _pick_part(head, 4, _ACCOUNT)
    partition = _pick_part(head, 1, _PLACE["partition"])
    if region and not is_open(region):
        partition = get_partition(region)
    return Parts(partition, region, account, known.get("bucket"), known.get("index"))


def _pick_part(head: list[str], place: int, form: re.Pattern[str]) -> str | None:
    """A part by its position, or by its form if parts are missing."""
    if len(head) < _PARTS - 1:
        return next((text for text in head[1:] if form.fullmatch(text)), None)
    return head[place] if form.fullmatch(head[place]) or is_open(head[place]) else None


def _guess_meaning(resource: str, target: Target) -> str | None:
    """What the resource probably means."""
    parts = parse_leniently(resource)
    if parts is None:
        return None
    partition, region, account = target.place
    arn = (
        f"arn:{parts.partition or partition}:{SERVICE}:{parts.region or region}:"
        f"{parts.account or account}:bucket/{parts.bucket or target.bucket}"
    )
    arn = f"{arn}/index/{parts.index}" if parts.index else arn
    return _move(arn, target) if find_samples(arn) else None


def _move(arn: str, target: Target) -> str:
    """Replace partition, region and account by the target's, if the ARN is then the target's."""
    parts = arn.split(":", _PARTS - 1)
    if len(parts) < _PARTS:
        return arn
    for at, right in zip((1, 3, 4), target.place, strict=True):
        parts[at] = parts[at] if is_open(parts[at]) else right
    moved = ":".join(parts)
    return moved if any(can_cover(moved, own) for own in target.arns) else arn


def find_fault(resource: Text, target: Target) -> tuple[Finding, str | None] | None:
    """Why a resource can never match, and what it means; None if it can match."""
    if resource != "*" and not resource.startswith("arn:"):
        kind, why = MALFORMED, 'is neither "*" nor an ARN'
    elif resource != "*" and (not get_service(resource) or is_wild(get_service(resource))):
        kind, why = MALFORMED, "must spell out its service: IAM takes no wildcard there"
    elif not find_samples(resource):
        kind, why = INEFFECTIVE, f"is not an ARN of S3 Vectors: {_find_reason(resource)}"
    else:
        return None
    meaning = _guess_meaning(resource, target)
    fix = f'write "{meaning}"' if meaning else f'write one like "{target.bucket_arn}/index/NAME"'
    return Finding(resource.line, kind, f'"{resource}" {why}', fix), meaning


def _find_reason(resource: str) -> str:
    parts = resource.split(":", _PARTS - 1)
    if get_service(resource) != SERVICE:
        return f'its service is "{parts[2]}"'
    if len(parts) < _PARTS:
        return f"it has {len(parts)} of {_PARTS} parts, a region or an account is missing"
    _, partition, _, region, account, rest = parts
    for (name, form), part in zip(_PLACE.items(), (partition, region, account), strict=True):
        if not (is_open(part) or form.fullmatch(part)):
            return f'its {name} is "{part}"' if part else f"it has no {name}"
    if get_partition(region) != partition and not is_open(partition + region):
        return f'its partition is "{partition}", that of {region} is "{get_partition(region)}"'
    if re.fullmatch(r"bucket/[^/:]+(/index/[^/:]+)?", rest):
        return f'a name in "{rest}" is not 3 to 63 of a-z, 0-9, "-" and, in an index, "."'
    return f'it ends in "{rest}", expected bucket/NAME or bucket/NAME/index/NAME'


def find_misplacement(resource: Text, target: Target) -> tuple[Finding, str] | None:
    """Find a resource that differs from the target's in partition, region or account only."""
    moved = _move(resource, target)
    if moved == resource:
        return None
    place = "partition, region and account"
    problem = f'"{resource}" is not in the {place} of "{target.bucket_arn}"'
    return Finding(resource.line, INEFFECTIVE, problem, f'write "{moved}"'), moved
