"""ARNs in a policy: what they cover, and the names in them, also if they are misspelled. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from s3vectors_local.iam.patterns import matches, matches_arn
from stache_ai_s3vectors.service.arns import BUCKET_NAME, INDEX_NAME, get_partition

from .targets import BUCKET, INDEX

SERVICE: Final = "s3vectors"
PARTS: Final = 6
PLACE: Final = {
    "partition": re.compile(r"aws[-a-z0-9]*"),
    "region": re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+"),
    "account": re.compile(r"\d{12}"),
}
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_FORMS: Final = {BUCKET: "bucket/+", INDEX: "bucket/+/index/+"}
_NAMES: Final = re.compile(f"bucket/{BUCKET_NAME.pattern}(/index/{INDEX_NAME.pattern})?")
_WORDS: Final = re.compile(r"(vector-?)?(buckets?|ind(ex|exes|ices))", re.IGNORECASE)
_LENIENT: Final = re.compile(
    r"(?:(?:vector-?)?buckets?[/:])?(?P<bucket>[^/:]+)"
    r"(?:[/:](?:(?:vector-?)?ind(?:ex|exes|ices)[/:])?(?P<index>[^/:]+))?",
    re.IGNORECASE,
)
_INDEX_ALONE: Final = re.compile(
    r"(?:vector-?)?ind(?:ex|exes|ices)[/:](?P<index>[^/:]+)", re.IGNORECASE
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


def can_cover(pattern: str, arn: str) -> bool:
    """Whether a resource matches an ARN, or can with a policy variable in it.

    The engine needs complete ARNs. IAM accepts fewer parts: missing parts match anything, and a
    "*" matches colons too.
    """
    pattern = _VARIABLE.sub("*", pattern)
    if not pattern.startswith("arn:") or len(pattern.split(":")) >= PARTS:
        return matches_arn(pattern, arn)
    return matches(pattern, arn) or matches(f"{pattern}:*", arn)


def get_service(resource: str) -> str:
    """The service of an ARN; empty for other texts."""
    return f"{resource}::".split(":")[2] if resource.startswith("arn:") else ""


def is_like_service(service: str) -> bool:
    """Whether a service's name is that of S3 Vectors, or similar."""
    letters = re.sub(r"[^a-z0-9]", "", service.lower())
    return SequenceMatcher(None, letters, SERVICE).ratio() > 0.8  # noqa: PLR2004 - s3tables: 0.6


def parse_names(resource: str) -> dict[str, str]:
    """The names in an ARN of S3 Vectors, by part, also if it is misspelled; without wildcards."""
    *head, rest = _VARIABLE.sub("*", resource).split(":", PARTS - 1)
    match = _INDEX_ALONE.fullmatch(rest) or _LENIENT.fullmatch(rest)
    names = match.groupdict() if match else {}
    if any(name and _WORDS.fullmatch(name) for name in names.values()):
        names = {}
    for part, form in PLACE.items():
        names[part] = next((text for text in head[1:] if form.fullmatch(text)), None)
    if names["region"]:
        names["partition"] = get_partition(names["region"])
    return {part: text.lower() for part, text in names.items() if text and not is_wild(text)}


def find_samples(resource: str) -> dict[str, str]:
    """One ARN for each kind, "bucket" and "index", that a resource can match."""
    parts = _VARIABLE.sub("*", f"arn:*:{SERVICE}" if resource == "*" else resource).split(":", 5)
    scheme, partition, service, region, account, rest = [*parts, *"*****"][:PARTS]
    place = (partition, region, account)
    fits = all(
        form.fullmatch(p) or is_wild(p) for form, p in zip(PLACE.values(), place, strict=True)
    )
    right = is_wild(partition + region) or get_partition(region) == partition
    if scheme != "arn" or service != SERVICE or not (fits and right):
        return {}
    head = re.sub(r"[*?]", "0", f"arn:{partition}:{service}:{region}:{account}:")
    samples = {kind: _find_sample(rest, form) for kind, form in _FORMS.items()}
    return {k: head + s for k, s in samples.items() if s and (is_wild(rest) or _NAMES.fullmatch(s))}


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
