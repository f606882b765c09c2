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
from stache_ai_s3vectors.tool.policy_files.source import Object, Text, to_list, walk

from .arns import get_service, is_like_service, parse_names
from .findings import Finding
from .statements import Rule, WrittenCondition

VERSION: Final = "2012-10-17"
_DOCUMENT: Final = ("Version", "Id", "Statement")
_NAMES: Final = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
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
        findings: why IAM refuses the document, or what is not known of it.
    """

    name: str
    line: int
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]

    def list_mentions(self) -> list[dict[str, str]]:
        """The names in ARNs of S3 Vectors in its Allow statements, misspelled ones too."""
        allowed = [rule for rule in self.rules if rule.allows and not rule.negated_resources]
        texts = [text for rule in allowed for text in rule.resources]
        return [parse_names(text) for text in texts if is_like_service(get_service(text))]


def read_policy(extract: Extract) -> Policy:
    """Read a policy document; the faults of its form are among its findings."""
    reader = _Reader(extract)
    unknown = extract.document is None and extract.unresolved
    rules = () if unknown else tuple(reader.read(extract.document))
    for name in dict.fromkeys(extract.unresolved):
        option = _OPTIONS.get(name, f"--parameter {name}=VALUE")
        plan = name.startswith("aws_")
        fix = "run terraform show -json after apply" if plan else f"give {option}"
        reader.findings.append(Finding(name.line, "unresolved", f"{name} is not known", fix))
    own = tuple(replace(finding, policy=extract.name) for finding in reader.findings)
    return Policy(extract.name, extract.line, rules, own)


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
            for number, raw in enumerate(to_list(document.get("Statement", [])), 1):
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
        is_object = isinstance(raw, Object)
        if is_object and isinstance(raw.get("Sid"), str):
            self._check_sid(raw["Sid"], raw.lines["Sid"])
        try:
            parsed = parse_statement(_THIS, _mask(raw) if is_object else raw)
            conditions = tuple(_read_conditions(raw.get("Condition", {})))
        except PolicyError as error:
            problem = str(error).removeprefix(f"{_THIS}: ")
            name = _find_mention(raw, problem)
            unknown = name is not None and name in raw and name not in _NAMES
            fix = _find_fix(str(name), _NAMES) if unknown else "correct it"
            self._add(name.line if name else line, problem, fix)
            return
        actions, resources = (
            tuple(
                text
                for text in to_list(raw.get(name, raw.get(f"Not{name}")))
                if not any(unknown in text for unknown in self._unknown)
            )
            for name in ("Action", "Resource")
        )
        if actions and resources:
            written = {"actions": actions, "resources": resources, "written": conditions}
            place = {"policy": self._extract.name, "line": raw.line, "lines": raw.lines}
            yield Rule(**vars(parsed) | {"name": self._name} | written | place)

    def _check_sid(self, sid: str, line: int) -> None:
        if not re.fullmatch("[A-Za-z0-9]*", sid):
            problem = f'the Sid is "{sid}", IAM takes letters and digits only'
            self._add(line, problem, "remove the others")
        elif sid:
            self._name = str(sid)
            if sid in self._sids:
                problem = f'the statement on line {self._sids[sid]} also has the Sid "{sid}"'
                self._add(line, problem, "give each statement its own")
            self._sids.setdefault(sid, line)


def _mask(raw: Object) -> dict[str, Any]:
    """A statement with any patterns and no conditions: other modules check those."""
    patterns = (name for name in raw if name.endswith(("ction", "ource")))
    masked = {n: ["*" if isinstance(t, str) else t for t in to_list(raw[n])] for n in patterns}
    return {**raw, **masked, "Condition": {}}


def _read_conditions(operators: Any) -> Iterator[WrittenCondition]:
    if not isinstance(operators, dict) or not all(isinstance(v, dict) for v in operators.values()):
        raise PolicyError("Condition must be an object of objects")
    for operator, keys in operators.items():
        for key, value in keys.items():
            items = to_list(value)
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
