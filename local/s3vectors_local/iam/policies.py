"""Parses policies and evaluates them as IAM does.

An explicit deny in any policy wins. In one account, an identity policy or the bucket policy must
allow a request; between accounts, both must. A policy with something that the engine does not
evaluate (other condition keys and operators, policy variables, NotPrincipal) is refused when it is
parsed, so that no part of a policy is ignored.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from s3vectors_local.arns import Caller, parse_account
from s3vectors_local.errors import (
    AccessDeniedException,
    PolicyError,
    UnevaluatedPolicyError,
    make_printable,
)

from .conditions import Condition, parse_conditions, parse_each
from .needs import ACTIONS, Need
from .patterns import is_complete_arn, matches_action, matches_arn
from .principals import Principals, parse_principals

_ACTION: Final = re.compile(r"\*(:\*)?|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_MAX_LEVELS: Final = 20
"""Nested objects and lists; a policy has six levels."""

_WILDCARD_SERVICE: Final = re.compile(r"(?:[^:]*:){2}[^:]*[*?]")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"""
_DOCUMENT: Final = {"Version", "Id", "Statement"}
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
        name: the policy, the number and the Sid of the statement, for errors.
        principals: the principals of a bucket policy; None in an identity policy.
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
        """Whether the statement applies to a need: its action, resource and condition keys."""
        return (
            any(matches_action(p, need.action) for p in self.actions) is not self.negated_actions
            and any(matches_arn(p, need.resource) for p in self.resources)
            is not self.negated_resources
            and all(condition.holds(need.context) for condition in self.conditions)
        )


class Policies:
    """The identity policies of one principal; records which permissions are used.

    Args:
        documents: policy documents, as JSON text or parsed.

    Raises:
        PolicyError: a policy is malformed or cannot be evaluated; the text says where and why.
    """

    def __init__(self, *documents: str | Mapping[str, Any]) -> None:
        self._statements = [
            statement
            for number, document in enumerate(documents, 1)
            for statement in _parse_statements(f"policy {number}", document, _IDENTITY)
        ]
        self._used: set[tuple[str, str]] = set()

    def check(
        self, needs: Sequence[Need], caller: Caller, bucket_policy: BucketPolicy | None = None
    ) -> None:
        """Refuse a request unless all its needs are allowed.

        Args:
            needs: from `find_needs`.
            caller: who sends the request.
            bucket_policy: the policy of the bucket of the request.

        Raises:
            AccessDeniedException: with AWS's text, for the first need that is not allowed.
        """
        grants = [self._find_grants(need, caller, bucket_policy) for need in needs]
        for need, statements in zip(needs, grants, strict=True):
            for statement in statements:
                self._record_use(statement, need)

    def _find_grants(
        self, need: Need, caller: Caller, bucket_policy: BucketPolicy | None
    ) -> list[Statement]:
        """Return the statements of these policies that allow a need."""
        own = [] if caller.is_service else [s for s in self._statements if s.applies(need)]
        resource_based = bucket_policy.find_statements(need, caller) if bucket_policy else []
        for kind, statements in (("an identity-based", own), ("a resource-based", resource_based)):
            for statement in statements:
                if not statement.allows:
                    reason = f"with an explicit deny in {kind} policy"
                    raise _build_denial(need, caller, reason, statement.name)
        missing = _find_missing_kind(need, caller, own, resource_based)
        if missing is not None:
            reason = f"because no {missing} policy allows the {need.action} action"
            raise _build_denial(need, caller, reason)
        return own

    def _record_use(self, statement: Statement, need: Need) -> None:
        self._used.add((statement.name, need.action))
        if not statement.negated_resources:
            patterns = (p for p in statement.resources if matches_arn(p, need.resource))
            self._used |= {(statement.name, pattern) for pattern in patterns}

    def list_unused(self) -> list[str]:
        """Return what the policies grant and no request has used so far, one sentence each."""
        return [
            f"{statement.name}: {what}"
            for statement in self._statements
            if statement.allows
            for what in self._list_unused_of(statement)
        ]

    def _list_unused_of(self, statement: Statement) -> list[str]:
        granted = sorted(_list_granted(statement))
        unknown = [p for p in statement.actions if _is_own_pattern(p) and not _expand(p)]
        resources = statement.resources if granted and not statement.negated_resources else ()
        return [
            *(f"{pattern} is not an action of S3 Vectors" for pattern in unknown),
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
        UnevaluatedPolicyError: it is valid, but the engine cannot evaluate it.
    """

    def __init__(self, document: str) -> None:
        self._statements = _parse_statements("bucket policy", document, _BUCKET)

    def find_statements(self, need: Need, caller: Caller) -> list[Statement]:
        """Return the statements that apply to the caller, or its account, and a need."""
        return [
            statement
            for statement in self._statements
            if statement.principals is not None
            and statement.principals.is_named_or_in_account(caller)
            and statement.applies(need)
        ]


_PRIVATE_KEYS: Final = frozenset({"aws:principalarn", "aws:principalaccount", "aws:sourceaccount"})


def find_public_statement(document: str) -> str | None:
    """Return the name of a statement that allows public access, or None.

    As for S3, a statement is not public if a condition restricts it to fixed accounts or
    principals. A condition that the engine does not evaluate is assumed to do so:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html

    Args:
        document: the JSON text of a well-formed bucket policy.
    """
    element = json.loads(document)["Statement"]
    for number, statement in enumerate(element if isinstance(element, list) else [element], 1):
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
        if not any(map(_restricts, conditions)):
            return name
    return None


def _restricts(condition: Condition) -> bool:
    """Whether a condition restricts a statement to accounts or principals without wildcards."""
    positive = condition.operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike")
    fixed = not any("*" in value or "?" in value for value in condition.values)
    # Both are true for a request without the key
    certain = not condition.if_exists and condition.quantifier != "ForAllValues"
    return positive and fixed and certain and condition.key in _PRIVATE_KEYS


def _build_denial(
    need: Need, caller: Caller, reason: str, statement: str | None = None
) -> AccessDeniedException:
    return AccessDeniedException(
        f"User: {caller.principal} is not authorized to perform: {need.action} on resource: "
        f"{need.resource} {reason}",
        statement,
    )


def _find_missing_kind(
    need: Need, caller: Caller, own: Sequence[Statement], resource_based: Sequence[Statement]
) -> str | None:
    """Return which kind of policy does not allow a need, or None."""
    # If a bucket policy names an account, the identity policies of that account decide
    named = any(s.principals is not None and s.principals.is_named(caller) for s in resource_based)
    if caller.is_service:
        return None if named else "resource-based"
    if parse_account(need.resource) in (None, caller.account):
        return None if own or named else "identity-based"
    if not resource_based:
        return "resource-based"
    return None if own else "identity-based"


def _list_granted(statement: Statement) -> set[str]:
    named = {action for pattern in statement.actions for action in _expand(pattern)}
    return set(ACTIONS) - named if statement.negated_actions else named


def _is_own_pattern(pattern: str) -> bool:
    return pattern.lower().startswith("s3vectors:")


def _expand(pattern: str) -> list[str]:
    return [action for action in ACTIONS if matches_action(pattern, action)]


def _parse_statements(
    name: str, document: str | Mapping[str, Any], grammar: _Grammar
) -> list[Statement]:
    parsed: Any = _load(name, document) if isinstance(document, str) else document
    _check_members(name, parsed, grammar)
    element = parsed["Statement"]
    statements = element if isinstance(element, list) else [element]
    numbered = [(f"{name}, statement {n}", each) for n, each in enumerate(statements, 1)]
    return parse_each(numbered, lambda pair: _parse_statement(*pair, grammar))


def _check_members(name: str, document: Any, grammar: _Grammar) -> None:
    members = document if isinstance(document, Mapping) else {}
    if unknown := members.keys() - _DOCUMENT:
        raise PolicyError(
            f"{name} has {_join_names(unknown)}, which a policy cannot have; it can have only "
            f"{_join_names(_DOCUMENT)}"
        )
    if not members.get("Statement"):
        raise PolicyError(f"{name} has no Statement")
    if not isinstance(members.get("Id", ""), str):
        raise PolicyError(f"{name}: Id must be a string")
    if members.get("Version", grammar.default_version) not in grammar.versions:
        raise PolicyError(f'{name} must have "Version": "2012-10-17"')


def check_document(name: str, document: Any) -> None:
    """Check an identity policy, its statements aside.

    Args:
        name: the name of the policy, for errors.
        document: the policy.

    Raises:
        PolicyError: it is malformed.
    """
    _check_members(name, document, _IDENTITY)


def _load(name: str, document: str) -> Any:
    try:
        policy = json.loads(document, object_pairs_hook=_refuse_repeats)
        json.dumps(policy, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # a lone surrogate is a ValueError
        raise PolicyError(f"{name} is not valid JSON: {make_printable(str(error))}") from error
    if _is_deeper(policy, _MAX_LEVELS):
        raise PolicyError(f"{name} has more than {_MAX_LEVELS} levels of objects and lists")
    return policy


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(f"an object repeats one of {_join_names(members)}")
    return members


def _parse_statement(name: str, element: Any, grammar: _Grammar) -> Statement:
    if not isinstance(element, Mapping):
        raise PolicyError(f"{name} is not an object")
    if unknown := element.keys() - _MEMBERS - grammar.members:
        raise PolicyError(
            f"{name} has {_join_names(unknown)}, which {grammar.kind} cannot have; it can have "
            f"only {_join_names(_MEMBERS | grammar.members)}"
        )
    if element.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f'{name} needs "Effect": "Allow" or "Deny"')
    sid = element.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyError(f"{name}: Sid must be a string")
    principals = _parse_principals(name, element) if grammar.members else None
    actions, negated_actions = _parse_patterns(name, element, "Action")
    resources, negated_resources = _parse_patterns(name, element, "Resource")
    for pattern in actions:
        grammar.check_action(name, pattern)
    for pattern in resources:
        grammar.check_resource(name, pattern)
    conditions = parse_conditions(name, element.get("Condition", {}))
    if "NotPrincipal" in element:
        raise UnevaluatedPolicyError(f"{name}: s3vectors-local does not evaluate NotPrincipal")
    for pattern in resources:
        if "${" in pattern:
            raise UnevaluatedPolicyError(
                f"{name}: s3vectors-local does not evaluate policy variables: {pattern}"
            )
    return Statement(
        name=f"{name} ({sid})" if sid else name,
        allows=element["Effect"] == "Allow",
        actions=actions,
        negated_actions=negated_actions,
        resources=resources,
        negated_resources=negated_resources,
        conditions=conditions,
        principals=principals,
    )


def parse_statement(name: str, element: Any) -> Statement:
    """Parse one statement of an identity policy.

    Args:
        name: the name of the statement, for errors.
        element: the statement.

    Raises:
        PolicyError: it is malformed.
        UnevaluatedPolicyError: it is valid, but the engine cannot evaluate it.
    """
    return _parse_statement(name, element, _IDENTITY)


def _parse_principals(name: str, element: Mapping[str, Any]) -> Principals:
    present = [member for member in ("Principal", "NotPrincipal") if member in element]
    if len(present) != 1:
        raise PolicyError(f"{name}: Missing required field Principal")
    return parse_principals(name, element[present[0]])


def _parse_patterns(
    name: str, element: Mapping[str, Any], member: str
) -> tuple[tuple[str, ...], bool]:
    present = [m for m in (member, f"Not{member}") if m in element]
    if len(present) != 1:
        raise PolicyError(f"{name} needs either {member} or Not{member}")
    values = element[present[0]]
    patterns = values if isinstance(values, list) else [values]
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise PolicyError(f"{name}: {present[0]} must be a string or a list of strings")
    return tuple(patterns), present[0] != member


def _check_action(name: str, pattern: str) -> None:
    if not _ACTION.fullmatch(pattern):
        raise PolicyError(f'{name}: "{pattern}" is not "*" or SERVICE:ACTION')


def _check_resource(name: str, pattern: str) -> None:
    if not is_complete_arn(pattern):
        raise PolicyError(f'{name}: "{pattern}" is not "*" or a complete ARN')
    if _WILDCARD_SERVICE.match(pattern):
        raise PolicyError(f"{name}: the service in an ARN cannot have a wildcard: {pattern}")


def _check_own_action(name: str, pattern: str) -> None:
    if pattern != "*" and not _expand(pattern):
        raise PolicyError(
            f"{name}: Policy has invalid action: {pattern} is not an action of S3 Vectors"
        )


def _check_own_resource(name: str, pattern: str) -> None:
    parts = pattern.split(":", 5)
    kind = parts[-1].partition("/")[0]
    if pattern != "*" and (
        not is_complete_arn(pattern)
        or parts[2] != "s3vectors"
        or ("*" not in kind and "?" not in kind and not parts[-1].startswith("bucket/"))
    ):
        raise PolicyError(
            f"{name}: Policy has invalid resource: {pattern} is not the ARN of a vector "
            "bucket or index"
        )


@dataclass(frozen=True)
class _Grammar:
    """The grammar of one kind of policy."""

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


def _join_names(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))
