"""Identity policies: read strictly, evaluated the way IAM does.

An explicit deny wins, then an allow, else the request is denied. Whatever is not evaluated
here (other condition keys and operators, policy variables, principals) is refused when the
policy is read: a policy that is silently half-understood proves nothing.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from s3vectors_local.errors import AccessDeniedException, PolicyError

from .conditions import Condition, parse_conditions
from .needs import ACTIONS, Need
from .patterns import matches_action, matches_arn, whole_arn

_ACTION: Final = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_WILDCARD_SERVICE: Final = re.compile(r"(?:[^:]*:){2}[^:]*[*?]")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"""
_MEMBERS: Final = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy; `name` says which, for messages."""

    name: str
    allows: bool
    actions: tuple[str, ...]
    negated_actions: bool
    resources: tuple[str, ...]
    negated_resources: bool
    conditions: tuple[Condition, ...]

    def applies(self, need: Need) -> bool:
        """Whether the statement is about what is needed."""
        return (
            any(matches_action(p, need.action) for p in self.actions) is not self.negated_actions
            and any(matches_arn(p, need.resource) for p in self.resources)
            is not self.negated_resources
            and all(condition.holds(need.context) for condition in self.conditions)
        )


class Policies:
    """The identity policies of one principal, and what of them has been used.

    Args:
        documents: policy documents, as JSON text or as what it says.

    Raises:
        PolicyError: one cannot be read, or not evaluated; the text says where and why.
    """

    def __init__(self, *documents: str | Mapping[str, Any]) -> None:
        self._statements = [s for n, d in enumerate(documents, 1) for s in _statements(n, d)]
        self._used: set[tuple[str, str]] = set()

    def check(self, needs: Sequence[Need], principal: str) -> None:
        """Refuse a request unless all that it needs is allowed.

        Raises:
            AccessDeniedException: in AWS's words, for the first need that is not.
        """
        granting = [self._granting(need, principal) for need in needs]
        for need, statements in zip(needs, granting, strict=True):
            for statement in statements:
                self._use(statement, need)

    def _granting(self, need: Need, principal: str) -> list[Statement]:
        applying = [statement for statement in self._statements if statement.applies(need)]
        if applying and all(statement.allows for statement in applying):
            return applying
        reason = f"because no identity-based policy allows the {need.action} action"
        if any(not statement.allows for statement in applying):
            reason = "with an explicit deny in an identity-based policy"
        raise AccessDeniedException(
            f"User: {principal} is not authorized to perform: {need.action} on resource: "
            f"{need.resource} {reason}"
        )

    def _use(self, statement: Statement, need: Need) -> None:
        self._used.add((statement.name, need.action))
        if not statement.negated_resources:
            matching = (p for p in statement.resources if matches_arn(p, need.resource))
            self._used |= {(statement.name, pattern) for pattern in matching}

    def unused(self) -> list[str]:
        """What the policies grant and no request has needed so far, one sentence each."""
        return [
            f"{statement.name}: {what}"
            for statement in self._statements
            if statement.allows
            for what in self._unused_of(statement)
        ]

    def _unused_of(self, statement: Statement) -> list[str]:
        granted = sorted(_granted(statement))
        unknown = [p for p in statement.actions if _ours(p) and not _expanded(p)]
        resources = statement.resources if granted and not statement.negated_resources else ()
        return [
            *(f"{pattern} is no action of S3 Vectors" for pattern in unknown),
            *(
                f"{name} was granted and never used"
                for name in (*granted, *resources)
                if (statement.name, name) not in self._used
            ),
        ]


def _granted(statement: Statement) -> set[str]:
    named = {action for pattern in statement.actions for action in _expanded(pattern)}
    return set(ACTIONS) - named if statement.negated_actions else named


def _ours(pattern: str) -> bool:
    return pattern.lower().startswith("s3vectors:")


def _expanded(pattern: str) -> list[str]:
    return [action for action in ACTIONS if matches_action(pattern, action)]


def _statements(number: int, document: str | Mapping[str, Any]) -> list[Statement]:
    name = f"policy {number}"
    if isinstance(document, str):
        try:
            document = json.loads(document, object_pairs_hook=_without_repeats)
        except ValueError as error:
            raise PolicyError(f"{name} is not valid JSON: {error}") from error
    if not isinstance(document, Mapping) or not document.get("Statement"):
        raise PolicyError(f"{name} has no Statement")
    if unknown := document.keys() - {"Version", "Id", "Statement"}:
        raise PolicyError(f"{name} has {_listed(unknown)}, which is not evaluated here")
    if document.get("Version") != "2012-10-17":
        raise PolicyError(f'{name} must say "Version": "2012-10-17"')
    found = document["Statement"]
    statements = found if isinstance(found, list) else [found]
    return [_statement(f"{name}, statement {n}", s) for n, s in enumerate(statements, 1)]


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(f"an object has one of {_listed(members)} twice")
    return members


def _statement(name: str, told: Any) -> Statement:
    if not isinstance(told, Mapping):
        raise PolicyError(f"{name} is not an object")
    if unknown := told.keys() - _MEMBERS:
        raise PolicyError(f"{name} has {_listed(unknown)}, which is not evaluated here")
    if told.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f'{name} needs "Effect": "Allow" or "Deny"')
    actions, negated_actions = _either(name, told, "Action")
    resources, negated_resources = _either(name, told, "Resource")
    for pattern in actions:
        if not _ACTION.fullmatch(pattern):
            raise PolicyError(f'{name}: "{pattern}" is neither "*" nor SERVICE:ACTION')
    for pattern in resources:
        _check_resource(name, pattern)
    sid = told.get("Sid")
    return Statement(
        name=f"{name} ({sid})" if sid else name,
        allows=told["Effect"] == "Allow",
        actions=actions,
        negated_actions=negated_actions,
        resources=resources,
        negated_resources=negated_resources,
        conditions=parse_conditions(name, told.get("Condition", {})),
    )


def _either(name: str, told: Mapping[str, Any], member: str) -> tuple[tuple[str, ...], bool]:
    present = [m for m in (member, f"Not{member}") if m in told]
    if len(present) != 1:
        raise PolicyError(f"{name} needs either {member} or Not{member}")
    found = told[present[0]]
    patterns = found if isinstance(found, list) else [found]
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise PolicyError(f"{name}: {present[0]} must be a string or a list of strings")
    return tuple(patterns), present[0] != member


def _check_resource(name: str, pattern: str) -> None:
    if "${" in pattern:
        raise PolicyError(f"{name}: policy variables are not evaluated here: {pattern}")
    if not whole_arn(pattern):
        raise PolicyError(f'{name}: "{pattern}" is neither "*" nor a whole ARN')
    if _WILDCARD_SERVICE.match(pattern):
        raise PolicyError(f"{name}: the service in an ARN takes no wildcard: {pattern}")


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))
