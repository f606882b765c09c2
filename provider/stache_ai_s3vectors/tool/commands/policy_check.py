"""`stache-s3vectors policy check`: missing, excess and ineffective permissions of IAM policies."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

import click

from stache_ai_s3vectors.errors import ConfigurationError
from stache_ai_s3vectors.service.arns import BUCKET_ARN, get_dns_suffix, get_partition
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool.failures import MissingEngineError
from stache_ai_s3vectors.tool.options import suggest_nearest, with_common_options

from .policy import (
    add_policy_options,
    build_bucket_arn,
    check_indexes,
    check_key,
    read_configured_names,
)

if TYPE_CHECKING:
    from stache_ai_s3vectors.tool.policy_check import Finding, Holder, Policy, Target

_LARGEST: Final = 32 * 2**20
"""Bytes of a file. AWS's list of all policies of a large account has some megabytes."""


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@add_policy_options("the ARNs in FILE", " [default: that of the ARNs in FILE, S3VECTORS_…]")
@click.option(
    "--policy",
    "names",
    multiple=True,
    help="Check only this policy or role of FILE. Can be given more than once.",
)
@click.option(
    "--parameter",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    help="Value of a template's parameter, or of RESOURCE.ATTRIBUTE. Can be given more than once.",
)
@with_common_options
def check_policies(  # noqa: PLR0913 - one for each option
    file: str,
    *,
    level: str,
    bucket: str | None,
    account: str | None,
    region: str | None,
    partition: str | None,
    indexes: tuple[str, ...],
    kms_key: str | None,
    names: tuple[str, ...],
    parameters: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find missing, excess and ineffective permissions in IAM policies. Makes no call.

    FILE has an identity policy as JSON, or several: a CloudFormation or SAM template, what
    terraform show -json prints, or what aws iam get-role-policy, get-policy-version or
    get-account-authorization-details print. "-" is standard input. The local engine checks
    whether the policies allow what a level needs on the indexes. It evaluates the policies of one
    role together. KMS is the only other service that it checks, and only with --kms-key. Exit
    status: 0 no findings, 1 findings, 2 wrong usage.

    \b
    Example:
      stache-s3vectors policy check role.json --index documents-1024 --index insights-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        from stache_ai_s3vectors.tool.policy_check import Target, read_file  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingEngineError from error

    check_indexes(indexes)
    place = {"account": account, "region": region, "partition": partition}
    known = _read_parameters(bucket, place, parameters)
    holders = _choose_holders(file, read_file(_read(file), known), names)
    policies = [policy for holder in holders for policy in holder.policies]
    refused = {finding for policy in policies for finding in policy.findings}
    target = None
    try:
        arn = _find_bucket_arn(policies, bucket, place)
        check_key(kms_key, arn)
        target = Target(level, arn, indexes or _find_indexes(policies, arn), kms_key)
    except click.UsageError:
        # A file that cannot be read needs no options
        if not refused:
            raise
    checks = [holder.check(target) for holder in holders] if target else []
    findings = refused.union(*checks)
    _print(file, level, target, policies, sorted(findings), as_json=as_json)
    if refused and not as_json:
        note = "Missing permissions are reported once nothing is malformed or unresolved."
        click.echo(note, err=True)
    sys.exit(1 if findings else 0)


def _read(file: str) -> str:
    with click.open_file(file, "rb") as opened:
        content: bytes = opened.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise click.UsageError(f"{file} has more than {_LARGEST >> 20} MiB: give the policy alone")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is not UTF-8 text: {error.reason}") from error


def _read_parameters(
    bucket: str | None, place: dict[str, str | None], parameters: Sequence[str]
) -> dict[str, str]:
    """The values for a template: parameters, and AWS's own from the other options."""
    arn = BUCKET_ARN.fullmatch(bucket or "")
    region, account, partition = (
        place[name] or (arn[name] if arn else None) for name in ("region", "account", "partition")
    )
    if region:
        partition = partition or get_partition(region)
        own = {
            "AWS::Region": region,
            "AWS::Partition": partition,
            "AWS::URLSuffix": get_dns_suffix(partition),
        }
    else:
        own = {"AWS::Partition": partition} if partition else {}
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    if wrong := [parameter for parameter in parameters if "=" not in parameter]:
        raise click.UsageError(f"--parameter {wrong[0]!r} has no value: write NAME=VALUE")
    return {**own, **({"AWS::AccountId": account} if account else {}), **values}


def _choose_holders(file: str, holders: Sequence[Holder], names: Sequence[str]) -> list[Holder]:
    """The holders of these names, by default those with policies about S3 Vectors."""
    if names:
        single = {
            p.name: replace(h, name=p.name, policies=(p,)) for h in holders for p in h.policies
        }
        by_name = single | {holder.name: holder for holder in holders}
        if unknown := [name for name in names if name not in by_name]:
            has = f"{file} has {', '.join(by_name)}. {suggest_nearest(unknown[0], list(by_name))}"
            raise click.UsageError(
                to_printable(f"--policy {unknown[0]!r} is not in the file; {has}")
            )
        return [by_name[name] for name in names]
    about = [holder for holder in holders if holder.names_service]
    # If some policies are attached, one that is not attached allows nothing
    chosen = [holder for holder in about if holder.is_principal] or about
    if not chosen:
        has = ", ".join(holder.name for holder in holders) or "none"
        raise click.UsageError(
            to_printable(f"no policy in {file} is about S3 Vectors; its policies: {has}")
        )
    return chosen


def _find_bucket_arn(
    policies: Sequence[Policy], bucket: str | None, options: dict[str, str | None]
) -> str:
    """The bucket's ARN, from the options, the ARNs in the policies, and the settings."""
    if bucket is not None and bucket.startswith("arn:"):
        return build_bucket_arn(bucket, **options)
    bucket = bucket or _choose_one("bucket", _list_names(policies, "name"))
    names = {part: _list_names(policies, part, bucket) for part in ("region", "account")}
    chosen = {part: options[part] or _choose_one(part, names[part]) for part in names}
    return build_bucket_arn(bucket, partition=options["partition"], **chosen)


def _list_names(policies: Sequence[Policy], part: str, bucket: str | None = None) -> list[str]:
    """The names of one part of the ARNs of S3 Vectors that the policies allow."""
    mentions = [m for p in policies for m in p.list_mentions() if bucket in (None, m["name"])]
    return list(dict.fromkeys(name for m in mentions if (name := m[part])))


def _choose_one(what: str, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    setting = _read_setting(what)
    if setting and (not names or setting in names):
        return setting
    several = f"the ARNs of S3 Vectors in the policy name several ({', '.join(names)})"
    none = "no correct ARN of S3 Vectors in the policy names one"
    raise click.UsageError(to_printable(f"give --{what}: {several if names else none}"))


def _read_setting(what: str) -> str:
    """The bucket or the region of the settings; empty if they have no bucket."""
    try:
        bucket, region, _ = read_configured_names(None, None, ())
    except ConfigurationError:
        return ""
    return {"bucket": bucket, "region": region or ""}.get(what, "")


def _find_indexes(policies: Sequence[Policy], arn: str) -> tuple[str, ...]:
    bucket = arn.partition(":bucket/")[2]
    indexes = tuple(_list_names(policies, "index", bucket))
    if not indexes and _read_setting("bucket") == bucket:
        indexes = read_configured_names(None, None, ())[2]
    if not indexes:
        raise click.UsageError(
            "give --index for each index that is used: no ARN of S3 Vectors in the policy names one"
        )
    return indexes


def _print(  # noqa: PLR0913 - what is reported
    file: str,
    level: str,
    target: Target | None,
    policies: Sequence[Policy],
    findings: Sequence[Finding],
    *,
    as_json: bool,
) -> None:
    names = list(dict.fromkeys(policy.name for policy in policies if policy.name))
    if as_json:
        report = {
            "file": file,
            "level": level,
            "bucket": target.bucket_arn if target else None,
            "indexes": list(target.indexes) if target else [],
            "policies": names,
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(report))
        return
    lines = {policy.name: policy.line for policy in policies if policy.name}
    for name, line in lines.items():
        click.echo(to_printable(f"{file}:{line}: policy {name}"))
    for finding in findings:
        statement = f"statement {finding.statement}" if finding.statement else ""
        parts = (", ".join(filter(None, (finding.policy, statement))), finding.problem)
        text = ": ".join((f"{file}:{finding.line}", finding.kind, *filter(None, parts)))
        click.echo(to_printable(f"{text}; {finding.fix}"))
    if target and not findings:
        indexes = "index" if len(target.indexes) == 1 else "indexes"
        verb = "policies allow" if len(lines) > 1 else "policy allows"
        click.echo(
            f"the {verb} what {target.level} needs on {indexes} {', '.join(target.indexes)} of "
            f"{target.bucket}, and nothing else in S3 Vectors"
        )
