"""A policy document as statements, and what IAM refuses of it. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from s3vectors_local.errors import PolicyError
from s3vectors_local.iam import parse_statement
from stache_ai_s3vectors.tool.policy_files.outputs import Extract, make_placeholder
from stache_ai_s3vectors.tool.policy_files.source import Object, Text, walk

from .conditions import WrittenCondition
from .findings import MALFORMED, UNRESOLVED, Finding
from .resources import Parts, get_service, is_like_service, parse_leniently
from .rules import Rule

VERSION: Final = "2012-10-17"
_DOCUMENT: Final = ("Version", "Id", "Statement")
_NAMES: Final = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_SID: Final = re.compile(r"[A-Za-z0-9]*")
_LARGEST: Final = 10_240
"""Characters of all policies in a role, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

_OPTIONS: Final = {
    "AWS::AccountId": "--account",
    **dict.fromkeys(("AWS::Region", "AWS::Partition", "AWS::URLSuffix"), "--region"),
}

_THIS: Final = "the statement"


@dataclass(frozen=True)
class Policy:
    """A policy document.

    Args:
        name: what its file calls it; empty when the file is the policy.
        line: where it begins.
        rules: its statements that can be evaluated.
        findings: why IAM refuses the document.
        complete: whether all of it can be evaluated.
    """

    name: str
    line: int
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    complete: bool

    def list_mentions(self) -> list[Parts]:
        """What its Allow statements name of S3 Vectors; misspelled ARNs as what they mean."""
        allowed = (r for r in self.rules if r.allows and not r.statement.negated_resources)
        texts = [text for rule in allowed for text in rule.resources]
        parsed = [parse_leniently(t) for t in texts if is_like_service(get_service(t))]
        return [parts for parts in parsed if parts]


def read_policy(extract: Extract) -> Policy:
    """Read a policy document; the faults of its form are among its findings."""
    reader = _Reader(extract.unresolved)
    unknown = extract.document is None and extract.unresolved
    rules = () if unknown else tuple(reader.read(extract.document, extract.line))
    findings = reader.findings + [
        Finding(name.line, UNRESOLVED, f"{name} is not known", _explain_unknown(name))
        for name in dict.fromkeys(extract.unresolved)
    ]
    complete = reader.complete and not extract.unresolved
    own = tuple(replace(finding, policy=extract.name) for finding in findings)
    return Policy(extract.name, extract.line, rules, own, complete)


def _explain_unknown(name: str) -> str:
    if name.startswith("aws_"):
        return "run terraform show -json after apply"
    return f"give {_OPTIONS.get(name, f'--parameter {name}=VALUE')}"


class _Reader:
    """Collects the faults; `complete` until something cannot be evaluated."""

    def __init__(self, unresolved: Iterable[str] = ()) -> None:
        self._unknown = [make_placeholder(name) for name in unresolved]
        self.findings: list[Finding] = []
        self.complete = True
        self._sids: dict[str, int] = {}
        self._name = ""

    def _add(self, line: int, problem: str, fix: str, *, lost: bool = True) -> None:
        self.complete = self.complete and not lost
        self.findings.append(Finding(line, MALFORMED, problem, fix, self._name))

    def read(self, document: Any, line: int) -> Iterator[Rule]:
        for name in (
            n for part in walk(document) if isinstance(part, Object) for n in part.repeats
        ):
            problem = f'"{name}" is twice in the same object; most readers take the last'
            self._add(name.line, problem, "merge them")
        size = sum(len(part) for part in walk(document) if isinstance(part, str))
        if size > _LARGEST:
            problem = f"the policy has {size} characters, IAM allows {_LARGEST}"
            self._add(line, problem, "split it")
            return
        if not isinstance(document, Object):
            problem = f"the policy is {json.dumps(document):.200}, expected an object"
            self._add(line, problem, "give the policy document")
            return
        members = self._read_members(document)
        if members.get("Version") != VERSION:
            line = document.lines.get("Version", document.line)
            has = json.dumps(members.get("Version")) if "Version" in members else "missing"
            problem = f"the Version is {has}, and IAM then takes an older grammar"
            self._add(line, problem, f'write "Version": "{VERSION}"', lost=False)
        statements = members.get("Statement")
        if not statements:
            line = document.lines.get("Statement", document.line)
            has = "Statement is empty" if "Statement" in members else "there is no Statement"
            self._add(line, f"{has}, so nothing is allowed", "add a statement")
            return
        listed = statements if isinstance(statements, list) else [statements]
        for number, raw in enumerate(listed, 1):
            self._name = str(number)
            yield from self._read_statement(raw, getattr(raw, "line", document.line))

    def _read_members(self, document: Object) -> dict[str, Any]:
        """The members of the document, by their correct names."""
        members = {}
        for name, value in document.items():
            fix, meaning = _find_fix(name, _DOCUMENT)
            if name not in _DOCUMENT:
                problem = f'"{name}" is not an element of a policy document'
                self._add(
                    document.lines[name], problem, fix, lost=meaning != name and meaning in document
                )
            members[meaning] = value
        return members

    def _read_statement(self, raw: Any, line: int) -> Iterator[Rule]:
        if isinstance(raw, Object):
            self._check_sid(raw)
        try:
            parsed = parse_statement(_THIS, _mask(raw) if isinstance(raw, Object) else raw)
            conditions = tuple(_read_conditions(raw))
        except PolicyError as error:
            problem = str(error).removeprefix(f"{_THIS}: ")
            name = _find_mention(raw, problem)
            fix = "correct it"
            if name is not None and name in raw and name not in _NAMES:
                fix = _find_fix(name, _NAMES)[0]
            at = line if name is None else name.line
            self._add(at, problem, fix)
            return
        actions, resources = (
            self._read_patterns(raw, "Action"),
            self._read_patterns(raw, "Resource"),
        )
        if not actions or not resources:
            return
        statement = replace(parsed, actions=actions, resources=resources)
        yield Rule(self._name, raw.line, raw.lines, statement, conditions)

    def _read_patterns(self, raw: Object, name: str) -> tuple[Text, ...]:
        """The patterns without unresolved names."""
        value: Any = raw.get(name, raw.get(f"Not{name}"))
        texts = value if isinstance(value, list) else [value]
        return tuple(text for text in texts if not any(u in text for u in self._unknown))

    def _check_sid(self, raw: Object) -> None:
        sid = raw.get("Sid", "")
        line = raw.lines.get("Sid", raw.line)
        if not isinstance(sid, str):
            return
        if not _SID.fullmatch(sid):
            problem = f'the Sid is "{sid}", IAM takes letters and digits only'
            self._add(line, problem, "remove the others", lost=False)
            return
        self._name = str(sid) or self._name
        if sid in self._sids:
            problem = f'the statement on line {self._sids[sid]} also has the Sid "{sid}"'
            self._add(line, problem, "give each statement its own", lost=False)
        if sid:
            self._sids.setdefault(sid, line)


def _mask(raw: Object) -> dict[str, Any]:
    """A statement with any patterns and no conditions: other modules check those."""
    masked = {
        name: _replace_patterns(value)
        for name, value in raw.items()
        if name.endswith(("ction", "ource"))
    }
    return {**raw, **masked, "Condition": {}}


def _replace_patterns(value: Any) -> Any:
    if isinstance(value, list):
        return [_replace_patterns(item) for item in value]
    return "*" if isinstance(value, str) else value


def _read_conditions(raw: Object) -> Iterator[WrittenCondition]:
    operators = raw.get("Condition", {})
    if not isinstance(operators, dict) or not all(isinstance(v, dict) for v in operators.values()):
        raise PolicyError("Condition must be an object of objects")
    for operator, keys in operators.items():
        for key, value in keys.items():
            items = value if isinstance(value, list) else [value]
            if not items or not all(isinstance(item, (str, int, float)) for item in items):
                raise PolicyError(f"the values of {key} must be strings")
            texts = (i if isinstance(i, str) else json.dumps(i) for i in items)
            condition = WrittenCondition(operator, Text(key, keys.lines[key]), tuple(texts))
            condition.parse()  # for its errors
            yield condition


def _find_mention(raw: Any, problem: str) -> Text | None:
    """The text of a statement that a message is about: the longest that it contains."""
    words = {word.rstrip(":") for word in re.findall(r'[^\s",]+', problem)}
    texts = (part for part in walk(raw) if isinstance(part, Text) and part in words)
    return max(texts, key=len, default=None)


def _find_fix(name: str, known: Collection[str]) -> tuple[str, str]:
    """The fix for an unknown name, and the name that it means."""
    by_lower = {k.lower(): k for k in known}
    if nearest := get_close_matches(name.lower(), by_lower, 1, cutoff=0.8):
        return f'write "{by_lower[nearest[0]]}"', by_lower[nearest[0]]
    elsewhere = ": it belongs in a bucket policy or a trust policy" * ("Principal" in name)
    return f"remove it{elsewhere}", name
