"""Whether an IAM policy allows what a level of use needs, and nothing else of S3 Vectors.

Modules, from the whole down to its parts:

    lacks        what the level needs and the policy does not allow, or denies
    excess       what it grants and nobody needs
    vain         what of a statement can never match, and the statement as it was meant
    names        the same for the name of an action
    resources    the same for a resource
    conditions   which conditions there are, and which are known to hold
    targets      what a policy is held against: level, bucket, indexes, key
    parsing      a document as statements, and what of it IAM does not take
    statements   the statements, and what they are about
    actions      every action of S3 Vectors, with its resources and condition keys
    patterns     IAM's wildcards
    reading      JSON with lines
    findings     what the check says

All of it is pure. What each level needs is in `permissions`, one folder up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .excess import too_much
from .findings import MALFORMED, Finding
from .lacks import lacking
from .parsing import parse
from .patterns import variable, wild
from .reading import read
from .resources import of_service, parts_of, service_of
from .statements import Policy
from .targets import Target
from .vain import judge

__all__ = ["Finding", "Named", "Policy", "Target", "check", "named", "parsed"]


@dataclass(frozen=True)
class Named:
    """What the resources of a policy name, without wildcards; each name once."""

    buckets: tuple[str, ...]
    partitions: tuple[str, ...]
    regions: tuple[str, ...]
    accounts: tuple[str, ...]
    indexes: tuple[str, ...]


def parsed(text: str) -> Policy:
    """Read a policy; what is wrong with its form is among its findings."""
    try:
        return parse(read(text))
    except json.JSONDecodeError as error:
        problem = f"no JSON at column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
        finding = Finding(error.lineno, MALFORMED, problem, "correct it there")
        return Policy(statements=(), findings=(finding,), whole=False)


def named(policy: Policy, bucket: str | None = None) -> Named:
    """What a policy allows of S3 Vectors by name, misspelled ARNs as they were meant.

    Args:
        policy: what `parsed` gave.
        bucket: a bucket's name, for only what is said of that one.
    """
    allowed = [s.resources for s in policy.statements if s.allows and not s.resources.but]
    texts = [item.text for resources in allowed for item in resources.items]
    found = [parts_of(text) for text in texts if of_service(service_of(text))]
    parts = [p for p in found if p and bucket in (None, p.bucket)]
    return Named(
        _plain(p.bucket for p in parts),
        _plain(p.partition for p in parts),
        _plain(p.region for p in parts),
        _plain(p.account for p in parts),
        _plain(p.index for p in parts),
    )


def _plain(names: Iterable[str | None]) -> tuple[str, ...]:
    plain = (name for name in names if name and not wild(name) and not variable(name))
    return tuple(dict.fromkeys(plain))


def check(policy: Policy, target: Target) -> list[Finding]:
    """What is wrong with a policy for a level of use, in the order of its lines.

    While a part of it cannot be evaluated, nothing is called missing or denied.

    Args:
        policy: what `parsed` gave.
        target: level, bucket and indexes that it is for.
    """
    judged = [judge(statement, target) for statement in policy.statements]
    findings = [*policy.findings, *(finding for one in judged for finding in one.findings)]
    findings += [finding for one in judged for finding in too_much(one, target)]
    if policy.whole:
        findings += lacking([s for one in judged if (s := one.decides())], target)
    return sorted(set(findings))
