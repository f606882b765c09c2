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
    containers  where policies are kept: outputs of the AWS CLI and of Terraform
    templates   the same for CloudFormation and SAM templates
    service     the actions of S3 Vectors, as the engine knows them
    source      JSON with lines; yaml_source the same of YAML
    findings    what the check reports

All of it is pure, and needs the engine. What a level needs is in `permissions`, one folder up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .containers import Collection, Extract, collect_cli, collect_terraform
from .documents import Policy, read_policy
from .excess import find_excess
from .findings import MALFORMED, Finding
from .meaning import judge
from .missing import find_missing
from .resources import SERVICE, is_open, parse_leniently, resembles_service, service_of
from .source import Object, SourceError, read_json, walk
from .targets import Target
from .templates import collect_template
from .yaml_source import read_yaml

__all__ = ["Finding", "Holder", "Names", "Policy", "Target", "check", "collect_names", "read_file"]

_YAML: Final = re.compile(
    r"^(AWSTemplateFormatVersion|Transform|Resources|Parameters|Version|Statement) *:", re.MULTILINE
)


@dataclass(frozen=True)
class Holder:
    """Policies that work together.

    Args:
        name: of the role, user, group, function or policy; empty when the file is the policy.
        policies: all that it has.
        is_principal: whether it can act: a policy that nobody has allows nothing.
        names_service: whether S3 Vectors is named anywhere in the policies.
    """

    name: str
    policies: tuple[Policy, ...]
    is_principal: bool
    names_service: bool


def read_file(text: str, parameters: Mapping[str, str] | None = None) -> list[Holder]:
    """Read the policies of a file; what is wrong with their form is among their findings.

    Args:
        text: a policy document, what the AWS CLI or Terraform prints, or a template.
        parameters: values for a template, by name.
    """
    collection = Collection()
    try:
        document = read_yaml(text) if _is_yaml(text) else read_json(text)
        _collect(document, collection, parameters or {})
    except SourceError as error:
        finding = Finding(error.line, MALFORMED, error.problem, error.fix)
        unread = Policy("", 1, (), (finding,), complete=False)
        return [Holder("", (unread,), is_principal=True, names_service=True)]
    return [
        Holder(
            name,
            tuple(read_policy(extract) for extract in extracts),
            name in collection.owned or name == "",
            any(map(_names_service, extracts)),
        )
        for name, extracts in collection.group().items()
    ]


def _is_yaml(text: str) -> bool:
    return not text.lstrip().startswith(("{", "[")) and _YAML.search(text) is not None


def _collect(document: Any, collection: Collection, parameters: Mapping[str, str]) -> None:
    if isinstance(document, Object) and "Statement" not in document:
        if isinstance(document.get("Resources"), Object):
            collect_template(document, collection, parameters)
            return
        if collect_cli(document, collection) or collect_terraform(document, collection):
            return
    collection.add("", getattr(document, "line", 1), document)


def _names_service(extract: Extract) -> bool:
    texts = (part for part in walk(extract.document) if isinstance(part, str))
    unknown = extract.document is None and extract.unresolved
    return extract.name == "" or bool(unknown) or any(SERVICE in text.lower() for text in texts)


@dataclass(frozen=True)
class Names:
    """What the resources of policies name, without wildcards; each name once."""

    buckets: tuple[str, ...]
    partitions: tuple[str, ...]
    regions: tuple[str, ...]
    accounts: tuple[str, ...]
    indexes: tuple[str, ...]


def collect_names(policies: Iterable[Policy], bucket: str | None = None) -> Names:
    """What policies allow of S3 Vectors by name, misspelled ARNs as they are meant.

    Args:
        policies: of `read_file`.
        bucket: a bucket's name, for only what is about that one.
    """
    rules = [rule for policy in policies for rule in policy.rules]
    allowed = [rule for rule in rules if rule.allows and not rule.statement.negated_resources]
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


def check(policies: Sequence[Policy], target: Target) -> list[Finding]:
    """What is wrong with the policies of one principal, in the order of their lines.

    While a part of them cannot be evaluated, nothing is called missing or denied.

    Args:
        policies: those of a `Holder`.
        target: level, bucket and indexes that they are for.
    """
    findings: list[Finding] = []
    deciding = []
    for policy in policies:
        judged = [judge(rule, target) for rule in policy.rules]
        own = [*policy.findings, *(finding for one in judged for finding in one.findings)]
        own += [finding for one in judged for finding in find_excess(one, target)]
        findings += [replace(finding, policy=policy.name) for finding in own]
        deciding += [replace(one.deciding, policy=policy.name) for one in judged]
    if all(policy.complete for policy in policies):
        findings += find_missing(deciding, target, policies[0].line)
    return sorted(set(findings))
