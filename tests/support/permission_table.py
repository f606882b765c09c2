"""The table of what each level allows, as it was observed.

    PYTHONPATH=examples:examples/cdk:cdk python tests/support/permission_table.py

deploys the store in each dialect to a simulated AWS, tries every behavior under each level's
policy, and writes the table of docs/permissions.md anew. The page has one column a level: a
dialect that differs from another is an error.
"""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import loopback
from behaviors import BEHAVIORS, find_denied_action
from deployed_store import DIALECTS, deploy_store
from role_view import Owner, RoleView
from stache_ai_s3vectors.service.permissions import LEVELS

PAGE: Final = Path(__file__).parents[2] / "docs" / "permissions.md"
_FIRST: Final = "operation"
_CELLS: Final = {"allowed": True, "denied": False}

Column: TypeAlias = dict[str, bool]
"""Whether each behavior was allowed, by its name."""


def read_page() -> dict[str, Column]:
    """What the page says, by level; it holds in every dialect."""
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:-1]] for row in _read_table().splitlines()
    ]
    return {
        level: {row[0]: _CELLS[row[number]] for row in rows[2:]}
        for number, level in enumerate(rows[0][1:], 1)
    }


def _read_table() -> str:
    match = re.search(rf"^\| {_FIRST} \|.*\n(\|.*\n)+", PAGE.read_text(), re.MULTILINE)
    assert match
    return match[0]


def _observe_columns() -> dict[str, Column]:
    first, *others = (_group_by_level(dialect) for dialect in DIALECTS)
    if any(columns != first for columns in others):
        raise SystemExit(f"the dialects {DIALECTS} differ:\n{[first, *others]}")
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
    heads = [_FIRST, *columns]
    rows = [
        [f"`{each.name}`", *(words[column[each.name]] for column in columns.values())]
        for each in BEHAVIORS
    ]
    table = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in table)


def main() -> None:
    """Write the table."""
    PAGE.write_text(PAGE.read_text().replace(_read_table(), _format_lines(_observe_columns())))


if __name__ == "__main__":
    loopback.use_dummy_credentials()
    loopback.refuse_other_machines()
    main()
