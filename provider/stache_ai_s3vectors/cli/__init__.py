"""The command `stache-s3vectors`; one file a group of commands."""

from __future__ import annotations

import click

from .indexes import indexes
from .policy import policy
from .policy_check import check_command


@click.group()
@click.version_option(package_name="stache-ai-s3vectors", prog_name="stache-s3vectors")
def main() -> None:
    """Look after Stache's vectors in Amazon S3 Vectors.

    Settings are those of the provider: environment variables, a .env file, or the options
    of a command. Exit status: 0 done, 1 failed, 2 wrong usage.
    """


main.add_command(indexes)
main.add_command(policy)
policy.add_command(check_command)
