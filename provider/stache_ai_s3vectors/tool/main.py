"""The command `stache-s3vectors`; one file a group of commands."""

from __future__ import annotations

import click

from stache_ai_s3vectors.tool.commands.archive import export_command, import_command
from stache_ai_s3vectors.tool.commands.copying import copy_command, reembed_command
from stache_ai_s3vectors.tool.commands.doctor import doctor_command
from stache_ai_s3vectors.tool.commands.indexes import indexes
from stache_ai_s3vectors.tool.commands.migrating import migrate_command
from stache_ai_s3vectors.tool.commands.policy import policy
from stache_ai_s3vectors.tool.commands.policy_check import check_command
from stache_ai_s3vectors.tool.commands.purge import purge_command
from stache_ai_s3vectors.tool.commands.serve import serve_command
from stache_ai_s3vectors.tool.commands.stats import stats_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stache-ai-s3vectors", prog_name="stache-s3vectors")
def main() -> None:
    """Look after Stache's vectors in Amazon S3 Vectors.

    Settings are those of the provider: environment variables, a .env file, or the options
    of a command. Exit status: 0 done, 1 failed, 2 wrong usage.
    """


for _command in (
    doctor_command,
    indexes,
    policy,
    stats_command,
    export_command,
    import_command,
    copy_command,
    reembed_command,
    migrate_command,
    purge_command,
    serve_command,
):
    main.add_command(_command)
policy.add_command(check_command)
