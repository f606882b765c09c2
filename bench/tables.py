"""The figures of bench/results as the Markdown tables that tables.toml describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import tomllib

from sampling import RESULTS, load_result

SPECIFICATION: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
FIGURE: Final = re.compile(r"\{(.+?) \| (.+?)\}")
LEAST: Final = 1.05
"""How much better than ours is bold."""


def read_path(result: Any, path: str) -> Any:
    """What is in a result under these keys, which colons divide; None if there is nothing."""
    for key in path.split(":") if path else ():
        result = result.get(key) if isinstance(result, dict) else None
    return result


def format_value(value: Any, form: str) -> str:
    """A value in one of our formats, or in Python's."""
    return FORMATS[form](value) if form in FORMATS else format(value, form)


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
    """In the largest unit of which there are two."""
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


def fill(text: str, result: Any) -> str:
    """A text with the figures of a result."""
    return FIGURE.sub(lambda match: format_value(read_path(result, match[1]), match[2]), text)


def join_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def render_cell(text: str, row: str, result: Any, missing: str, better: str = "") -> str:
    """A cell, bold if it is better than ours."""
    values = [read_path(result, path.replace("ROW", row)) for path, _ in FIGURE.findall(text)]
    if None in values:
        return missing
    cell = fill(text.replace("ROW", row), result)
    ours = read_path(result, FIGURE.findall(text)[0][0].replace("ROW", "ours")) if better else 0
    ratio = {"more": values[0] / ours, "less": ours / values[0]}[better] if ours else 1
    return f"**{cell}**" if ratio > LEAST else cell


def render_table(table: Any, result: Any, each: str = "") -> str:
    """A table of a result; empty if the result has none of its rows."""
    keys = read_path(result, table["rows"].replace("EACH", each)) or {}
    labels = SPECIFICATION["labels"].get(table.get("labels"), {key: key for key in keys})
    columns = [
        [head.replace("EACH", one), text.replace("EACH", one), *better]
        for one in (read_path(result, table["across"]) if "across" in table else [each])
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


def load(name: str) -> Any:
    """A saved result, or the arithmetic of large sizes, which is computed from the others."""
    if name == "scale":
        import compute_costs  # which the plots' environment lacks

        return compute_costs.estimate(load_result("clients"), load_result("costs"))
    return load_result(name)


def render_targets() -> str:
    """What was asked for, and whether it holds."""
    rows = []
    for target in SPECIFICATION["target"]:
        value, base = ([read_figure(path) for path in target["measured"]] + [1.0])[:2]
        ratio, unit, kind = value / base, target["unit"], "least" if "least" in target else "most"
        limit = target[kind]
        met = ratio >= limit if kind == "least" else ratio <= limit
        cells = (
            f"at {kind} {limit:,} {unit}",
            f"{shorten(ratio)} {unit}",
            "yes" if met else "**no**",
        )
        rows.append([target["what"], *cells])
    return join_table(["", "target", "measured", "met"], rows)


def read_figure(path: str) -> Any:
    """What is in a result, of which the path begins with the name."""
    name, _, keys = path.partition(":")
    return read_path(load(name), keys)


def render_machines() -> str:
    """Which figures were measured on which machine, and with what; others are arithmetic."""
    names: dict[tuple[str, ...], list[str]] = {}
    for file in sorted(RESULTS.glob("*.json")):
        if about := load(file.stem).get("machine"):
            machine = "{cores} cores, {cpu}, {GiB} GiB, {system}".format(**about)
            packages = {"Python": about["python"], **about["packages"]}
            versions = ", ".join(map(" ".join, packages.items()))
            names.setdefault((about["on"], machine, versions), []).append(file.stem)
    rows = [[", ".join(names), *key] for key, names in sorted(names.items())]
    return join_table(["figures", "on", "machine", "with"], rows)


def render_all() -> dict[str, str]:
    """The tables of everything that is saved."""
    rendered = {"targets": render_targets(), "machines": render_machines()}
    for name in {table["result"] for table in SPECIFICATION["table"]}:
        rendered |= render(name, load(name))
    return rendered
