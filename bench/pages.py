"""Bring the tables, figures and plots of the pages up to date with bench/results.

    python bench/pages.py

The pages are written by hand. `<!-- table NAME -->` and `<!-- figure PATH | FORMAT -->`, each up to
`<!-- end -->`, are filled from the results: a path leads through one of the files in bench/results.
The plots are drawn by matplotlib, in an environment of its own that this makes.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import processes
import tables

FOLDER: Final = Path(__file__).parent
PAGES: Final = (*sorted(FOLDER.rglob("*.md")), FOLDER.parent / "README.md")
FILLED: Final = re.compile(r"<!-- (table|figure) (.+?) -->(.*?)<!-- end -->", re.DOTALL)


def fill(page: str) -> str:
    """A page, with the tables and figures of the results."""
    rendered = tables.render_all()

    def render_part(match: re.Match[str]) -> str:
        kind, name, _ = match.groups()
        if kind == "table":
            text = f"\n{rendered[name]}"
        else:
            path, form = name.split(" | ")
            text = tables.format_value(tables.read_figure(path), form)
        return f"<!-- {kind} {name} -->{text}<!-- end -->"

    return FILLED.sub(render_part, page)


def main() -> None:
    """Fill the pages, then draw the plots."""
    for page in PAGES:
        page.write_text(fill(page.read_text("utf-8")), "utf-8")
    subprocess.run([processes.prepare("plot"), FOLDER / "plots.py"], check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main()
