"""`stache-s3vectors policy check`: what an IAM policy does not allow, and allows too much of."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .failures import missing_engine
from .options import plainly, printable
from .policy import bucket_arn, check_indexes, check_key, options

if TYPE_CHECKING:
    from stache_ai_s3vectors.policy_check import Finding, Policy, Target


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@options("the ARNs in FILE")
@plainly
def check_command(  # noqa: PLR0913 - one for each option
    file: str,
    *,
    level: str,
    bucket: str | None,
    account: str | None,
    region: str | None,
    partition: str | None,
    indexes: tuple[str, ...],
    kms_key: str | None,
    as_json: bool,
) -> None:
    """Find missing, excess and ineffective permissions in an IAM policy. Makes no call.

    FILE is an identity policy as JSON; "-" is standard input. The local engine evaluates it for
    what a level of use needs on the indexes. Bucket and indexes are, if not given, those that the
    ARNs in FILE name. Of other services only KMS is checked, and only with --kms-key. Exit status:
    0 no findings, 1 findings, 2 wrong usage.

    \b
    Example:
      stache-s3vectors policy check role.json --index documents-1024 --index insights-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    try:
        from stache_ai_s3vectors.policy_check import Target, check, parse_policy
    except ImportError as error:
        raise missing_engine() from error

    check_key(kms_key)
    check_indexes(indexes)
    policy = parse_policy(_text(file))
    where = {"account": account, "region": region, "partition": partition}
    try:
        arn = _bucket(policy, bucket, where)
        target = Target(level, arn, indexes or _indexes(policy, arn), kms_key)
    except click.UsageError:
        if policy.complete:
            raise
        # A file that cannot be read needs no options
        _print(file, level, None, list(policy.findings), as_json=as_json)
        sys.exit(1)
    findings = check(policy, target)
    _print(file, level, target, findings, as_json=as_json)
    if not policy.complete and not as_json:
        click.echo("Missing permissions are reported once no part is malformed.", err=True)
    sys.exit(1 if findings else 0)


def _text(file: str) -> str:
    with click.open_file(file, "rb") as opened:
        content: bytes = opened.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is not UTF-8 text: {error.reason}") from error


def _bucket(policy: Policy, bucket: str | None, given: dict[str, str | None]) -> str:
    """The bucket's ARN, from the options and what the policy names."""
    from stache_ai_s3vectors.policy_check import collect_names

    if bucket is not None and bucket.startswith("arn:"):
        return bucket_arn(bucket, **given)
    bucket = bucket or _one("bucket", collect_names(policy).buckets)
    names = collect_names(policy, bucket)
    region = given["region"] or _one("region", names.regions)
    account = given["account"] or _one("account", names.accounts)
    partition = given["partition"] or _one("partition", names.partitions or ("aws",))
    return bucket_arn(bucket, account=account, region=region, partition=partition)


def _one(what: str, names: tuple[str, ...]) -> str:
    if len(names) != 1:
        has = f"several ({', '.join(names)})" if names else "none"
        raise click.UsageError(f"give --{what}: the ARNs of S3 Vectors in the policy name {has}")
    return names[0]


def _indexes(policy: Policy, arn: str) -> tuple[str, ...]:
    from stache_ai_s3vectors.policy_check import collect_names

    indexes = collect_names(policy, arn.partition(":bucket/")[2]).indexes
    if not indexes:
        raise click.UsageError(
            "give --index for each index that is used: no ARN of S3 Vectors in the policy names one"
        )
    return indexes


def _print(
    file: str, level: str, target: Target | None, findings: list[Finding], *, as_json: bool
) -> None:
    if as_json:
        report = {
            "file": file,
            "level": level,
            "bucket": target.bucket_arn if target else None,
            "indexes": list(target.indexes) if target else [],
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(report))
        return
    for finding in findings:
        where = f"statement {finding.statement}: " if finding.statement else ""
        text = f"{finding.kind}: {where}{finding.problem}; {finding.fix}"
        click.echo(f"{file}:{finding.line}: {printable(text)}")
    if target and not findings:
        count = len(target.indexes)
        these = "this index" if count == 1 else f"these {count} indexes"
        click.echo(
            f"the policy allows what {level} needs on {these} of {target.bucket}, and nothing "
            f"else of S3 Vectors: {', '.join(target.indexes)}"
        )
