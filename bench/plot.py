"""Draw the plots of bench/README.md; report.py runs it where matplotlib is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

RESULTS: Final = Path(__file__).parent / "results"

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "the same picture for the same figures"
mpl.rcParams["svg.fonttype"] = "none"


def load(name: str) -> Any:
    """One of the results."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def draw(name: str, lines: dict[str, list[tuple[int, float]]], title: str) -> None:
    """Milliseconds over vectors, both logarithmic."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for label, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="vectors", ylabel="milliseconds", title=title)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    figure.savefig(RESULTS / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def engine() -> None:
    """Our searches by size."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for size in load("engine")["sizes"]:
        for name, entry in size["milliseconds"].items():
            lines.setdefault(name, []).append((size["vectors"], entry["median"]))
    draw("engine", lines, "s3vectors-local, 1,024 dimensions")


def compare() -> None:
    """All peers by size: over all vectors, and with a filter that keeps 1 %."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for size in load("compare")["sizes"]:
        for peer in size["peers"]:
            for kind in ("all", "1 %") if "cannot" not in peer else ():
                label = f"{peer['package'].split()[0]}, {kind}"
                median = peer["milliseconds"][kind]["median"]
                lines.setdefault(label, []).append((size["vectors"], median))
    draw("compare", lines, "queries over all vectors and with a filter of 1 %")


if __name__ == "__main__":
    engine()
    compare()
