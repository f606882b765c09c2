"""A statement as the engine evaluates it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from s3vectors_local.iam import Need, Statement
from s3vectors_local.iam.conditions import Condition
from s3vectors_local.iam.patterns import matches_action
from stache_ai_s3vectors.tool.policy_files.source import Text

from .arns import can_cover, replace_variables
from .findings import Finding
from .targets import PREFIX, VIA_SERVICE, Target, list_actions


@dataclass(frozen=True)
class WrittenCondition:
    """One operator on one condition key; all conditions of a statement must hold.

    Args:
        text: for example `Bool aws:SecureTransport "true"`.
        parsed: the engine's form; None if it does not evaluate the condition.
    """

    text: Text
    parsed: Condition | None

    def evaluate(self, need: Need) -> bool | None:
        """Whether it holds for a request; None if that cannot be known."""
        if self.parsed is None:
            return None
        key = self.parsed.key
        # Only requests of a service for the caller have VIA_SERVICE
        known = key in (*need.context, VIA_SERVICE) or self._is_absent(key, need.action)
        return self.parsed.holds(need.context) if known else None

    def _is_absent(self, key: str, action: str) -> bool:
        """Whether requests of some actions have a key, and those of this one do not."""
        short = f"{key.partition('/')[0]}/" if "/" in key else key
        having = {name for name, known in list_actions().items() if short in known.keys}
        return bool(having) and action in list_actions().keys() - having


@dataclass(frozen=True, kw_only=True)
class WrittenStatement(Statement):
    """A statement of the engine, with what is written in its document.

    Args:
        name: its Sid, else its number.
        actions: its Action or NotAction.
        resources: its Resource or NotResource.
        written: its conditions; the engine's form has none.
        policy: the name of its policy.
        line: where it begins.
    """

    actions: tuple[Text, ...]
    resources: tuple[Text, ...]
    written: tuple[WrittenCondition, ...]
    policy: str
    line: int

    @property
    def names_only_service_actions(self) -> bool:
        """Whether it names actions of S3 Vectors only, and resources."""
        own = all(item.lower().startswith(PREFIX) for item in self.actions)
        return own and not (self.negated_actions or self.negated_resources)

    def report(self, line: int, kind: str, problem: str, fix: str) -> Finding:
        """Make a finding about the statement."""
        return Finding(line, kind, problem, fix, self.name, self.policy)

    def evaluate(self, need: Need) -> bool | None:
        """Whether it applies to a request; None if that cannot be known."""
        answers = [self.match(need), *(condition.evaluate(need) for condition in self.written)]
        return False if False in answers else None if None in answers else True

    def match(self, need: Need) -> bool | None:
        """Whether it applies, its conditions aside; None if a policy variable decides."""
        answer = self.applies(need)
        return answer if self._widest.applies(need) is answer else None

    @cached_property
    def _widest(self) -> Statement:
        items = (Text(replace_variables(item), item.line) for item in self.resources)
        return replace(self, resources=tuple(items))

    def explain_doubt(self, need: Need) -> tuple[int, str]:
        """The line of the text that decides whether it applies to a request, and the reason."""
        answers = [(condition.evaluate(need), condition) for condition in self.written]
        doubts = [pair for pair in answers if pair[0] is not True]
        if doubts:
            answer, condition = min(doubts, key=lambda pair: pair[0] is None)
            known = "it does not hold" if answer is False else "that cannot be known here"
            return condition.text.line, f"if {condition.text} holds, and {known}"
        items = (item for item in self.resources if replace_variables(item) != item)
        item = next(item for item in items if can_cover(item, need.resource))
        return item.line, f'where the policy variable in "{item}" has that value'

    def is_about(self, action: str) -> bool:
        """Whether it names an action, on any resource."""
        named = any(matches_action(item, action) for item in self.actions)
        return named is not self.negated_actions

    def list_reached(self, target: Target) -> set[str]:
        """The actions of S3 Vectors, and those on the key, that it applies to on some resource."""
        probes = (need for need in target.list_probes(self) if self.is_about(need.action))
        return {need.action for need in probes if self.evaluate(need) is not False}
