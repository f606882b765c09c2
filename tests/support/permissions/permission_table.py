"""A script that regenerates the table of levels in docs/permissions.md.

    PYTHONPATH=tests:examples:examples/cdk:cdk python -m support.permissions.permission_table

It deploys the store with the CDK, SAM and Terraform to a simulated AWS, and tries every behavior
with each level's policy. The table has one column for each level, so it is an error if the three
tools give different results.
"""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from stache_ai_s3vectors.service.permissions import LEVELS
from support import ROOT
from support.deployment.deployed_store import DIALECTS, deploy_store
from support.deployment.role_view import Owner, RoleView
from support.permissions.behaviors import BEHAVIORS, find_denied_action
from support.processes import loopback

PAGE: Final = ROOT / "docs" / "permissions.md"
_FIRST_HEADER: Final = "operation"
_CELLS: Final = {"allowed": True, "denied": False}

Column: TypeAlias = dict[str, bool]
"""Whether each behavior was allowed, by the behavior's name."""


def read_page() -> dict[str, Column]:
    """Read the page's table, by level."""
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:-1]] for row in _read_table().splitlines()
    ]
    return {
        level: {row[0]: _CELLS[row[number]] for row in rows[2:]}
        for number, level in enumerate(rows[0][1:], 1)
    }


def _read_table() -> str:
    match = re.search(rf"^\| {_FIRST_HEADER} \|.*\n(\|.*\n)+", PAGE.read_text(), re.MULTILINE)
    assert match
    return match[0]


def _observe_columns() -> dict[str, Column]:
    first, *others = (_group_by_level(dialect) for dialect in DIALECTS)
    if any(columns != first for columns in others):
        raise SystemExit(f"{[*DIALECTS]} differ:\n{[first, *others]}")
    return first


def _group_by_level(dialect: str) -> dict[str, Column]:
    with tempfile.TemporaryDirectory() as folder, deploy_store(dialect, Path(folder)) as store:
        owner = Owner(store.owner)
        columns = {}
        for level in LEVELS:
            decisions = partial(store.aws.policies.list_decisions, level)
            view = RoleView(
                owner, store.create_role_environment(level, level), decisions, Path(folder)
            )
            columns[level] = {
                each.name: find_denied_action(each, view) is None for each in BEHAVIORS
            }
        return columns


def _format_lines(columns: dict[str, Column]) -> str:
    words = {allowed: word for word, allowed in _CELLS.items()}
    header = [_FIRST_HEADER, *columns]
    rows = [
        [f"`{each.name}`", *(words[column[each.name]] for column in columns.values())]
        for each in BEHAVIORS
    ]
    table = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in table)


def main() -> None:
    """Write the table."""
    PAGE.write_text(PAGE.read_text().replace(_read_table(), _format_lines(_observe_columns())))


if __name__ == "__main__":
    loopback.use_dummy_credentials()
    loopback.refuse_other_machines()
    main()
