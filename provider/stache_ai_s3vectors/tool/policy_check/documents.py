"""A policy document as statements, and what IAM refuses of it. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from s3vectors_local.errors import PolicyError, UnevaluatedPolicyError
from s3vectors_local.iam import check_document, parse_statement
from s3vectors_local.iam.conditions import Condition, parse_conditions
from stache_ai_s3vectors.service.arns import BUCKET_ARN, INDEX_NAME
from stache_ai_s3vectors.tool.policy_files.collection import Extract, make_placeholder
from stache_ai_s3vectors.tool.policy_files.source import Object, Text, to_list, walk

from .arns import complete_arn
from .findings import Finding
from .statements import WrittenCondition, WrittenStatement

_LARGEST: Final = 10_240
"""Characters of all policies in a role, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

_OPTIONS: Final = {
    "AWS::AccountId": "--account",
    **dict.fromkeys(("AWS::Region", "AWS::Partition", "AWS::URLSuffix"), "--region"),
}
_THIS: Final = "the statement"
_STAND_IN: Final = "aws:PrincipalArn"
"""A condition key that the engine evaluates; it refuses to parse some others."""

_MENTION: Final = re.compile(f"{BUCKET_ARN.pattern}(/index/(?P<index>{INDEX_NAME.pattern})|/.*)?")


@dataclass(frozen=True)
class Policy:
    """A policy document.

    Args:
        name: what its file calls it; empty when the file is the policy.
        line: where it begins.
        statements: its statements that can be evaluated.
        findings: why IAM refuses the document, or what is not known of it.
    """

    name: str
    line: int
    statements: tuple[WrittenStatement, ...]
    findings: tuple[Finding, ...]

    def list_mentions(self) -> list[dict[str, str | None]]:
        """The parts of the ARNs of S3 Vectors in its Allow statements."""
        allowed = [
            statement
            for statement in self.statements
            if statement.allows and not statement.negated_resources
        ]
        matches = [
            _MENTION.fullmatch(text) for statement in allowed for text in statement.resources
        ]
        return [match.groupdict() for match in matches if match]


def read_policy(extract: Extract) -> Policy:
    """Read a policy document; the faults of its form are among its findings."""
    parts = [*_report_unresolved(extract), *_read_document(extract)]
    findings = (replace(part, policy=extract.name) for part in parts if isinstance(part, Finding))
    statements = (part for part in parts if isinstance(part, WrittenStatement))
    return Policy(extract.name, extract.line, tuple(statements), tuple(findings))


def _report_unresolved(extract: Extract) -> Iterator[Finding]:
    for name in dict.fromkeys(extract.unresolved):
        option = _OPTIONS.get(name, f"--parameter {name}=VALUE")
        plan = name.startswith("aws_")
        fix = "run terraform show -json after apply" if plan else f"give {option}"
        yield Finding(name.line, "unresolved", f"{name} is not known", fix)


def _read_document(extract: Extract) -> Iterator[WrittenStatement | Finding]:
    document, parts = extract.document, list(walk(extract.document))
    if document is None and extract.unresolved:
        return
    size = sum(len(part) for part in parts if isinstance(part, str))
    if size > _LARGEST:
        problem = f"the policy has {size} characters, IAM allows {_LARGEST}"
        yield Finding(extract.line, "malformed", problem, "split it")
        return
    for name in (n for part in parts if isinstance(part, Object) for n in part.repeats):
        problem = f'"{name}" is twice in the same object; most readers take the last'
        yield Finding(name.line, "malformed", problem, "merge them")
    try:
        check_document("the policy", document)
    except PolicyError as error:
        yield _report_refusal(error, document, extract.line)
    statements = document.get("Statement") if isinstance(document, Object) else []
    yield from _check_sids(to_list(statements))
    for number, raw in enumerate(to_list(statements), 1):
        line = getattr(raw, "line", document.line)
        yield from _read_statement(raw, str(number), line, extract)


def _check_sids(statements: list[Any]) -> Iterator[Finding]:
    lines: dict[str, int] = {}
    for number, raw in enumerate(statements, 1):
        sid = raw.get("Sid") if isinstance(raw, Object) else None
        if not sid or not isinstance(sid, str):  # the engine refuses other types
            continue
        line, name = raw.lines["Sid"], str(number)
        if not re.fullmatch("[A-Za-z0-9]*", sid):
            problem = f'the Sid is "{sid}"; IAM accepts letters and digits only'
            yield Finding(line, "malformed", problem, "remove the other characters", name)
        elif sid in lines:
            problem = f'the statement on line {lines[sid]} also has the Sid "{sid}"'
            yield Finding(line, "malformed", problem, "give each statement its own", name)
        lines.setdefault(sid, line)


def _read_statement(
    raw: Any, number: str, line: int, extract: Extract
) -> Iterator[WrittenStatement | Finding]:
    if not isinstance(raw, Object):
        yield Finding(line, "malformed", f"{_THIS} is not an object", "correct it", number)
        return
    name = str(raw.get("Sid") or number)
    texts = _list_texts(raw, extract)
    if extract.unresolved and not all(texts.values()):
        return
    completed = {member: [_complete(text) for text in texts[member]] for member in texts}
    try:
        parsed = parse_statement(_THIS, {**raw, **completed, "Condition": {}})
        written = tuple(_read_conditions(raw.get("Condition", {})))
    except PolicyError as error:
        yield replace(_report_refusal(error, raw, line), statement=name)
        return
    actions, resources = (texts.get(m, texts.get(f"Not{m}", [])) for m in ("Action", "Resource"))
    own = {"name": name, "actions": tuple(actions), "resources": tuple(resources)}
    place = {"policy": extract.name, "line": line, "written": written}
    yield WrittenStatement(**vars(parsed) | own | place)


def _list_texts(statement: Object, extract: Extract) -> dict[str, list[Any]]:
    """The actions and resources of a statement, without what is not known."""
    unknown = [make_placeholder(name) for name in extract.unresolved]
    return {
        member: [t for t in to_list(value) if not any(part in str(t) for part in unknown)]
        for member, value in statement.items()
        if member.endswith(("Action", "Resource"))
    }


def _complete(text: Any) -> Any:
    return complete_arn(text) if isinstance(text, str) else text


def _read_conditions(operators: Any) -> Iterator[WrittenCondition]:
    with suppress(UnevaluatedPolicyError):
        parse_conditions(_THIS, operators)
    for operator, keys in operators.items():
        for key, value in keys.items():
            values = " or ".join(map(json.dumps, to_list(value)))
            text = Text(f"{operator} {key} {values}", keys.lines[key])
            yield WrittenCondition(text, _parse(operator, key, value))


def _parse(operator: str, key: str, value: Any) -> Condition | None:
    """Parse a condition on any key; None if the engine does not evaluate it."""
    try:
        [parsed] = parse_conditions(_THIS, {operator: {_STAND_IN: value}})
    except UnevaluatedPolicyError:
        return None
    return replace(parsed, key=key.lower())


def _report_refusal(error: PolicyError, raw: Any, line: int) -> Finding:
    """Report what the engine refuses, at the line of the first text that it names."""
    problem = str(error).removeprefix(f"{_THIS}: ")
    texts = [text for text in walk(raw) if isinstance(text, Text)]
    lines = {form: text.line for text in texts for form in (complete_arn(text), text)}
    words = (word.rstrip(":") for word in re.findall(r'[^\s",]+', problem))
    at = next((lines[word] for word in words if word in lines), line)
    return Finding(at, "malformed", problem, "correct or remove it")
