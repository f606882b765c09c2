"""`stache-s3vectors doctor`: will it work, and if not, what is wrong?"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any, Final

import click

from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.service.printable import to_printable
from stache_ai_s3vectors.tool.doctor import Finding, run_checks
from stache_ai_s3vectors.tool.failures import report_on_stop
from stache_ai_s3vectors.tool.options import (
    Choice,
    load_settings_from_options,
    with_setting_options,
)
from stache_ai_s3vectors.tool.terminal import echo_wrapped

_MARKS: Final = {
    "ok": ("ok", "green"),
    "warning": ("WARNING", "yellow"),
    "wrong": ("WRONG", "red"),
    "skipped": ("skipped", "bright_black"),
}


@click.command("doctor")
@click.option(
    "--level",
    type=Choice(list(LEVELS)),
    default="read-write",
    show_default=True,
    help="The permissions to try: read for search, read-write for Stache, manage-indexes for "
    "this tool.",
)
@click.option(
    "--index",
    "names",
    multiple=True,
    help="Name of an index; can be given more than once. [default: those that Stache uses]",
)
@with_setting_options
def doctor_command(*, level: str, names: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Check settings, credentials, bucket, indexes and permissions, in that order.

    At the end, the command prints each problem with its fix. Your data does not change: the checks
    read and delete a key that does not exist, and insert, find and delete one vector in a separate
    namespace (not with --level read). Exit status: 0 ready, 1 problems, 2 wrong usage.

    \b
    Example:
      stache-s3vectors doctor --bucket my-bucket --region us-east-1
    """  # noqa: D301 - \b keeps click from wrapping the example
    findings: list[Finding] = []
    with report_on_stop(lambda: f"{len(findings)} checks are done", ""):
        for finding in run_checks(partial(load_settings_from_options, values), level, names):
            findings.append(finding)
            if not as_json:
                _print_finding(finding)
    wrong = [finding for finding in findings if finding.state.value == "wrong"]
    if as_json:
        checks = [finding.as_dict() for finding in findings]
        click.echo(json.dumps({"ready": not wrong, "checks": checks}))
    else:
        _print_conclusion(findings, wrong)
    if wrong:
        click.get_current_context().exit(1)


def _print_finding(finding: Finding) -> None:
    mark, colour = _MARKS[finding.state.value]
    click.secho(f"{mark:8}", fg=colour, nl=False, color=_choose_colour())
    text = to_printable(f" {finding.check}: {finding.text}")
    echo_wrapped(text, start=len(f"{mark:8}"), indent=len(f"{mark:8} "))


def _choose_colour() -> bool | None:
    """None leaves the decision to click: colors on a terminal only."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return False if plain else None


def _print_conclusion(findings: list[Finding], wrong: list[Finding]) -> None:
    warnings = [finding for finding in findings if finding.state.value == "warning"]
    click.echo()
    for title, group in (("Wrong", wrong), ("Warning", warnings)):
        for finding in group:
            echo_wrapped(to_printable(f"{title}: {finding.check}: {finding.text}"), indent=2)
            echo_wrapped(to_printable(f"  Fix: {finding.fix}"), indent=7)
    if not wrong:
        click.echo("ready")
