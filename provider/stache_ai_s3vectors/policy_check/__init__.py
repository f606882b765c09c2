"""Whether an IAM policy allows what a level of use needs, and nothing else of S3 Vectors.

The engine's `s3vectors_local.iam` evaluates; these modules read, ask and explain:

    missing     what the level needs and the policy does not allow, or denies
    excess      what the policy grants and the level does not need
    meaning     what of a statement can never match, and the statement as it is meant
    rules       a statement as the engine evaluates it
    conditions  the same of one condition
    resources   ARNs: what they cover, and what is wrong with them
    targets     what the policy is checked for: level, bucket, indexes, key
    documents   a policy document as statements, and what of it IAM does not take
    service     the actions of S3 Vectors, as the engine knows them
    source      JSON with lines
    findings    what the check reports

All of it is pure, and needs the engine. What a level needs is in `permissions`, one folder up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .documents import Policy, parse_policy
from .excess import find_excess
from .findings import Finding
from .meaning import judge
from .missing import find_missing
from .resources import is_open, parse_leniently, resembles_service, service_of
from .targets import Target

__all__ = ["Finding", "Names", "Policy", "Target", "check", "collect_names", "parse_policy"]


@dataclass(frozen=True)
class Names:
    """What the resources of a policy name, without wildcards; each name once."""

    buckets: tuple[str, ...]
    partitions: tuple[str, ...]
    regions: tuple[str, ...]
    accounts: tuple[str, ...]
    indexes: tuple[str, ...]


def collect_names(policy: Policy, bucket: str | None = None) -> Names:
    """What a policy allows of S3 Vectors by name, misspelled ARNs as they are meant.

    Args:
        policy: what `parse_policy` returned.
        bucket: a bucket's name, for only what is about that one.
    """
    allowed = [r for r in policy.rules if r.allows and not r.statement.negated_resources]
    texts = [text for rule in allowed for text in rule.resources]
    parsed = [parse_leniently(text) for text in texts if resembles_service(service_of(text))]
    parts = [p for p in parsed if p and bucket in (None, p.bucket)]
    return Names(
        _fixed(p.bucket for p in parts),
        _fixed(p.partition for p in parts),
        _fixed(p.region for p in parts),
        _fixed(p.account for p in parts),
        _fixed(p.index for p in parts),
    )


def _fixed(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name and not is_open(name)))


def check(policy: Policy, target: Target) -> list[Finding]:
    """What is wrong with a policy for a level of use, in the order of its lines.

    While a part of it cannot be evaluated, nothing is called missing or denied.

    Args:
        policy: what `parse_policy` returned.
        target: level, bucket and indexes that it is for.
    """
    judged = [judge(written, target) for written in policy.rules]
    findings = [*policy.findings, *(finding for one in judged for finding in one.findings)]
    findings += [finding for one in judged for finding in find_excess(one, target)]
    if policy.complete:
        findings += find_missing([one.deciding for one in judged], target)
    return sorted(set(findings))
