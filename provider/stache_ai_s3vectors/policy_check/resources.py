"""Resources of statements: what is wrong with their form, and what was meant. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from stache_ai_s3vectors.arns import partition_of

from .findings import MALFORMED, NEVER, Finding, listed
from .patterns import covers, kinds, variable, wild
from .statements import Text
from .targets import Target

SERVICE: Final = "s3vectors"
_PARTS: Final = 6
_PLACES: Final = {"partition": 1, "region": 3, "account": 4}
_PARTITION: Final = re.compile(r"aws[-a-z0-9]*")
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_ACCOUNT: Final = re.compile(r"\d{12}")
_WORDS: Final = re.compile(r"(vector-?)?(buckets?|ind(ex|exes|ices))", re.IGNORECASE)
_INDEX_ONLY: Final = re.compile(
    r"(?:vector-?)?ind(?:ex|exes|ices)[/:](?P<index>[^/:]+)", re.IGNORECASE
)
_LENIENT: Final = re.compile(
    r"(?:(?:vector-?)?buckets?[/:])?(?P<bucket>[^/:]+)"
    r"(?:[/:](?:(?:vector-?)?ind(?:ex|exes|ices)[/:])?(?P<index>[^/:]+))?",
    re.IGNORECASE,
)
_FORM: Final = re.compile(r"bucket/[^/:]+(/index/[^/:]+)?")


@dataclass(frozen=True)
class Parts:
    """What somebody who wrote a resource can have meant; None: nothing usable is there."""

    partition: str | None
    region: str | None
    account: str | None
    bucket: str | None
    index: str | None


def of_service(service: str) -> bool:
    """Whether a service's name is, or is meant as, that of S3 Vectors."""
    letters = re.sub(r"[^a-z0-9]", "", service.lower())
    return SequenceMatcher(None, letters, SERVICE).ratio() > 0.8  # noqa: PLR2004 - s3tables: 0.6


def service_of(resource: str) -> str:
    """The service of an ARN; empty if it is none."""
    parts = resource.split(":")
    return parts[2] if len(parts) > 2 and parts[0] == "arn" else ""  # noqa: PLR2004 - its place


def parts_of(resource: str) -> Parts | None:
    """Read a resource with its likely faults; None when it cannot be one of S3 Vectors."""
    *head, rest = resource.split(":", _PARTS - 1)
    alone = _INDEX_ONLY.fullmatch(rest)
    found = _LENIENT.fullmatch(rest)
    if alone:
        bucket, index = None, alone["index"]
    elif found and not any(name and _WORDS.fullmatch(name) for name in found.groups()):
        bucket, index = found["bucket"], found["index"]
    else:
        return None
    bucket, index = _lower(bucket), _lower(index)
    region = _part(head, 3, _REGION)
    account = _part(head, 4, _ACCOUNT)
    partition = head[1] if len(head) > 1 and _fits(head[1], _PARTITION) else None
    if region and not _open(region):
        partition = partition_of(region)
    return Parts(partition, region, account, bucket, index)


def _part(head: list[str], place: int, form: re.Pattern[str]) -> str | None:
    """A part by its place, or, when parts are missing, by its form."""
    if len(head) == _PARTS - 1:
        return head[place] if _fits(head[place], form) else None
    return next((text for text in head[3:] if form.fullmatch(text)), None)


def _fits(text: str, form: re.Pattern[str]) -> bool:
    return form.fullmatch(text) is not None or _open(text)


def _open(text: str) -> bool:
    return wild(text) or variable(text) is not None


def _lower(name: str | None) -> str | None:
    return name if name is None or _open(name) else name.lower()


def _meant(resource: str, target: Target) -> str | None:
    """The ARN that was meant, as far as it can be told."""
    parts = parts_of(resource)
    if parts is None:
        return None
    arn = (
        f"arn:{parts.partition or target.partition}:s3vectors:{parts.region or target.region}:"
        f"{parts.account or target.account}:bucket/{parts.bucket or target.bucket}"
    )
    arn = f"{arn}/index/{parts.index}" if parts.index else arn
    return _moved(arn, target) if kinds(arn) else None


def _moved(arn: str, target: Target) -> str:
    """The same in the partition, region and account asked about, if it is what was asked about.

    Wildcards stay.
    """
    right = target.bucket_arn.split(":")
    parts = arn.split(":", _PARTS - 1)
    if len(parts) < _PARTS:
        return arn
    for place in _PLACES.values():
        parts[place] = parts[place] if _open(parts[place]) else right[place]
    here = ":".join(parts)
    about = any(covers(here, found) for found in (target.bucket_arn, *target.index_arns))
    return here if about else arn


def fault(text: Text, target: Target) -> tuple[Finding, str | None] | None:
    """Why a resource can never be one of S3 Vectors, and what was meant; None if it can."""
    pattern = text.text
    kind, why = NEVER, ""
    if pattern != "*" and not pattern.startswith("arn:"):
        kind, why = MALFORMED, 'is neither "*" nor an ARN'
    elif pattern != "*" and (not service_of(pattern) or wild(service_of(pattern))):
        kind, why = MALFORMED, "does not spell out its service, and IAM takes no wildcard there"
    elif reasons := _reasons(pattern):
        why = f"is no ARN of S3 Vectors: {listed(reasons)}"
    if not why:
        return None
    right = _meant(pattern, target)
    form = f'one such as "{target.bucket_arn}/index/NAME"'
    fix = f'write "{right}"' if right else f"write {form}"
    return Finding(text.line, kind, f'"{pattern}" {why}', fix), right


def _reasons(pattern: str) -> list[str]:
    parts = pattern.split(":", _PARTS - 1)
    if parts[0] == "arn" and parts[2] != SERVICE:
        return [f'its service is "{parts[2]}", not "{SERVICE}"']
    if kinds(pattern):
        wrong = _partition_fault(parts)
        return [wrong] if wrong else []
    if len(parts) < _PARTS:
        return [f"it has {len(parts)} parts of {_PARTS}, a region or an account is missing"]
    _, partition, _, region, account, rest = parts
    reasons = []
    if not _fits(partition, _PARTITION):
        reasons.append(f'its partition is "{partition}", not such as "aws"')
    if not kinds(f"arn:aws:s3vectors:{region}:*:bucket/*"):
        reasons.append(f'its region is "{region}"' if region else "it has no region")
    if not kinds(f"arn:aws:s3vectors:*:{account}:bucket/*"):
        got = f'its account is "{account}", not twelve digits'
        reasons.append(got if account else "it has no account")
    if not kinds(f"arn:aws:s3vectors:*:*:{rest}"):
        reasons.append(_rest_fault(rest))
    return reasons


def _partition_fault(parts: list[str]) -> str | None:
    """What wildcards cannot tell: whether partition and region go together."""
    if len(parts) < _PARTS or _open(parts[1]) or _open(parts[3]):
        return None
    right = partition_of(parts[3])
    if parts[1] == right:
        return None
    return f'its partition is "{parts[1]}", that of {parts[3]} is "{right}"'


def _rest_fault(rest: str) -> str:
    if _FORM.fullmatch(rest):
        return f'"{rest}" has a name that is not 3 to 63 of a-z, 0-9, "-" and, in an index, "."'
    return f'it ends in "{rest}", not in bucket/NAME or bucket/NAME/index/NAME'


def elsewhere(text: Text, target: Target) -> tuple[Finding, str] | None:
    """Whether a resource is what was asked about but for where it is, and what was meant."""
    here = _moved(text.text, target)
    if here == text.text:
        return None
    parts, right = text.text.split(":"), here.split(":")
    wrong = {name: place for name, place in _PLACES.items() if parts[place] != right[place]}
    has = listed(f'{name} "{parts[place]}"' for name, place in wrong.items())
    asked = listed(f'"{right[place]}"' for place in wrong.values())
    problem = f'"{text.text}" has the {has}, the bucket asked about {asked}'
    return Finding(text.line, NEVER, problem, f'write "{here}"'), here
