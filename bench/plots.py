"""Draw the plots of bench/results; pages.py runs this where matplotlib is installed.

    python bench/plots.py

Ours has the one strong colour, everything else is grey and labelled where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

import sampling
import tables

OURS: Final = "#0072B2"
"""Blue of the palette by Okabe and Ito, which the colour-blind can tell from grey."""

OTHERS: Final = "#6E6E6E"
DASHED: Final = ("numpy", "chromadb", "lancedb_indexed")
MARKERS: Final = {
    "numpy": "s",
    "chromadb": "s",
    "qdrant": "D",
    "lancedb": "^",
    "lancedb_indexed": "v",
}
"""Of those that are not ours."""

mpl.use("Agg")
plt.style.use(Path(__file__).with_suffix(".mplstyle"))


def draw_plot(name: str, plot: Any) -> None:
    """Draw and save panels side by side, under a title and a line that explains them."""
    height, panels = plot["height"], plot["panel"]
    figure, all_axes = plt.subplots(1, len(panels), figsize=(10.5, height))
    top = 1 - 0.12 / height
    figure.suptitle(plot["title"], x=0.01, y=top, ha="left", va="top", size=14, weight="bold")
    figure.text(0.01, top - 0.32 / height, plot["subtitle"], va="top", color=OTHERS)
    figure.subplots_adjust(**{"top": 1 - 1.1 / height, "bottom": 0.6 / height, **plot["margins"]})
    for axes, panel in zip(all_axes, panels, strict=True):
        axes.set_title(panel["title"])
        if "bars" in panel:
            draw_bars(axes, panel["bars"], plot["labels"], named=axes is all_axes[0])
        else:
            draw_lines(axes, panel, plot)
    figure.savefig(sampling.RESULTS / f"{name}.svg", metadata={"Date": None})


def draw_bars(axes: Any, path: str, labels: Mapping[str, str], *, named: bool) -> None:
    """A bar for each client in our time, with its number; without one where it cannot."""
    figures = tables.read_figure(path)
    times = [figures.get(name, {}).get("times ours", 0) for name in labels]
    most, ours = max(times), [*labels].index("ours")
    axes.barh(range(len(times)), times, color="#BDBDBD", height=0.66)[ours].set(facecolor=OURS)
    axes.axvline(1, color="#222222", linewidth=1, linestyle=":")
    for place, value in enumerate(times):
        text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 - three digits
        at = max(value, 1 if 0 < value < 1 else 0) + 0.02 * most
        axes.text(at, place, text if value else "cannot", va="center", size=9)
    axes.set(xlim=(0, 1.17 * most), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()
    if named:
        axes.set_yticks(range(len(labels)), labels.values())
        axes.get_yticklabels()[ours].set(color=OURS, weight="bold")


def draw_lines(axes: Any, panel: Any, plot: Any) -> None:
    """Lines by the number of vectors, both axes logarithmic, each with its name at its end."""
    axes.set(xscale="log", yscale="log", xlabel="vectors in the index", ylim=plot["limits"])
    axes.set_xticks([1e3, 1e4, 1e5], ["1,000", "10,000", "100,000"])
    places = [float(tick.split()[0].replace(",", "")) for tick in plot["ticks"]]
    axes.set_yticks(places, plot["ticks"])
    axes.minorticks_off()
    axes.grid(visible=True, axis="y", color="#E5E5E5")
    axes.set_axisbelow(True)
    for name in panel["lines"]:
        points = read_points(panel["path"].replace("NAME", name))
        ours = name not in MARKERS
        style = {"color": OURS if ours else OTHERS, "weight": "bold" if ours else "normal"}
        axes.plot(
            *zip(*points, strict=True),
            color=style["color"],
            marker=MARKERS.get(name, "o"),
            linestyle="--" if name in DASHED else "-",
            linewidth=2.2 if ours else 1.2,
            zorder=3 if ours else 2,
        )
        place = {"xytext": (8, panel.get("shifts", {}).get(name, 0)), "textcoords": "offset points"}
        axes.annotate(plot["labels"][name], points[-1], **place, va="center", size=9, **style)
    if "line" in plot:
        axes.axhline(plot["line"], color="#222222", linewidth=1, linestyle=":")


def read_points(path: str) -> list[tuple[int, float]]:
    """The medians under a path by the number of vectors, where there is one."""
    sizes = sampling.load_result("peers")["sizes"]
    figures = {int(count): tables.read_path(peers, path) for count, peers in sizes.items()}
    return [(count, figure["median"]) for count, figure in figures.items() if figure]


if __name__ == "__main__":
    for title, described in tables.SPECIFICATION["plots"].items():
        draw_plot(title, described)
