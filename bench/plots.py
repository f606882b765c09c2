"""Draw the plots of bench/results; pages.py runs this where matplotlib is installed.

    python bench/plots.py

Ours has the one strong colour, everything else is grey and labelled where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

import sampling
import tables

OURS: Final = "#0072B2"
"""Blue of the palette by Okabe and Ito, which the colour-blind can tell from grey."""

OTHERS: Final = "#6E6E6E"
PLOTS: Final = tables.SPECIFICATION["plots"]
DASHED: Final = ("numpy", "chromadb", "lancedb_indexed")
MARKERS: Final = {"chromadb": "s", "qdrant": "D", "lancedb": "^", "lancedb_indexed": "v"}

mpl.use("Agg")
plt.style.use(Path(__file__).with_suffix(".mplstyle"))


def start_figure(name: str, height: float) -> tuple[Any, Any]:
    """A figure of panels side by side, under a title and a line that explains them."""
    plot = PLOTS[name]
    figure, panels = plt.subplots(1, len(plot["panels"]), figsize=(10.5, height))
    top = 1 - 0.12 / height
    figure.suptitle(plot["title"], x=0.01, y=top, ha="left", va="top", size=14, weight="bold")
    figure.text(0.01, top - 0.32 / height, plot["subtitle"], va="top", color=OTHERS)
    figure.subplots_adjust(top=1 - 1.1 / height, bottom=0.6 / height)
    for axes, title in zip(panels, plot["panels"].values(), strict=True):
        axes.set_title(title)
    return figure, panels


def draw_clients() -> Any:
    """How much processor time each client takes, in ours."""
    figures = sampling.load_result("clients")["costs"]["1024"]
    figure, panels = start_figure("clients", 3.4)
    names = PLOTS["clients"]["lines"]
    for axes, task in zip(panels, PLOTS["clients"]["panels"], strict=True):
        draw_bars(axes, {name: figures[task].get(name, {}).get("times ours", 0) for name in names})
    panels[0].set_yticks(range(len(names)), list(names.values()))
    panels[0].get_yticklabels()[[*names].index("ours")].set(color=OURS, weight="bold")
    figure.subplots_adjust(left=0.14, right=0.97, wspace=0.12, bottom=0.02)
    return figure


def draw_bars(axes: Any, times: Mapping[str, float]) -> None:
    """A bar for each client, with its number; without one where it cannot."""
    colors = [OURS if name == "ours" else "#BDBDBD" for name in times]
    most = max(times.values())
    axes.barh(range(len(times)), times.values(), color=colors, height=0.66)
    axes.axvline(1, color="#222222", linewidth=1, linestyle=":")
    for place, value in enumerate(times.values()):
        text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 - three digits
        at = max(value, 1 if 0 < value < 1 else 0) + 0.02 * most
        axes.text(at, place, text if value else "cannot", va="center", size=9)
    axes.set(xlim=(0, 1.17 * most), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()


def draw_lines(axes: Any, ticks: Mapping[float, str], lines: Mapping[str, Any]) -> None:
    """Lines by the number of vectors, both axes logarithmic, each with its name at its end.

    Args:
        axes: the panel.
        ticks: of the vertical axis.
        lines: label, points, and by how much the label is moved up, by name.
    """
    axes.set(xscale="log", yscale="log", xlabel="vectors in the index")
    axes.set_xticks([1e3, 1e4, 1e5], ["1,000", "10,000", "100,000"])
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.grid(visible=True, axis="y", color="#E5E5E5")
    axes.set_axisbelow(True)
    for name, (label, points, shift) in lines.items():
        ours = name not in MARKERS and name != "numpy"
        style = {"color": OURS if ours else OTHERS, "weight": "bold" if ours else "normal"}
        axes.plot(
            *zip(*points, strict=True),
            color=style["color"],
            marker="o" if ours else MARKERS.get(name, "s"),
            linestyle="--" if name in DASHED else "-",
            linewidth=2.2 if ours else 1.2,
            zorder=3 if ours else 2,
        )
        place = {"xytext": (8, shift), "textcoords": "offset points", "va": "center", "size": 9}
        axes.annotate(label, points[-1], **place, **style)


def read_points(name: str, path: str) -> list[tuple[int, float]]:
    """The medians of a peer by the number of vectors, where it has one."""
    sizes = sampling.load_result("peers")["sizes"]
    figures = {int(count): tables.read_path(peers[name], path) for count, peers in sizes.items()}
    return [(count, figure["median"]) for count, figure in figures.items() if figure]


def draw_engine() -> Any:
    """How long the searches of the local engine take, by the size of the index."""
    figure, panels = start_figure("engine", 4.4)
    kinds = (("numpy", "all", "1 %"), ("text, common", "hybrid, 50 %", "text, ordinary"))
    labels, shifts = PLOTS["engine"]["lines"], {"hybrid, 50 %": 6, "text, ordinary": -6}
    for axes, names in zip(panels, kinds, strict=True):
        lines = {
            name: (
                labels[name],
                read_points("ours_text", f"milliseconds:{name}"),
                shifts.get(name, 0),
            )
            for name in names
        }
        draw_lines(axes, {0.1: "0.1 ms", 1: "1 ms", 10: "10 ms", 100: "100 ms"}, lines)
        axes.set(ylim=(0.1, 400))
    figure.subplots_adjust(left=0.075, right=0.8, wspace=0.78)
    return figure


def draw_peers() -> Any:
    """How long queries of all engines take, in bare numpy's time, by the size of the index."""
    figure, panels = start_figure("peers", 4.4)
    labels = PLOTS["peers"]["lines"]
    for axes, path in zip(panels, PLOTS["peers"]["panels"], strict=True):
        shifts = {"lancedb_indexed": 4 if path == "ratio:all" else 0}
        points = {name: read_points(name, path) for name in labels}
        lines = {n: (labels[n], each, shifts.get(n, 0)) for n, each in points.items() if each}
        draw_lines(axes, {0.1: "0.1", 1: "1", 10: "10", 100: "100", 1000: "1,000"}, lines)
        axes.axhline(1, color="#222222", linewidth=1, linestyle=":")
        axes.set(ylim=(0.03, 1000))
    figure.subplots_adjust(left=0.055, right=0.87, wspace=0.74)
    return figure


DRAWN: Final[Mapping[str, Callable[[], Any]]] = {
    "clients": draw_clients,
    "engine": draw_engine,
    "peers": draw_peers,
}

if __name__ == "__main__":
    for drawn, draw in DRAWN.items():
        draw().savefig(sampling.RESULTS / f"{drawn}.svg", metadata={"Date": None})
