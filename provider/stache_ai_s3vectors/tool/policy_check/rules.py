"""A statement as the engine evaluates it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from s3vectors_local.iam import Need, Statement
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.tool.policy_files.source import Text

from .conditions import WrittenCondition
from .resources import expand_arns, find_samples, find_variable
from .service import PREFIX, expand_action, get_kind, list_actions
from .targets import Target


@dataclass(frozen=True)
class Rule:
    """A statement that the engine can evaluate.

    Args:
        name: its Sid, else its number.
        line: where it begins.
        lines: those of its elements.
        statement: as written, without its conditions; its patterns are `Text`.
        conditions: as written.
        policy: the name of its policy.
    """

    name: str
    line: int
    lines: Mapping[str, int]
    statement: Statement
    conditions: tuple[WrittenCondition, ...]
    policy: str = ""

    @property
    def allows(self) -> bool:
        """Whether its Effect is Allow."""
        return self.statement.allows

    @property
    def actions(self) -> tuple[Text, ...]:
        """Its Action or NotAction."""
        return tuple(t for t in self.statement.actions if isinstance(t, Text))

    @property
    def resources(self) -> tuple[Text, ...]:
        """Its Resource or NotResource."""
        return tuple(t for t in self.statement.resources if isinstance(t, Text))

    @property
    def is_negated(self) -> bool:
        """Whether it has NotAction or NotResource."""
        return self.statement.negated_actions or self.statement.negated_resources

    def replace_members(self, **members: Any) -> Rule:
        """Make a rule with other members of the statement."""
        return replace(self, statement=replace(self.statement, **members))

    def evaluate(self, need: Need) -> bool | None:
        """Whether it applies to a request; None if that cannot be known."""
        answers = [self.match(need), *(condition.evaluate(need) for condition in self.conditions)]
        if False in answers:
            return False
        return None if None in answers else True

    def match(self, need: Need) -> bool | None:
        """Whether it applies, its conditions aside."""
        possible, certain = (statement.applies(need) for statement in self._evaluated)
        return certain if certain == possible else None

    @cached_property
    def _evaluated(self) -> tuple[Statement, Statement]:
        """The statement if each policy variable has the right value, and if none has."""
        fixed = (text for text in self.resources if find_variable(text) is None)
        possible, certain = (
            tuple(arn for text in texts for arn in expand_arns(text))
            for texts in (self.resources, fixed)
        )
        return replace(self.statement, resources=possible), replace(
            self.statement, resources=certain
        )

    def is_about(self, action: str) -> bool:
        """Whether it names an action, on any resource."""
        named = any(matches_action(item, action) for item in self.actions)
        return named is not self.statement.negated_actions

    def can_cover(self, arn: str) -> bool:
        """Whether it names, or can name, a resource, for any action."""
        return any(
            replace(statement, actions=("*",), negated_actions=False).applies(Need("", arn, {}))
            for statement in self._evaluated
        )

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

    @property
    def names_service(self) -> bool:
        """Whether it can name actions of S3 Vectors."""
        return self.statement.negated_actions or any(map(expand_action, self.actions))
