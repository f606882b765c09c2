"""ARNs in a policy: what they cover, and the names in them, also if they are misspelled. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from typing import Final

from s3vectors_local.iam.patterns import matches_arn
from stache_ai_s3vectors.service.arns import BUCKET_NAME, INDEX_NAME, get_partition

SERVICE: Final = "s3vectors"
BUCKET: Final = "bucket"
INDEX: Final = "index"

_PARTS: Final = 6
_PLACE: Final = {
    "partition": re.compile(r"aws[-a-z0-9]*"),
    "region": re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+"),
    "account": re.compile(r"\d{12}"),
}
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_HEAD: Final = f"arn:+:{SERVICE}:+:+:"
_FORMS: Final = {BUCKET: f"{_HEAD}bucket/+", INDEX: f"{_HEAD}bucket/+/index/+"}
_PATH: Final = re.compile("bucket/[^/:]+(/index/[^/:]+)?")
_SOUND_PATH: Final = re.compile(f"bucket/{BUCKET_NAME.pattern}(/index/{INDEX_NAME.pattern})?")
_WORD: Final = re.compile("(vector-?)?(buckets?|(?P<index>ind(ex|exes|ices)))", re.IGNORECASE)


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard outside of policy variables."""
    return re.search(r"[*?]", _VARIABLE.sub("", pattern)) is not None


def find_variable(pattern: str) -> str | None:
    """The first policy variable in a pattern, for example "${aws:PrincipalTag/team}"."""
    variable = _VARIABLE.search(pattern)
    return variable[0] if variable else None


def replace_variables(pattern: str) -> str:
    """A pattern with a "*" for each policy variable."""
    return _VARIABLE.sub("*", pattern)


def can_cover(pattern: str, arn: str) -> bool:
    """Whether a resource matches an ARN, or can with a policy variable in it."""
    return matches_arn(replace_variables(pattern), arn)


def get_service(resource: str) -> str:
    """The service of an ARN; empty for other texts."""
    return f"{resource}::".split(":")[2] if resource.startswith("arn:") else ""


def is_like_service(service: str) -> bool:
    """Whether a service's name is that of S3 Vectors, or similar."""
    letters = re.sub(r"[^a-z0-9]", "", service.lower())
    return SequenceMatcher(None, letters, SERVICE).ratio() > 0.8  # noqa: PLR2004 - s3tables: 0.6


@cache
def find_kinds(resource: str) -> frozenset[str]:
    """The kinds, "bucket" and "index", of ARNs that a resource can match; none for "*"."""
    pattern = replace_variables(resource)
    texts = (pattern, f"{pattern}:*") if resource != "*" else ()
    return frozenset(k for k, form in _FORMS.items() if any(_overlap(t, form) for t in texts))


def _overlap(pattern: str, form: str) -> bool:
    """Whether a text matches a pattern and has a form, where "+" is a name."""
    reached = {0}
    for character in pattern:
        if character == "*":
            reached = set(range(min(reached), len(form) + 1))
        else:
            fitting = {at for at in reached if _fits(character, form[at : at + 1])}
            reached = {at + 1 for at in fitting} | {at for at in fitting if form[at] == "+"}
        if not reached:
            return False
    return len(form) in reached


def _fits(character: str, part: str) -> bool:
    return bool(part) and character in ("?", *(_LETTERS if part == "+" else part))


def explain_resource(resource: str) -> tuple[str, str] | None:
    """Why a resource matches nothing of S3 Vectors: the kind of the fault, and the problem."""
    if resource == "*":
        return None
    if not resource.startswith("arn:"):
        return "malformed", 'is neither "*" nor an ARN'
    if not get_service(resource) or is_wild(get_service(resource)):
        return "malformed", "must spell out its service: IAM takes no wildcard there"
    fault = next(_list_faults(resource), None)
    return ("ineffective", f"is not an ARN of S3 Vectors: {fault}") if fault else None


def _list_faults(resource: str) -> Iterator[str]:
    parts = replace_variables(resource).split(":", _PARTS - 1)
    _, partition, service, region, account, path = [*parts, *"*****"][:_PARTS]
    if service != SERVICE:
        yield f'its service is "{service}"'
    for (name, form), part in zip(_PLACE.items(), (partition, region, account), strict=True):
        if not form.fullmatch(part) and not is_wild(part):
            if len(parts) < _PARTS:
                yield f"it has {len(parts)} of {_PARTS} parts, a region or an account is missing"
            yield f'its {name} is "{part}"' if part else f"it has no {name}"
    right = get_partition(region)
    if partition != right and not is_wild(partition + region):
        yield f'its partition is "{partition}", that of {region} is "{right}"'
    if not (find_kinds(resource) if is_wild(path) else _SOUND_PATH.fullmatch(path)):
        if _PATH.fullmatch(path):
            yield f'a name in "{path}" is not 3 to 63 of a-z, 0-9, "-" and, in an index, "."'
        yield f'it ends in "{path}", expected bucket/NAME or bucket/NAME/index/NAME'


def parse_names(resource: str) -> dict[str, str]:
    """The names in an ARN of S3 Vectors, by part, also if it is misspelled; without wildcards."""
    *head, path = replace_variables(resource).split(":", _PARTS - 1)
    words = [(word, _WORD.fullmatch(word)) for word in re.split("[/:]", path)]
    names = [word for word, known in words if not known]
    if words[0][1] and words[0][1]["index"]:  # a path without its bucket
        names.insert(0, "")
    parts = dict(zip((BUCKET, INDEX), names, strict=False))
    for part, form in _PLACE.items():
        parts[part] = next((text for text in head[1:] if form.fullmatch(text)), "")
    if parts["region"]:
        parts["partition"] = get_partition(parts["region"])
    return {part: text.lower() for part, text in parts.items() if text and not is_wild(text)}
