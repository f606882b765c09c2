"""A statement as the engine evaluates it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from s3vectors_local.errors import UnevaluatedPolicyError
from s3vectors_local.iam import Need, Statement
from s3vectors_local.iam.conditions import OPERATORS, Condition, parse_conditions
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import find_kinds, replace_variables
from .findings import Finding
from .targets import VIA_SERVICE, Target, list_actions

_SPELLINGS: Final = {
    text.lower(): text
    for operator in OPERATORS
    for quantifier in ("", "ForAllValues:", "ForAnyValue:")
    for text in (f"{quantifier}{operator}", f"{quantifier}{operator}IfExists")
}
_OWN_KEYS: Final = ("s3:", "s3vectors:", "aws:tagkeys", "aws:requesttag/", "aws:resourcetag/")
"""Prefixes of keys of which the engine knows the requests that have them."""

_STAND_IN: Final = "aws:PrincipalArn"
"""A key that the engine evaluates; it refuses to parse some others."""


@dataclass(frozen=True)
class WrittenCondition:
    """One operator on one condition key, as written; all conditions of a statement must hold."""

    operator: str
    key: Text
    values: tuple[str, ...]

    def evaluate(self, need: Need) -> bool | None:
        """Whether it holds for a request; None if that cannot be known."""
        key, parsed = self.key.lower(), self.parsed
        # Only requests of a service for the caller have VIA_SERVICE
        known = key in (*need.context, VIA_SERVICE) or self._is_absent(need.action)
        return replace(parsed, key=key).holds(need.context) if parsed and known else None

    def is_dead(self, actions: Collection[str]) -> bool:
        """Whether it never holds, because no request of these actions has its key."""
        needs = [Need(action, "*", {}) for action in actions]
        return bool(needs) and all(
            self._is_absent(need.action) and self.evaluate(need) is False for need in needs
        )

    def _is_absent(self, action: str) -> bool:
        key, known = self.key.lower(), list_actions().get(action)
        keys = {key, key.partition("/")[0] + "/"}
        return known is not None and key.startswith(_OWN_KEYS) and not known.keys & keys

    @cached_property
    def parsed(self) -> Condition | None:
        """The engine's form of it, for any key; None if the engine does not evaluate it.

        Raises:
            PolicyError: IAM does not accept the operator or the values.
        """
        operator = _SPELLINGS.get(self.operator.lower(), self.operator)
        try:
            [parsed] = parse_conditions(self.key, {operator: {_STAND_IN: list(self.values)}})
        except UnevaluatedPolicyError:
            return None
        return parsed

    def __str__(self) -> str:
        values = " or ".join(f'"{value}"' for value in self.values)
        return f"{self.operator} {self.key} {values}"


@dataclass(frozen=True, kw_only=True)
class Rule(Statement):
    """A statement of the engine, with what is written in its document.

    Args:
        name: its Sid, else its number.
        actions: its Action or NotAction.
        resources: its Resource or NotResource.
        written: its conditions; the engine's form has none.
        policy: the name of its policy.
        line: where it begins.
        lines: those of its elements.
    """

    actions: tuple[Text, ...]
    resources: tuple[Text, ...]
    written: tuple[WrittenCondition, ...]
    policy: str
    line: int
    lines: Mapping[str, int]

    @property
    def is_negated(self) -> bool:
        """Whether it has NotAction or NotResource."""
        return self.negated_actions or self.negated_resources

    def report(self, line: int, kind: str, problem: str, fix: str) -> Finding:
        """Make a finding about the statement."""
        return Finding(line, kind, problem, fix, self.name, self.policy)

    def evaluate(self, need: Need) -> bool | None:
        """Whether it applies to a request; None if that cannot be known."""
        answers = [self.match(need), *(condition.evaluate(need) for condition in self.written)]
        return False if False in answers else None if None in answers else True

    def can_hold(self, need: Need) -> bool:
        """Whether its conditions hold for a request, or may."""
        return False not in [condition.evaluate(need) for condition in self.written]

    def match(self, need: Need) -> bool | None:
        """Whether it applies, its conditions aside; None if a policy variable decides."""
        answer = self.applies(need)
        return answer if self._widest.applies(need) is answer else None

    @cached_property
    def _widest(self) -> Statement:
        items = (Text(replace_variables(item), item.line) for item in self.resources)
        return replace(self, resources=tuple(items))

    def is_about(self, action: str) -> bool:
        """Whether it names an action, on any resource."""
        named = any(matches_action(item, action) for item in self.actions)
        return named is not self.negated_actions

    def list_reached(self, target: Target) -> tuple[str, ...]:
        """The actions of S3 Vectors that it matches on any resource.

        The target's resources, their neighbours and what the statement names are tried.
        """
        arns = {*target.arns, *target.strangers, *self.resources, "*"}
        return tuple(
            name
            for name, action in list_actions().items()
            if self.is_about(name)
            and any(
                self.match(target.make_need(name, arn)) is not False
                for arn in arns
                if (find_kinds(arn) & action.kinds if action.kinds else arn == "*")
            )
        )
