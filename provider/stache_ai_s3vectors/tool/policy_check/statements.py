"""A statement as the engine evaluates it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from s3vectors_local.errors import UnevaluatedPolicyError
from s3vectors_local.iam import Need, Statement
from s3vectors_local.iam.conditions import OPERATORS, Condition, parse_conditions
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import can_cover, find_samples, find_variable
from .targets import PREFIX, VIA_SERVICE, Target, get_kind, list_actions

_OPERATOR: Final = re.compile(r"((?:forallvalues|foranyvalue):)?(.+?)(ifexists)?", re.IGNORECASE)
_SPELLINGS: Final = {
    text.lower(): text for text in (*OPERATORS, "ForAllValues:", "ForAnyValue:", "IfExists")
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
        parsed = self.parsed
        if parsed is None:
            return None
        # Only requests of a service for the caller have VIA_SERVICE
        if parsed.key in (*need.context, VIA_SERVICE):
            return parsed.holds(need.context)
        name = need.action.removeprefix(PREFIX)
        return parsed.holds({}) if name in list_actions() and self._is_absent(name) else None

    def is_dead(self, names: Collection[str]) -> bool:
        """Whether it can never hold: it needs a key that no request of these actions has."""
        needs = [Need(PREFIX + name, "*", {}) for name in names]
        unknown = not needs or self.key.lower() == VIA_SERVICE
        return not unknown and all(self.evaluate(need) is False for need in needs)

    def _is_absent(self, name: str) -> bool:
        key = self.key.lower()
        keys = {key, key.partition("/")[0] + "/"}
        return key.startswith(_OWN_KEYS) and not list_actions()[name].keys & keys

    @cached_property
    def parsed(self) -> Condition | None:
        """The engine's form of it, for any key; None if the engine does not evaluate it.

        Raises:
            PolicyError: IAM does not accept the operator or the values.
        """
        parts = _OPERATOR.fullmatch(self.operator)
        written = parts.groups(default="") if parts else (self.operator,)
        operator = "".join(_SPELLINGS.get(part.lower(), part) for part in written)
        try:
            [parsed] = parse_conditions(self.key, {operator: {_STAND_IN: list(self.values)}})
        except UnevaluatedPolicyError:
            return None
        return replace(parsed, key=self.key.lower())

    def __str__(self) -> str:
        values = " or ".join(f'"{value}"' for value in self.values)
        return f"{self.operator} {self.key} {values}"


@dataclass(frozen=True)
class Rule:
    """A statement that the engine can evaluate.

    Args:
        name: its Sid, else its number.
        line: where it begins.
        lines: those of its elements.
        statement: the engine's form of it, without patterns and conditions.
        actions: its Action or NotAction.
        resources: its Resource or NotResource.
        conditions: as written.
        policy: the name of its policy.
    """

    name: str
    line: int
    lines: Mapping[str, int]
    statement: Statement
    actions: tuple[Text, ...]
    resources: tuple[Text, ...]
    conditions: tuple[WrittenCondition, ...]
    policy: str

    @property
    def allows(self) -> bool:
        """Whether its Effect is Allow."""
        return self.statement.allows

    @property
    def is_negated(self) -> bool:
        """Whether it has NotAction or NotResource."""
        return self.statement.negated_actions or self.statement.negated_resources

    def evaluate(self, need: Need) -> bool | None:
        """Whether it applies to a request; None if that cannot be known."""
        answers = [self.match(need), *(condition.evaluate(need) for condition in self.conditions)]
        if False in answers:
            return False
        return None if None in answers else True

    def match(self, need: Need) -> bool | None:
        """Whether it applies, its conditions aside; None if a policy variable decides."""
        matching = [text for text in self.resources if can_cover(text, need.resource)]
        fixed = [text for text in matching if find_variable(text) is None]
        possible, certain = (self._apply(need, covers=bool(texts)) for texts in (matching, fixed))
        return certain if certain == possible else None

    def _apply(self, need: Need, *, covers: bool) -> bool:
        """Ask the engine, which needs complete ARNs."""
        arns = (need.resource,) if covers else ()
        return replace(self.statement, actions=self.actions, resources=arns).applies(need)

    def is_about(self, action: str) -> bool:
        """Whether it names an action, on any resource."""
        named = any(matches_action(item, action) for item in self.actions)
        return named is not self.statement.negated_actions

    def list_reached(self, target: Target, *, conditions: bool = False) -> tuple[str, ...]:
        """The actions of S3 Vectors, without prefix, that it applies to on any resource.

        Args:
            target: its bucket, its indexes and their neighbours are tried.
            conditions: whether its conditions count.
        """
        samples = {arn for item in self.resources for arn in find_samples(item).values()}
        arns = {*target.arns, *target.strangers, *samples, "*"}
        answer = self.evaluate if conditions else self.match
        return tuple(
            name
            for name, action in list_actions().items()
            if any(
                answer(target.make_need(PREFIX + name, arn)) is not False
                for arn in arns
                if get_kind(arn) in (action.kinds or {""})
            )
        )
