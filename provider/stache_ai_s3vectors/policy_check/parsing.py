"""A JSON document as statements, and what of it IAM does not take. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from .findings import MALFORMED, Finding, listed
from .reading import Array, Member, Node, Object
from .statements import Condition, Patterns, Policy, Statement, Text

VERSION: Final = "2012-10-17"
_DOCUMENT: Final = ("Version", "Id", "Statement")
_STATEMENT: Final = (
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_PRINCIPALS: Final = ("Principal", "NotPrincipal")
_SID: Final = re.compile(r"[A-Za-z0-9]*")
_WRAPPERS: Final = {
    "PolicyDocument": "PolicyDocument",
    "PolicyVersion": "PolicyVersion.Document",
    "Document": "Document",
}
"""Members that AWS prints a policy document in, and the way to it."""


def parse(document: Node) -> Policy:
    """The statements of a policy document; what is misspelled is taken as it was meant."""
    parser = _Parser()
    statements = tuple(parser.document(document))
    return Policy(statements=statements, findings=tuple(parser.findings), whole=parser.whole)


class _Parser:
    """Collects what is wrong; `whole` until something can be taken in several ways."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.whole = True
        self._sids: dict[str, int] = {}

    def _wrong(self, line: int, problem: str, fix: str) -> None:
        self.findings.append(Finding(line, MALFORMED, problem, fix))

    def _lost(self, line: int, problem: str, fix: str) -> None:
        self.whole = False
        self._wrong(line, problem, fix)

    def document(self, node: Node) -> Iterator[Statement]:
        self._repeats(node)
        if not isinstance(node.value, Object):
            self._lost(node.line, f"the file holds {_what(node)}", "give the policy document")
            return
        wrapper = next((m for m in node.value.members if m.name in _WRAPPERS), None)
        if wrapper and node.value.get("Statement") is None:
            path = _WRAPPERS[wrapper.name]
            problem = f"the policy document is inside of {path}, as the AWS CLI prints it"
            self._lost(wrapper.line, problem, f"give what is in it: --query {path}, or jq .{path}")
            return
        members = self._members(node.value, _DOCUMENT, "a policy document")
        self._version(node.line, members.get("Version"))
        yield from self._statements(node.line, members.get("Statement"))

    def _repeats(self, node: Node) -> None:
        """Names that are twice in one object, anywhere."""
        if isinstance(node.value, Array):
            for item in node.value.items:
                self._repeats(item)
        if isinstance(node.value, Object):
            first: dict[str, int] = {}
            for member in node.value.members:
                if member.name in first:
                    before = f'"{member.name}" is here and on line {first[member.name]}'
                    self._lost(
                        member.line,
                        f"{before} of the same object; most readers take the last",
                        "put both into one",
                    )
                first[member.name] = member.line
                self._repeats(member.node)

    def _members(self, found: Object, known: Collection[str], where: str) -> dict[str, Member]:
        members = {}
        for member in found.members:
            name = member.name
            if name not in known:
                meant = _nearest(name, known)
                fix = f'write "{meant}"' if meant else "remove it"
                if name in _PRINCIPALS:
                    fix = "remove it, it belongs into a bucket policy or a trust policy"
                problem = f'"{name}" is no element of {where}, those are {listed(known)}'
                self._wrong(member.line, problem, fix)
                name = meant or name
                self.whole = self.whole and name not in members
            members[name] = member
        return members

    def _version(self, line: int, member: Member | None) -> None:
        if member is None:
            problem = "there is no Version, and without it IAM takes the grammar of 2008-10-17"
            self._wrong(line, problem, f'write "Version": "{VERSION}"')
        elif member.node.value != VERSION:
            problem = f"the Version is {_what(member.node)}, current is {VERSION}"
            self._wrong(member.line, problem, f'write "Version": "{VERSION}"')

    def _statements(self, line: int, member: Member | None) -> Iterator[Statement]:
        if member is None:
            self._lost(line, "there is no Statement, so nothing is allowed", 'write "Statement"')
            return
        nodes = member.node.value.items if isinstance(member.node.value, Array) else [member.node]
        if not nodes:
            self._lost(member.line, "Statement is empty, so nothing is allowed", "add a statement")
        for node in nodes:
            if isinstance(node.value, Object):
                yield from self._statement(node.line, node.value)
            else:
                self._lost(node.line, f"a statement is {_what(node)}", "write an object: {…}")

    def _statement(self, line: int, found: Object) -> Iterator[Statement]:
        members = self._members(found, _STATEMENT, "a statement in an identity policy")
        self._sid(members.get("Sid"))
        allows = self._effect(line, members.get("Effect"))
        actions = self._either(line, members, "Action")
        resources = self._either(line, members, "Resource")
        conditions = tuple(self._conditions(members.get("Condition")))
        if allows is not None and actions and resources:
            yield Statement(line, allows, actions, resources, conditions)

    def _sid(self, member: Member | None) -> None:
        if member is None:
            return
        sid = member.node.value
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            problem = f"the Sid is {_what(member.node)}, IAM takes letters and digits only"
            self._wrong(member.line, problem, "remove the others")
        elif sid and sid in self._sids:
            problem = f'the Sid "{sid}" is that of the statement on line {self._sids[sid]}, too'
            self._wrong(member.line, problem, "give each statement its own")
        else:
            self._sids[sid] = member.line

    def _effect(self, line: int, member: Member | None) -> bool | None:
        if member is None:
            self._lost(line, "the statement has no Effect", 'write "Effect": "Allow"')
            return None
        effect = member.node.value
        if effect in ("Allow", "Deny"):
            return effect == "Allow"
        meant = _nearest(effect, ("Allow", "Deny")) if isinstance(effect, str) else None
        problem = f"the Effect is {_what(member.node)}, IAM takes Allow or Deny"
        if meant:
            self._wrong(member.line, problem, f'write "{meant}"')
            return meant == "Allow"
        self._lost(member.line, problem, 'write "Allow" or "Deny"')
        return None

    def _either(self, line: int, members: dict[str, Member], name: str) -> Patterns | None:
        found = [members[n] for n in (name, f"Not{name}") if n in members]
        if len(found) != 1:
            has = f"neither {name} nor" if not found else f"both {name} and"
            self._lost(line, f"the statement has {has} Not{name}", f"give one, mostly {name}")
            return None
        [member] = found
        texts = self._texts(member.name, member.node)
        if texts is None:
            return None
        return Patterns(member.line, texts, but=f"Not{name}" in members)

    def _texts(self, name: str, node: Node) -> tuple[Text, ...] | None:
        items = node.value.items if isinstance(node.value, Array) else (node,)
        if not items:
            self._lost(node.line, f"{name} is an empty list", "name what is meant")
        texts = []
        for item in items:
            if isinstance(item.value, str):
                texts.append(Text(item.line, item.value))
            else:
                problem = f"{name} has {_what(item)}, IAM takes a string or a list of strings"
                self._lost(item.line, problem, "write a string")
        return tuple(texts) or None

    def _conditions(self, member: Member | None) -> Iterator[Condition]:
        if member is None:
            return
        for operator, keys in self._objects(member, '{"Bool": {"aws:SecureTransport": "true"}}'):
            for key in keys.members:
                items = key.node.value.items if isinstance(key.node.value, Array) else [key.node]
                values = tuple(text for item in items if (text := _value(item)) is not None)
                if len(values) < len(items) or not items:
                    problem = f"the value of {key.name} is {_what(key.node)}, IAM takes strings"
                    self._lost(key.line, problem, "write a string or a list of strings")
                else:
                    yield Condition(key.line, operator, key.name, values)

    def _objects(self, member: Member, example: str) -> Iterator[tuple[str, Object]]:
        """The operators of a Condition and what each has."""
        if not isinstance(member.node.value, Object):
            problem = f"the Condition is {_what(member.node)}, IAM takes an object of objects"
            self._lost(member.line, problem, f"write it as {example}")
            return
        for operator in member.node.value.members:
            if isinstance(operator.node.value, Object):
                yield operator.name, operator.node.value
            else:
                problem = f"{operator.name} has {_what(operator.node)}, IAM takes an object"
                self._lost(operator.line, problem, f"write it as {example}")


def _value(node: Node) -> str | None:
    """IAM takes numbers and booleans without quotation marks, too."""
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return str(node.value) if isinstance(node.value, (str, float)) else None


def _nearest(name: str, known: Collection[str]) -> str | None:
    by_lower = {k.lower(): k for k in known}
    found = get_close_matches(name.lower(), by_lower, 1, cutoff=0.8)
    return by_lower[found[0]] if found else None


def _what(node: Node) -> str:
    """A value in words."""
    if isinstance(node.value, str):
        return f'"{node.value}"' if node.value else "an empty string"
    if isinstance(node.value, Array):
        return "a list" if node.value.items else "an empty list"
    if isinstance(node.value, Object):
        return "an object"
    if node.value is None or isinstance(node.value, bool):
        return {None: "null", True: "true", False: "false"}[node.value]
    return f"the number {node.value:g}"
