"""Bring the tables, figures and plots of the pages up to date with bench/results.

    python bench/pages.py

The pages are written by hand. `<!-- table NAME -->` and `<!-- figure PATH | FORMAT -->`, each up to
`<!-- end -->`, are filled from the results: a path leads through one of the files in bench/results.
The plots are drawn by matplotlib, in an environment of its own that this makes.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import compute_scale
import environments
import tables
import targets
from sampling import load_result

HERE: Final = Path(__file__).parent
PAGES: Final = (HERE / "README.md", HERE / "scale.md", HERE.parent / "README.md")
FILLED: Final = re.compile(r"<!-- (table|figure) (.+?) -->(.*?)<!-- end -->", re.DOTALL)


@cache
def render_tables() -> dict[str, str]:
    """Every table, by name."""
    rendered: dict[str, str] = {}
    for name in tables.RENDERERS:
        rendered |= tables.render(name, load_result(name))
    return rendered | {
        "targets": render_targets(),
        "machines": render_machines(),
        **render_scale(load_result("clients"), load_result("costs")),
    }


def render_targets() -> str:
    """What was asked for, and whether it was kept."""
    rows = [
        [
            one.what,
            f"at {'least' if one.least else 'most'} {one.limit:,} {one.unit}",
            f"{tables.shorten(one.measured)} {one.unit}",
            "kept" if one.kept else "**missed**",
        ]
        for one in (
            *targets.list_engine_targets(load_result("engine")),
            *targets.list_http_targets(load_result("http")),
            *targets.list_client_targets(load_result("clients")),
        )
    ]
    return tables.join_table(["", "asked", "measured", ""], rows)


def render_machines() -> str:
    """Which figures were measured on which machine, and with what."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name in tables.RENDERERS:
        if name == "costs":
            continue  # arithmetic
        about = load_result(name)["machine"]
        machine = f"{about['cores']} cores, {about['cpu']}, {about['GiB']} GiB, {about['system']}"
        versions = ", ".join(f"{one} {version}" for one, version in about["packages"].items())
        key = (about["on"], machine, f"Python {about['python']}, {versions}")
        names.setdefault(key, []).append(name)
    rows = [[", ".join(names), *key] for key, names in names.items()]
    return tables.join_table(["figures", "on", "machine", "with"], rows)


def render_scale(clients: Any, costs: Any) -> dict[str, str]:
    """The tables of scale.md."""
    compared = [
        [what, f"{took:.2f} s", f"{computed:.2f} s", f"{computed / took:.2f}"]
        for what, (took, computed) in compute_scale.compare_with_measured(clients, costs).items()
    ]
    head = ["vectors", "indexes", "load", "cores to load", "list all"]
    planned = [
        [
            f"{n:,}",
            f"{parts:,}",
            format_time(load),
            f"{cores:,.1f}",
            format_time(walk),
            f"${usd:,.0f}",
        ]
        for n, parts, load, cores, walk, usd in compute_scale.plan(clients, costs)
    ]
    bills = [
        [f"{vectors:,}", f"{size:,.2f} TB", f"${month:,.0f}", f"${load:,.0f}"]
        for vectors, size, month, load in compute_scale.list_bills(costs)
    ]
    queries = f"{compute_scale.QUERIES:,} queries"
    return {
        "scale measured": tables.join_table(["", "measured", "computed", "ratio"], compared),
        "scale": tables.join_table([*head, queries], planned),
        "scale bills": tables.join_table(
            ["vectors", "logical size", "store, a month", "load once"], bills
        ),
    }


def format_time(seconds: float) -> str:
    """In the largest unit of which there are two."""
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
    size, unit = next((u for u in units if seconds >= 2 * u[0]), units[-1])
    return f"{seconds / size:,.1f} {unit}"


def render_figure(path: str, form: str) -> str:
    """One figure of a result; the format is Python's, or "MB", or "spread"."""
    name, _, rest = path.partition(":")
    value = tables.read_path(load_result(name), rest)
    if form == "spread":
        return tables.format_figure(value)
    return f"{value / 1e6:.1f} MB" if form == "MB" else format(value, form)


def render_part(match: re.Match[str]) -> str:
    """What is between two marks, marks included."""
    kind, name, _ = match.groups()
    if kind == "table":
        return f"<!-- table {name} -->\n{render_tables()[name]}<!-- end -->"
    return f"<!-- figure {name} -->{render_figure(*name.split(' | '))}<!-- end -->"


def fill(page: str) -> str:
    """A page, with the figures of the results."""
    return FILLED.sub(render_part, page)


def main() -> None:
    """Fill the pages, then draw the plots."""
    for page in PAGES:
        page.write_text(fill(page.read_text("utf-8")), "utf-8")
    subprocess.run([environments.prepare("plot"), HERE / "plots.py"], check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main()
