"""Conditions: which there are, and which of them are known to hold. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Final

from stache_ai_s3vectors.arns import service_host

from .actions import ON, PREFIX, condition_keys
from .findings import actions_listed
from .patterns import matches, variable
from .statements import Condition, Statement
from .targets import Target

_OPERATOR: Final = re.compile(r"((?:forallvalues|foranyvalue):)?(.+?)(ifexists)?", re.IGNORECASE)
_ORDERS: Final = (
    "Equals",
    "NotEquals",
    "LessThan",
    "LessThanEquals",
    "GreaterThan",
    "GreaterThanEquals",
)
_OPERATORS: Final = (
    *(
        f"String{not_}{how}"
        for not_ in ("", "Not")
        for how in ("Equals", "EqualsIgnoreCase", "Like")
    ),
    *(f"{kind}{order}" for kind in ("Numeric", "Date") for order in _ORDERS),
    *(f"Arn{not_}{how}" for not_ in ("", "Not") for how in ("Equals", "Like")),
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
)
_GLOBAL_NAMES: Final = """
    AssumedRoot CalledVia CalledViaAWSMCP CalledViaFirst CalledViaLast ChatbotSourceArn
    CurrentTime Ec2InstanceSourcePrivateIPv4 Ec2InstanceSourceVpc EpochTime FederatedProvider
    IsMcpServiceAction MultiFactorAuthAge MultiFactorAuthPresent PrincipalAccount PrincipalArn
    PrincipalIsAWSService PrincipalOrgID PrincipalOrgPaths PrincipalServiceName
    PrincipalServiceNamesList PrincipalTag/ PrincipalType Referer RequestedRegion ResourceAccount
    ResourceOrgID ResourceOrgPaths SecureTransport SourceAccount SourceArn SourceIdentity SourceIp
    SourceOrgID SourceOrgPaths SourceOwner SourceVpc SourceVpcArn SourceVpce TokenIssueTime
    UserAgent userid username ViaAWSMCPService ViaAWSService VpceAccount VpceOrgID VpceOrgPaths
    VpcSourceIp
"""
_GLOBAL: Final = tuple(f"aws:{name}" for name in _GLOBAL_NAMES.split())
"""Keys that requests of all services can have; one that ends in "/" goes on with a tag's key."""

_JUDGED: Final = ("aws", "s3", "s3vectors")
"""Services of condition keys; another's can be in a request of S3 Vectors, such as those of IAM
Identity Center and of functions, so that nothing is said of them."""


def operator_fault(condition: Condition) -> tuple[str, str] | None:
    """What is wrong with its operator, and the fix; None when IAM knows it."""
    prefix, base, suffix = _parts(condition.operator)
    if base.lower() in {known.lower() for known in _OPERATORS}:
        return None
    found = _nearest(base, _OPERATORS)
    problem = f'"{condition.operator}" is no condition operator'
    return problem, f'write "{prefix}{found}{suffix}"' if found else "remove it"


def key_fault(condition: Condition, actions: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with its key for these actions of S3 Vectors, and the fix.

    None when requests of all of them can have it, or when a request without it passes.
    """
    service = condition.key.partition(":")[0].lower()
    if service not in _JUDGED or _known(condition.key, _GLOBAL):
        return None
    without = sorted(a for a in actions if not _known(condition.key, condition_keys(a)))
    optional = _without_key(condition) is not False
    if not without or (optional and len(without) < len(actions)):
        return None
    tables = [set(condition_keys(action)) for action in actions if condition_keys(action)]
    of_all = set.intersection(*tables) if tables else set()
    problem = f'no request of {_some(without)} has the condition key "{condition.key}"'
    if found := _nearest(condition.key, (*of_all, *_GLOBAL)):
        tag = condition.key.partition("/")[2] or "KEY"
        return problem, f'write "{found}{tag if found.endswith("/") else ""}"'
    keys = [f"{key}KEY" if key.endswith("/") else key for key in sorted(of_all)]
    return problem, f"remove it, or take {', '.join([*keys, 'a global key'])}"


def _some(actions: Sequence[str]) -> str:
    few = 6
    more = f" and {len(actions) - few} more" if len(actions) > few else ""
    return actions_listed(PREFIX + action for action in actions[:few]) + more


def holds(statement: Statement, target: Target, action: str | None = None) -> bool | None:
    """Whether all conditions of a statement hold for the provider's calls; None: not known.

    Args:
        statement: the statement.
        target: tells region and account.
        action: such as "s3vectors:GetIndex", which tells what keys a request can have.
    """
    answers = [_holds(condition, target, action) for condition in statement.conditions]
    if False in answers:
        return False
    return None if None in answers else True


def open_condition(statement: Statement, target: Target, action: str) -> Condition:
    """The first condition of a statement that does not hold, else that may not."""
    answers = [(_holds(c, target, action), c) for c in statement.conditions]
    wrong = [condition for answer, condition in answers if answer is False]
    return wrong[0] if wrong else next(c for answer, c in answers if answer is None)


def _holds(condition: Condition, target: Target, action: str | None) -> bool | None:
    known = {
        "aws:securetransport": "true",  # boto3 calls S3 Vectors by HTTPS
        "aws:requestedregion": target.region,
        "aws:resourceaccount": target.account,
        "kms:viaservice": service_host(target.partition, target.region),
    }
    name = (action or "").removeprefix(PREFIX)
    if name in ON and not _known(condition.key, (*_GLOBAL, *condition_keys(name))):
        service = condition.key.partition(":")[0].lower()
        return _without_key(condition) if service in _JUDGED else None
    have = known.get(condition.key.lower())
    operator = _parts(condition.operator)[1].lower()
    if have is None or any(variable(value) for value in condition.values):
        return None
    if operator == "null":
        return all(value.lower() == "false" for value in condition.values)
    negated = "not" in operator
    base = operator.replace("not", "")
    if base not in ("bool", "stringequals", "stringequalsignorecase", "stringlike"):
        return None
    return any(_same(base, value, have) for value in condition.values) is not negated


def _without_key(condition: Condition) -> bool:
    """Whether a request that does not have the key passes."""
    prefix, base, suffix = (part.lower() for part in _parts(condition.operator))
    if base == "null":
        return all(value.lower() == "true" for value in condition.values)
    absent = not prefix and "not" in base
    return bool(suffix) or prefix == "forallvalues:" or absent


def _same(operator: str, value: str, have: str) -> bool:
    if operator == "stringlike":
        return matches(value, have)
    return value == have or (operator != "stringequals" and value.lower() == have)


def _parts(operator: str) -> tuple[str, str, str]:
    """Prefix, operator and suffix: "ForAnyValue:", "StringLike", "IfExists"."""
    found = _OPERATOR.fullmatch(operator)
    prefix, base, suffix = found.groups(default="") if found else ("", operator, "")
    return prefix, base, suffix


def _known(key: str, keys: Collection[str]) -> bool:
    lower = key.lower()
    return any(
        lower.startswith(known.lower()) and len(lower) > len(known)
        if known.endswith("/")
        else lower == known.lower()
        for known in keys
    )


def _nearest(name: str, known: Collection[str]) -> str | None:
    by_lower = {k.lower(): k for k in sorted(known)}
    stem = re.sub(r"/.*", "/", name.lower())
    found = get_close_matches(stem, by_lower, 1, cutoff=0.8)
    return by_lower[found[0]] if found else None
