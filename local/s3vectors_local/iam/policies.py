"""Policies: read strictly, evaluated the way IAM does.

An explicit deny in any policy wins. In one account an identity policy or the bucket policy must
allow a request, between accounts both. Whatever is not evaluated here (other condition keys and
operators, policy variables, NotPrincipal) is refused when the policy is read: a policy that is
silently half-understood proves nothing.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from s3vectors_local.arns import Caller, account_of
from s3vectors_local.errors import (
    AccessDeniedException,
    PolicyError,
    UnevaluatedPolicyError,
    printable,
)

from .conditions import Condition, parse_conditions, parse_each
from .needs import ACTIONS, Need
from .patterns import matches_action, matches_arn, whole_arn
from .principals import Principals, parse_principals

_ACTION: Final = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_LEVELS: Final = 20
"""Objects and lists within each other; a policy has six."""

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
    """One statement of a policy.

    Args:
        name: which one it is, for messages.
        principals: whom it is about; None in an identity policy.
    """

    name: str
    allows: bool
    actions: tuple[str, ...]
    negated_actions: bool
    resources: tuple[str, ...]
    negated_resources: bool
    conditions: tuple[Condition, ...]
    principals: Principals | None = None

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
        self._statements = [
            statement
            for number, document in enumerate(documents, 1)
            for statement in _statements(f"policy {number}", document, _IDENTITY)
        ]
        self._used: set[tuple[str, str]] = set()

    def check(
        self, needs: Sequence[Need], caller: Caller, bucket_policy: BucketPolicy | None = None
    ) -> None:
        """Refuse a request unless all that it needs is allowed.

        Args:
            needs: what it needs.
            caller: whose request it is.
            bucket_policy: that of the bucket that the request is about.

        Raises:
            AccessDeniedException: in AWS's words, for the first need that is not.
        """
        granting = [self._granting(need, caller, bucket_policy) for need in needs]
        for need, statements in zip(needs, granting, strict=True):
            for statement in statements:
                self._use(statement, need)

    def _granting(
        self, need: Need, caller: Caller, bucket_policy: BucketPolicy | None
    ) -> list[Statement]:
        """The statements of these policies that allow what is needed."""
        own = [] if caller.is_service else [s for s in self._statements if s.applies(need)]
        theirs = bucket_policy.applying(need, caller) if bucket_policy else []
        for kind, statements in (("an identity-based", own), ("a resource-based", theirs)):
            for statement in statements:
                if not statement.allows:
                    reason = f"with an explicit deny in {kind} policy"
                    raise _denied(need, caller, reason, statement.name)
        missing = _missing(need, caller, own, theirs)
        if missing is not None:
            reason = f"because no {missing} policy allows the {need.action} action"
            raise _denied(need, caller, reason)
        return own

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


class BucketPolicy:
    """The policy of a vector bucket.

    Args:
        document: JSON text.

    Raises:
        PolicyError: it is malformed; the text says where and why.
        UnevaluatedPolicyError: it is valid, and has something that is not evaluated here.
    """

    def __init__(self, document: str) -> None:
        self._statements = _statements("bucket policy", document, _BUCKET)

    def applying(self, need: Need, caller: Caller) -> list[Statement]:
        """The statements that are about the caller, or its account, and what it needs."""
        return [
            statement
            for statement in self._statements
            if statement.principals is not None
            and statement.principals.include(caller)
            and statement.applies(need)
        ]


_PRIVATE_KEYS: Final = frozenset({"aws:principalarn", "aws:principalaccount", "aws:sourceaccount"})


def find_public_statement(document: str) -> str | None:
    """The name of a statement that allows everybody something; None when there is none.

    A fixed value of a condition key that stands for a place or an account makes it not public,
    as S3 decides it; one that is not evaluated here may:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html

    Args:
        document: JSON text of a bucket policy that is well formed.
    """
    told = json.loads(document)["Statement"]
    for number, statement in enumerate(told if isinstance(told, list) else [told], 1):
        name = f"bucket policy, statement {number}"
        allows = statement["Effect"] == "Allow"
        if allows and "NotPrincipal" in statement:
            return name
        if not allows or not parse_principals(name, statement["Principal"]).everyone:
            continue
        try:
            conditions = parse_conditions(name, statement.get("Condition", {}))
        except UnevaluatedPolicyError:
            continue
        if not any(map(_narrows, conditions)):
            return name
    return None


def _narrows(condition: Condition) -> bool:
    """Whether a condition names accounts or principals, without wildcards."""
    positive = condition.operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike")
    fixed = not any("*" in value or "?" in value for value in condition.values)
    # These two hold for a request that has no such key
    certain = not condition.if_exists and condition.quantifier != "ForAllValues"
    return positive and fixed and certain and condition.key in _PRIVATE_KEYS


def _denied(
    need: Need, caller: Caller, reason: str, statement: str | None = None
) -> AccessDeniedException:
    return AccessDeniedException(
        f"User: {caller.principal} is not authorized to perform: {need.action} on resource: "
        f"{need.resource} {reason}",
        statement,
    )


def _missing(
    need: Need, caller: Caller, own: Sequence[Statement], theirs: Sequence[Statement]
) -> str | None:
    """The kind of policy that would have to allow what is needed, and does not."""
    # An account that is named decides by its identity policies who of it may
    named = any(s.principals is not None and s.principals.name(caller) for s in theirs)
    if caller.is_service:
        return None if named else "resource-based"
    if account_of(need.resource) in (None, caller.account):
        return None if own or named else "identity-based"
    if not theirs:
        return "resource-based"
    return None if own else "identity-based"


def _granted(statement: Statement) -> set[str]:
    named = {action for pattern in statement.actions for action in _expanded(pattern)}
    return set(ACTIONS) - named if statement.negated_actions else named


def _ours(pattern: str) -> bool:
    return pattern.lower().startswith("s3vectors:")


def _expanded(pattern: str) -> list[str]:
    return [action for action in ACTIONS if matches_action(pattern, action)]


def _statements(name: str, document: str | Mapping[str, Any], grammar: _Grammar) -> list[Statement]:
    if isinstance(document, str):
        document = _load(name, document)
    if not isinstance(document, Mapping) or not document.get("Statement"):
        raise PolicyError(f"{name} has no Statement")
    if unknown := document.keys() - {"Version", "Id", "Statement"}:
        raise PolicyError(f"{name} has {_listed(unknown)}, which no policy has")
    if not isinstance(document.get("Id", ""), str):
        raise PolicyError(f"{name}: Id must be a string")
    if document.get("Version", grammar.default_version) not in grammar.versions:
        raise PolicyError(f'{name} must say "Version": "2012-10-17"')
    found = document["Statement"]
    statements = found if isinstance(found, list) else [found]
    numbered = [(f"{name}, statement {n}", told) for n, told in enumerate(statements, 1)]
    return parse_each(numbered, lambda pair: _statement(*pair, grammar))


def _load(name: str, document: str) -> Any:
    try:
        told = json.loads(document, object_pairs_hook=_without_repeats)
        json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # half a surrogate pair is a ValueError
        raise PolicyError(f"{name} is not valid JSON: {printable(str(error))}") from error
    if _is_deep(told, _LEVELS):
        raise PolicyError(f"{name} has more than {_LEVELS} levels of objects and lists")
    return told


def _is_deep(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deep(part, levels - 1) for part in parts)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(f"an object has one of {_listed(members)} twice")
    return members


def _statement(name: str, told: Any, grammar: _Grammar) -> Statement:
    if not isinstance(told, Mapping):
        raise PolicyError(f"{name} is not an object")
    if unknown := told.keys() - _MEMBERS - grammar.members:
        raise PolicyError(f"{name} has {_listed(unknown)}, which {grammar.kind} does not have")
    if told.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f'{name} needs "Effect": "Allow" or "Deny"')
    sid = told.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyError(f"{name}: Sid must be a string")
    principals = _principals(name, told) if grammar.members else None
    actions, negated_actions = _either(name, told, "Action")
    resources, negated_resources = _either(name, told, "Resource")
    for pattern in actions:
        grammar.check_action(name, pattern)
    for pattern in resources:
        grammar.check_resource(name, pattern)
    conditions = parse_conditions(name, told.get("Condition", {}))
    if "NotPrincipal" in told:
        raise UnevaluatedPolicyError(f"{name}: NotPrincipal is not evaluated here")
    for pattern in resources:
        if "${" in pattern:
            raise UnevaluatedPolicyError(
                f"{name}: policy variables are not evaluated here: {pattern}"
            )
    return Statement(
        name=f"{name} ({sid})" if sid else name,
        allows=told["Effect"] == "Allow",
        actions=actions,
        negated_actions=negated_actions,
        resources=resources,
        negated_resources=negated_resources,
        conditions=conditions,
        principals=principals,
    )


def parse_statement(name: str, told: Any) -> Statement:
    """Read one statement of an identity policy.

    Args:
        name: which one it is, for messages.
        told: the statement.

    Raises:
        PolicyError: it is malformed.
        UnevaluatedPolicyError: it is valid, and has something that is not evaluated here.
    """
    return _statement(name, told, _IDENTITY)


def _principals(name: str, told: Mapping[str, Any]) -> Principals:
    present = [member for member in ("Principal", "NotPrincipal") if member in told]
    if len(present) != 1:
        raise PolicyError(f"{name}: Missing required field Principal")
    return parse_principals(name, told[present[0]])


def _either(name: str, told: Mapping[str, Any], member: str) -> tuple[tuple[str, ...], bool]:
    present = [m for m in (member, f"Not{member}") if m in told]
    if len(present) != 1:
        raise PolicyError(f"{name} needs either {member} or Not{member}")
    found = told[present[0]]
    patterns = found if isinstance(found, list) else [found]
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise PolicyError(f"{name}: {present[0]} must be a string or a list of strings")
    return tuple(patterns), present[0] != member


def _check_action(name: str, pattern: str) -> None:
    if not _ACTION.fullmatch(pattern):
        raise PolicyError(f'{name}: "{pattern}" is neither "*" nor SERVICE:ACTION')


def _check_resource(name: str, pattern: str) -> None:
    if not whole_arn(pattern):
        raise PolicyError(f'{name}: "{pattern}" is neither "*" nor a whole ARN')
    if _WILDCARD_SERVICE.match(pattern):
        raise PolicyError(f"{name}: the service in an ARN takes no wildcard: {pattern}")


def _check_own_action(name: str, pattern: str) -> None:
    if pattern != "*" and not _expanded(pattern):
        raise PolicyError(f"{name}: Policy has invalid action: {pattern} is none of S3 Vectors")


def _check_own_resource(name: str, pattern: str) -> None:
    parts = pattern.split(":", 5)
    kind = parts[-1].partition("/")[0]
    if pattern != "*" and (
        not whole_arn(pattern)
        or parts[2] != "s3vectors"
        or ("*" not in kind and "?" not in kind and not parts[-1].startswith("bucket/"))
    ):
        raise PolicyError(
            f"{name}: Policy has invalid resource: {pattern} is not the ARN of a vector bucket or "
            "of an index"
        )


@dataclass(frozen=True)
class _Grammar:
    """What a kind of policy can have."""

    kind: str
    members: frozenset[str]
    versions: tuple[str, ...]
    default_version: str | None
    check_action: Callable[[str, str], None]
    check_resource: Callable[[str, str], None]


_IDENTITY: Final = _Grammar(
    kind="an identity policy",
    members=frozenset(),
    versions=("2012-10-17",),
    default_version=None,
    check_action=_check_action,
    check_resource=_check_resource,
)
_BUCKET: Final = _Grammar(
    kind="a bucket policy",
    members=frozenset({"Principal", "NotPrincipal"}),
    versions=("2012-10-17", "2008-10-17"),
    default_version="2008-10-17",
    check_action=_check_own_action,
    check_resource=_check_own_resource,
)


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))
