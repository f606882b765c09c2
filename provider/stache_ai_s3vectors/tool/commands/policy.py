"""`stache-s3vectors policy`: the permissions that Stache, or an operator, needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
from click.core import ParameterSource

from stache_ai_s3vectors.service.arns import BUCKET_ARN, INDEX_NAME, KEY_ARN, get_partition
from stache_ai_s3vectors.service.permissions import LEVELS, build_policy
from stache_ai_s3vectors.tool.lazy import LazyCommand
from stache_ai_s3vectors.tool.options import (
    Choice,
    add_options,
    get_index_names,
    load_settings_from_options,
    resolve_options,
    with_common_options,
)

_LEVEL: Final = click.option(
    "--level",
    type=Choice(list(LEVELS)),
    default="read-write",
    show_default=True,
    help="read: search. read-write: all that Stache does. manage-indexes: this tool.",
)
_KMS_KEY: Final = click.option(
    "--kms-key", help="ARN of the customer key that encrypts the bucket."
)


def add_policy_options(default: str, configured: str = "") -> Callable[[Callable[..., None]], Any]:
    """Add the options that say what the policy is for.

    Args:
        default: where the parts of the bucket's ARN come from by default.
        configured: the same for the bucket and the indexes.
    """
    index = f"Name of an index. Repeat the option for each index.{configured}"
    parts = f"[default: that of {default}]"
    partition = f"For example aws-cn. [default: that of {default}, that of the region]"
    options = (
        _LEVEL,
        click.option("--bucket", help=f"Vector bucket: its name, or its ARN.{configured}"),
        click.option("--account", help=f"Twelve digits. {parts}"),
        click.option("--region", help=f"AWS region. {parts}"),
        click.option("--partition", help=partition),
        click.option("--index", "indexes", multiple=True, help=index),
        _KMS_KEY,
    )
    return lambda command: add_options(command, options)


@click.group(invoke_without_command=True)
@add_policy_options("the bucket's ARN", " [default: S3VECTORS_…]")
@with_common_options
@click.pass_context
def policy_command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    level: str,
    bucket: str | None,
    account: str | None,
    region: str | None,
    partition: str | None,
    indexes: tuple[str, ...],
    kms_key: str | None,
    as_json: bool,  # noqa: ARG001 - it is JSON anyway
) -> None:
    """Print the least-privilege IAM policy as JSON, or check a policy. No AWS call is made.

    \b
    Example:
      stache-s3vectors policy --bucket my-bucket --account 123456789012 --region us-east-1 \\
        --index documents-1024 --index summaries-1024 --index insights-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    if not bucket or not indexes:
        bucket, region, indexes = read_configured_names(bucket, region, indexes)
    arn = build_bucket_arn(bucket, account=account, region=region, partition=partition)
    check_key(kms_key, arn)
    check_indexes(indexes)
    keys = [kms_key] if kms_key else []
    click.echo(json.dumps(build_policy(level, arn, indexes, keys), indent=2))


policy_command.add_command(
    LazyCommand(
        "check",
        f"{__package__}.policy_check:check_policies",
        "Find missing, excess and ineffective permissions in IAM policies.",
    )
)


def read_configured_names(
    bucket: str | None, region: str | None, indexes: tuple[str, ...]
) -> tuple[str, str | None, tuple[str, ...]]:
    """Take the bucket, its region and the indexes from the provider's settings, where missing."""
    settings = load_settings_from_options({"bucket": bucket, "region": region})
    options = resolve_options(settings)
    names = tuple(dict.fromkeys(get_index_names(settings, options.dimension).values()))
    bucket = bucket or settings.s3vectors_bucket_name or settings.s3vectors_bucket or ""
    return bucket, region or options.region, indexes or names


def _refuse_options(context: click.Context) -> None:
    """Refuse options before the subcommand: they would be ignored."""
    for param in context.command.params:
        source = context.get_parameter_source(param.name or "")
        if source is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"give {param.opts[0]} after {context.invoked_subcommand}")


def build_bucket_arn(
    bucket: str, *, account: str | None, region: str | None, partition: str | None
) -> str:
    """Build the bucket's ARN from its name or ARN.

    Raises:
        click.UsageError: something is missing, or contradicts the ARN.
    """
    arn = bucket
    if not bucket.startswith("arn:"):
        partition = partition or get_partition(region or "")
        arn = f"arn:{partition}:s3vectors:{region or ''}:{account or ''}:bucket/{bucket}"
    parts = BUCKET_ARN.fullmatch(arn)
    if parts is None:
        raise click.UsageError(
            f"{arn!r} is not the ARN of a vector bucket: give --account (twelve digits), --region "
            "and the bucket's name, or its ARN"
        )
    options = {"partition": partition, "region": region, "account": account}
    wrong = [name for name, value in options.items() if value not in (None, parts[name])]
    if wrong:
        raise click.UsageError(f"--{wrong[0]} contradicts the bucket's ARN {arn}")
    return arn


def check_indexes(names: Sequence[str]) -> None:
    """Refuse what is not the name of an index, for example a wildcard.

    Raises:
        click.UsageError: with what is wrong.
    """
    wrong = [name for name in names if not INDEX_NAME.fullmatch(name)]
    if wrong:
        raise click.UsageError(
            f"--index {wrong[0]!r} is not the name of an index. Use 3 to 63 lower-case letters, "
            "digits, hyphens and dots"
        )


def check_key(kms_key: str | None, bucket_arn: str) -> None:
    """Refuse what is not the ARN of one key in the bucket's region.

    Raises:
        click.UsageError: with what is wrong.
    """
    if kms_key is None:
        return
    key, bucket = KEY_ARN.fullmatch(kms_key), BUCKET_ARN.fullmatch(bucket_arn)
    if key is None:
        raise click.UsageError(
            f"--kms-key {kms_key!r} is not the ARN of a KMS key. Give one key, "
            "arn:aws:kms:REGION:ACCOUNT:key/ID: wildcards and aliases are not accepted"
        )
    if bucket is not None and key["region"] != bucket["region"]:
        raise click.UsageError(
            f"--kms-key {kms_key!r} is in {key['region']} and the bucket in {bucket['region']}. "
            "S3 Vectors takes keys of the bucket's own region only"
        )
