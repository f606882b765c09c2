"""`stache-s3vectors doctor`: will it work, and if not, what is wrong?"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any, Final

import click

from stache_ai_s3vectors.service.permissions import LEVELS
from stache_ai_s3vectors.tool.doctor import Finding, examine
from stache_ai_s3vectors.tool.options import Choice, load_settings, with_values

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
    help="Name of an index; can be given more than once. [default: those that Stache would use]",
)
@with_values
def doctor_command(*, level: str, names: tuple[str, ...], as_json: bool, **values: Any) -> None:
    """Check settings, credentials, bucket, indexes, permissions.

    In that order, each explained, with what is wrong and its exact fix at the end. Nothing is
    changed: reads and deletes are of a key that is not there, and one vector in a namespace of
    its own is written, found and removed again (not with --level read).

    \b
    Example:
      stache-s3vectors doctor --bucket my-bucket --region us-east-1
    """  # noqa: D301 - \b keeps click from wrapping the example
    found: list[Finding] = []
    for finding in examine(partial(load_settings, values), level, names):
        found.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.state.value]
            click.secho(f"{mark:8}", fg=colour, nl=False, color=_coloured())
            click.echo(f" {finding.check}: {finding.text}")
    wrong = [finding for finding in found if finding.state.value == "wrong"]
    if as_json:
        told = [finding.as_dict() for finding in found]
        click.echo(json.dumps({"ready": not wrong, "checks": told}))
    else:
        _conclude(found, wrong)
    if wrong:
        click.get_current_context().exit(1)


def _coloured() -> bool | None:
    """None leaves it to click, which asks for a terminal."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return False if plain else None


def _conclude(found: list[Finding], wrong: list[Finding]) -> None:
    warnings = [finding for finding in found if finding.state.value == "warning"]
    click.echo()
    for title, findings in (("Wrong", wrong), ("Warning", warnings)):
        for finding in findings:
            click.echo(f"{title}: {finding.check}: {finding.text}")
            click.echo(f"  Fix: {finding.fix}")
    if not wrong:
        click.echo("ready")
