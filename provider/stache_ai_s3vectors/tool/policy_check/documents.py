"""A policy document as statements, and what IAM refuses of it. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from s3vectors_local.errors import PolicyError
from s3vectors_local.iam import parse_statement
from stache_ai_s3vectors.tool.policy_files.outputs import Extract, make_placeholder
from stache_ai_s3vectors.tool.policy_files.source import Object, Text, walk

from .arns import get_service, is_like_service, parse_names
from .findings import Finding
from .statements import Rule, WrittenCondition

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
    """

    name: str
    line: int
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether all of it can be evaluated."""
        return not self.findings

    def list_mentions(self) -> list[dict[str, str]]:
        """The names in ARNs of S3 Vectors in its Allow statements, misspelled ones too."""
        allowed = (r for r in self.rules if r.allows and not r.statement.negated_resources)
        texts = [text for rule in allowed for text in rule.resources]
        return [parse_names(text) for text in texts if is_like_service(get_service(text))]


def read_policy(extract: Extract) -> Policy:
    """Read a policy document; the faults of its form are among its findings."""
    reader = _Reader(extract)
    unknown = extract.document is None and extract.unresolved
    rules = () if unknown else tuple(reader.read(extract.document))
    findings = reader.findings + [
        Finding(name.line, "unresolved", f"{name} is not known", _explain_unknown(name))
        for name in dict.fromkeys(extract.unresolved)
    ]
    own = tuple(replace(finding, policy=extract.name) for finding in findings)
    return Policy(extract.name, extract.line, rules, own)


def _explain_unknown(name: str) -> str:
    if name.startswith("aws_"):
        return "run terraform show -json after apply"
    return f"give {_OPTIONS.get(name, f'--parameter {name}=VALUE')}"


class _Reader:
    """Reads the statements of one policy, and collects the faults."""

    def __init__(self, extract: Extract) -> None:
        self._extract = extract
        self._unknown = [make_placeholder(name) for name in extract.unresolved]
        self._sids: dict[str, int] = {}
        self._name = ""
        self.findings: list[Finding] = []

    def _add(self, line: int, problem: str, fix: str) -> None:
        self.findings.append(Finding(line, "malformed", problem, fix, self._name))

    def read(self, document: Any) -> Iterator[Rule]:
        parts = list(walk(document))
        for name in (n for part in parts if isinstance(part, Object) for n in part.repeats):
            problem = f'"{name}" is twice in the same object; most readers take the last'
            self._add(name.line, problem, "merge them")
        size = sum(len(part) for part in parts if isinstance(part, str))
        if size > _LARGEST:
            problem = f"the policy has {size} characters, IAM allows {_LARGEST}"
            self._add(self._extract.line, problem, "split it")
        elif not isinstance(document, Object):
            problem = f"the policy is {json.dumps(document):.200}, expected an object"
            self._add(self._extract.line, problem, "give the policy document")
        else:
            self._check_members(document)
            element = document.get("Statement", [])
            for number, raw in enumerate(element if isinstance(element, list) else [element], 1):
                self._name = str(number)
                yield from self._read_statement(raw, getattr(raw, "line", document.line))

    def _check_members(self, document: Object) -> None:
        unknown = [name for name in document if name not in _DOCUMENT]
        for name in unknown:
            problem = f'"{name}" is not an element of a policy document'
            self._add(document.lines[name], problem, _find_fix(name, _DOCUMENT))
        if document.get("Version") != VERSION:
            has = json.dumps(document["Version"]) if "Version" in document else "missing"
            problem = f"the Version is {has}, and IAM then takes an older grammar"
            line = document.lines.get("Version", document.line)
            self._add(line, problem, f'write "Version": "{VERSION}"')
        # Without it, an unknown element is a misspelled Statement
        if not document.get("Statement") and ("Statement" in document or not unknown):
            has = "Statement is empty" if "Statement" in document else "there is no Statement"
            line = document.lines.get("Statement", document.line)
            self._add(line, f"{has}, so nothing is allowed", "add a statement")

    def _read_statement(self, raw: Any, line: int) -> Iterator[Rule]:
        if isinstance(raw, Object):
            self._check_sid(raw)
        try:
            parsed = parse_statement(_THIS, _mask(raw) if isinstance(raw, Object) else raw)
            conditions = tuple(_read_conditions(raw))
        except PolicyError as error:
            problem = str(error).removeprefix(f"{_THIS}: ")
            name = _find_mention(raw, problem)
            unknown = name is not None and name in raw and name not in _NAMES
            fix = _find_fix(str(name), _NAMES) if unknown else "correct it"
            self._add(name.line if name else line, problem, fix)
            return
        actions, resources = (self._read_patterns(raw, name) for name in ("Action", "Resource"))
        if actions and resources:
            members = (parsed, actions, resources, conditions, self._extract.name)
            yield Rule(self._name, raw.line, raw.lines, *members)

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
            self._add(line, problem, "remove the others")
            return
        self._name = str(sid) or self._name
        if sid in self._sids:
            problem = f'the statement on line {self._sids[sid]} also has the Sid "{sid}"'
            self._add(line, problem, "give each statement its own")
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
            _ = condition.parsed  # for its errors
            yield condition


def _find_mention(raw: Any, problem: str) -> Text | None:
    """The text of a statement that a message is about: the longest that it contains."""
    words = {word.rstrip(":") for word in re.findall(r'[^\s",]+', problem)}
    texts = (part for part in walk(raw) if isinstance(part, Text) and part in words)
    return max(texts, key=len, default=None)


def _find_fix(name: str, known: Collection[str]) -> str:
    """The fix for an unknown name."""
    by_lower = {k.lower(): k for k in known}
    if nearest := get_close_matches(name.lower(), by_lower, 1, cutoff=0.8):
        return f'write "{by_lower[nearest[0]]}"'
    elsewhere = ": it belongs in a bucket policy or a trust policy" * ("Principal" in name)
    return f"remove it{elsewhere}"
