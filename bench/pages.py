"""Bring the tables, figures and plots of the pages up to date with bench/results.

    python bench/pages.py

The pages are written by hand. `<!-- table NAME -->` and `<!-- figure PATH | FORMAT -->`, each up to
`<!-- end -->`, are filled from the results: a path leads through one of the files in bench/results.
`tables.toml` describes the tables and the plots.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import tomllib

import measure_costs
import processes
from sampling import RESULTS, read_path

FOLDER: Final = Path(__file__).parent
PAGES: Final = (*sorted(FOLDER.rglob("*.md")), FOLDER.parent / "README.md")
FILLED: Final = re.compile(r"<!-- (table|figure) (.+?) -->(.*?)<!-- end -->", re.DOTALL)
FIGURE: Final = re.compile(r"\{(.+?) \| (.+?)\}")
SPECIFICATION: Final = tomllib.loads((FOLDER / "tables.toml").read_text("utf-8"))
LEAST: Final = 1.05
"""The ratio to ours from which a figure is bold."""


@cache
def load_results() -> dict[str, Any]:
    """The saved results, and the arithmetic of large sizes, which is computed from them."""
    files = sorted(RESULTS.glob("*.json"))
    results = {file.stem: json.loads(file.read_text("utf-8")) for file in files}
    return {**results, "scale": measure_costs.estimate(results["clients"], results["costs"])}


def fill_page(page: str) -> str:
    """A page, with the tables and figures of the results."""
    tables = render_all()

    def render_part(match: re.Match[str]) -> str:
        kind, name, _ = match.groups()
        text = f"\n{tables[name]}" if kind == "table" else fill(f"{{{name}}}", load_results())
        return f"<!-- {kind} {name} -->{text}<!-- end -->"

    return FILLED.sub(render_part, page)


def fill(text: str, result: Any) -> str:
    """A text with the figures of a result, each in one of our formats or in Python's."""

    def render_figure(match: re.Match[str]) -> str:
        value, form = read_path(result, match[1]), match[2]
        return FORMATS[form](value) if form in FORMATS else format(value, form)

    return FIGURE.sub(render_figure, text)


def format_figure(figure: Any) -> str:
    """A median with its unit and spread."""
    median, unit = figure["median"], figure["unit"].split()[0]
    if unit == "ms" and median < 1:
        median, unit = 1_000 * median, "µs"
    return f"{shorten(median)} {unit} ±{figure['spread']:.0f} %"


def shorten(value: float) -> str:
    """A number of three digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 1 else f"{value:.2f}"  # noqa: PLR2004 - three digits


def format_duration(seconds: float) -> str:
    """A duration in the largest unit of which it has two."""
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
    size, unit = next((u for u in units if seconds >= 2 * u[0]), units[-1])
    return f"{seconds / size:,.1f} {unit}"


FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    "spread": format_figure,
    "MB": lambda size: f"{size / 1e6:.1f} MB",
    "price": lambda usd: f"{usd:.10f}".rstrip("0"),
    "duration": format_duration,
    "hits": lambda counts: " / ".join(map(str, counts)),
    "scores": lambda scores: ", ".join(f"{score:.2f}" for score in scores),
}


def join_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def render_cell(text: str, row: str, result: Any, missing: str, better: str = "") -> str:
    """A cell, bold if it is better than ours."""
    paths = [path for path, _ in FIGURE.findall(text)]
    values = [read_path(result, path.replace("ROW", row)) for path in paths]
    if None in values:
        return missing
    cell = fill(text.replace("ROW", row), result)
    ours = read_path(result, paths[0].replace("ROW", "ours")) if better else 0
    ratio = {"more": values[0] / ours, "less": ours / values[0]}[better] if ours else 1
    return f"**{cell}**" if ratio > LEAST else cell


def render_table(table: Any, result: Any, each: str = "") -> str:
    """A table of a result; empty if the result has none of its rows."""
    across = [*read_path(result, table["across"])] if "across" in table else [each]
    keys = read_path(result, table["rows"].replace("EACH", across[0])) or {}
    labels = SPECIFICATION["labels"].get(table.get("labels"), {key: key for key in keys})
    columns = [
        [head.replace("EACH", one), text.replace("EACH", one), *better]
        for one in across
        for head, text, *better in table["columns"]
    ]
    missing = table.get("missing", "cannot")
    rows = [
        [
            fill(label.replace("EACH", each), result),
            *(render_cell(text, row, result, missing, *more) for _, text, *more in columns),
        ]
        for row, label in labels.items()
        if row.partition(":")[0] in keys
    ]
    head = [table.get("corner", ""), *(head for head, *_ in columns)]
    return join_table(head, rows) if rows else ""


def render(name: str, result: Any) -> Iterator[tuple[str, str]]:
    """The tables of a result, each with its name."""
    for table in SPECIFICATION["table"]:
        if table["result"] == name:
            for each in (read_path(result, table["each"]) or ()) if "each" in table else [""]:
                if rendered := render_table(table, result, each):
                    yield table["name"].replace("EACH", each), rendered


def render_targets() -> str:
    """The targets, and whether they are met."""
    rows = []
    for target in SPECIFICATION["target"]:
        figures = [read_path(load_results(), path) for path in target["measured"]]
        ratio, unit = figures[0] / (figures[1] if len(figures) > 1 else 1), target["unit"]
        kind = "least" if "least" in target else "most"
        limit = target[kind]
        met = "yes" if (ratio >= limit if kind == "least" else ratio <= limit) else "**no**"
        cells = (f"at {kind} {limit:,} {unit}", f"{shorten(ratio)} {unit}", met)
        rows.append([target["what"], *cells])
    return join_table(["", "target", "measured", "met"], rows)


def render_machines() -> str:
    """The machines and packages of the figures that depend on them."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, result in load_results().items():
        if about := result.get("machine"):
            machine = "{cores} cores, {cpu}, {GiB} GiB, {system}".format(**about)
            packages = {"Python": about["python"], **about["packages"]}
            versions = ", ".join(map(" ".join, packages.items()))
            names.setdefault((about["on"], machine, versions), []).append(name)
    rows = [[", ".join(names), *key] for key, names in sorted(names.items())]
    return join_table(["figures", "on", "machine", "with"], rows)


def render_all() -> dict[str, str]:
    """The tables of everything that is saved."""
    tables = {"targets": render_targets(), "machines": render_machines()}
    for name, result in load_results().items():
        tables |= render(name, result)
    return tables


def main() -> None:
    """Fill the pages, then draw the plots, in an environment that has matplotlib."""
    for page in PAGES:
        page.write_text(fill_page(page.read_text("utf-8")), "utf-8")
    processes.call("plot", "plots:draw_plots", SPECIFICATION["plots"], load_results())


if __name__ == "__main__":
    main()
