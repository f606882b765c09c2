"""`stache-s3vectors policy`: the least that Stache, or an operator, must be allowed."""

from __future__ import annotations

import json
import re
from typing import Final

import click

from stache_ai_s3vectors.arns import BUCKET_ARN
from stache_ai_s3vectors.permissions import LEVELS
from stache_ai_s3vectors.permissions import policy as least

_KEY: Final = re.compile(r"arn:aws[-a-z0-9]*:kms:[a-z0-9-]+:\d{12}:key/.+")


@click.command()
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="read-write",
    show_default=True,
    help="read: search. read-write: all that Stache does. manage-indexes: this tool.",
)
@click.option("--bucket", required=True, help="Vector bucket: its name, or its ARN.")
@click.option("--account", help="Twelve digits. [default: that of the bucket's ARN]")
@click.option("--region", help="AWS region. [default: that of the bucket's ARN]")
@click.option("--partition", help="aws, aws-cn or aws-us-gov. [default: the ARN's, aws]")
@click.option(
    "--index",
    "indexes",
    multiple=True,
    required=True,
    help="Name of an index. Give it once for each of them.",
)
@click.option("--kms-key", help="ARN of the customer key that encrypts the bucket.")
def policy(  # noqa: PLR0913, PLR0917 - one for each option
    level: str,
    bucket: str,
    account: str | None,
    region: str | None,
    partition: str | None,
    indexes: tuple[str, ...],
    kms_key: str | None,
) -> None:
    """Print the least-privilege IAM policy, as JSON. Makes no call.

    \b
    Example:
      stache-s3vectors policy --bucket my-bucket --account 123456789012 --region us-east-1 \\
        --index documents-1024 --index summaries-1024 --index insights-1024
    """  # noqa: D301 - \b keeps click from wrapping the example
    arn = bucket
    if not bucket.startswith("arn:"):
        arn = f"arn:{partition or 'aws'}:s3vectors:{region or ''}:{account or ''}:bucket/{bucket}"
    found = BUCKET_ARN.fullmatch(arn)
    if found is None:
        raise click.UsageError(
            f"{arn!r} is not the ARN of a vector bucket: give --account (twelve digits), --region "
            "and the bucket's name, or its ARN"
        )
    given = {"partition": partition, "region": region, "account": account}
    wrong = [name for name, value in given.items() if value not in (None, found[name])]
    if wrong:
        raise click.UsageError(f"--{wrong[0]} contradicts the bucket's ARN {arn}")
    if kms_key is not None and not _KEY.fullmatch(kms_key):
        raise click.UsageError(f"{kms_key!r} is not the ARN of a KMS key; aliases do not do")
    click.echo(json.dumps(least(level, arn, indexes, kms_key), indent=2))
