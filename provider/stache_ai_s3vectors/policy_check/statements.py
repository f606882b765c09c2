"""The statements of a policy, and what they are about. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .findings import Finding
from .patterns import covers, matches_action


@dataclass(frozen=True)
class Text:
    """A string of the file and its line."""

    line: int
    text: str


@dataclass(frozen=True)
class Condition:
    """One operator on one condition key; all conditions of a statement must hold."""

    line: int
    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Patterns:
    """What Action or NotAction, Resource or NotResource has; `but`: all except these."""

    line: int
    items: tuple[Text, ...]
    but: bool


@dataclass(frozen=True)
class Statement:
    """One statement that can be evaluated."""

    line: int
    allows: bool
    actions: Patterns
    resources: Patterns
    conditions: tuple[Condition, ...]

    def names(self, action: str) -> bool:
        """Whether it is about an action, such as "s3vectors:GetIndex"."""
        return self.actions.but is not any(
            matches_action(item.text, action) for item in self.actions.items
        )

    def covers(self, arn: str) -> bool:
        """Whether it is about a resource, or can be by its policy variables."""
        return self.resources.but is not any(
            covers(item.text, arn) for item in self.resources.items
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What was read.

    Args:
        statements: those that can be evaluated.
        findings: why IAM, or a reader, would not take the file as it is.
        whole: whether all of the file can be evaluated.
    """

    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]
    whole: bool
