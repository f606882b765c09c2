"""`stache-s3vectors policy check`: what an IAM policy lacks, and what it has too much."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .options import plainly
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
    """Say what an IAM policy lacks, or has too much.

    FILE is an identity policy as JSON; "-" is standard input. It is held against what a level of
    use needs on some indexes. Bucket and indexes are, if not given, those that the ARNs in FILE
    name. Of other services only KMS is looked at, and only with --kms-key. Exit status: 0 nothing
    found, 1 something found, 2 wrong usage.

    \b
    Example:
      stache-s3vectors policy check role.json --index documents-1024 --index insights-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    from stache_ai_s3vectors.policy_check import Target, check, parsed

    check_indexes(indexes)
    policy = parsed(_text(file))
    where = {"account": account, "region": region, "partition": partition}
    try:
        arn = _bucket(policy, bucket, where)
        check_key(kms_key, arn)
        target = Target(level, arn, indexes or _indexes(policy, arn), kms_key)
    except click.UsageError:
        if policy.whole:
            raise
        # Nobody has to say what a file is for that cannot be read
        _print(file, level, None, list(policy.findings), as_json=as_json)
        sys.exit(1)
    findings = check(policy, target)
    _print(file, level, target, findings, as_json=as_json)
    if not policy.whole and not as_json:
        click.echo("What is missing can be told when the malformed is corrected.", err=True)
    sys.exit(1 if findings else 0)


def _text(file: str) -> str:
    with click.open_file(file, "rb") as opened:
        content: bytes = opened.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is no UTF-8 text: {error.reason}") from error


def _bucket(policy: Policy, bucket: str | None, given: dict[str, str | None]) -> str:
    """The bucket's ARN, from the options and what the policy names."""
    from stache_ai_s3vectors.policy_check import named

    if bucket is not None and bucket.startswith("arn:"):
        return bucket_arn(bucket, **given)
    bucket = bucket or _one("bucket", named(policy).buckets)
    found = named(policy, bucket)
    region = given["region"] or _one("region", found.regions)
    account = given["account"] or _one("account", found.accounts)
    partition = given["partition"] or _one("partition", found.partitions or ("aws",))
    return bucket_arn(bucket, account=account, region=region, partition=partition)


def _one(what: str, names: tuple[str, ...]) -> str:
    if len(names) != 1:
        has = f"several of it ({', '.join(names)})" if names else "none"
        raise click.UsageError(f"give --{what}: the ARNs of S3 Vectors in the policy name {has}")
    return names[0]


def _indexes(policy: Policy, arn: str) -> tuple[str, ...]:
    from stache_ai_s3vectors.policy_check import named

    indexes = named(policy, arn.partition(":bucket/")[2]).indexes
    if not indexes:
        raise click.UsageError(
            "give --index for each index that is used: no ARN of S3 Vectors in the policy names one"
        )
    return indexes


def _print(
    file: str, level: str, target: Target | None, findings: list[Finding], *, as_json: bool
) -> None:
    if as_json:
        told = {
            "file": file,
            "level": level,
            "bucket": target.bucket_arn if target else None,
            "indexes": list(target.indexes) if target else [],
            "findings": [asdict(found) for found in findings],
        }
        click.echo(json.dumps(told))
        return
    for found in findings:
        click.echo(f"{file}:{found.line}: {found.kind}: {found.problem}; {found.fix}")
    if target and not findings:
        count = len(target.indexes)
        these = "this index" if count == 1 else f"these {count} indexes"
        click.echo(
            f"the policy allows what {level} needs on {these} of {target.bucket}, and nothing "
            f"else of S3 Vectors: {', '.join(target.indexes)}"
        )
