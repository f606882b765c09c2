"""Draw the plots of bench/results, in an environment that has matplotlib.

Ours has the one strong colour, everything else is grey and labelled where it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

from sampling import RESULTS, read_path

OURS: Final = "#0072B2"
"""Blue of the palette by Okabe and Ito, which the colour-blind can tell from grey."""

OTHERS: Final = "#6E6E6E"

mpl.use("Agg")
plt.style.use(Path(__file__).with_suffix(".mplstyle"))


def draw_plots(plots: Any, results: Any) -> None:
    """Draw and save each: panels side by side, under a title and a line that explains them."""
    for name, plot in plots.items():
        height, panels = plot["height"], plot["panel"]
        figure, all_axes = plt.subplots(1, len(panels), figsize=(10.5, height))
        top = 1 - 0.12 / height
        figure.suptitle(plot["title"], x=0.01, y=top, ha="left", va="top", size=14, weight="bold")
        figure.text(0.01, top - 0.32 / height, plot["subtitle"], va="top", color=OTHERS)
        margins = {"top": 1 - 1.1 / height, "bottom": 0.6 / height, **plot["margins"]}
        figure.subplots_adjust(**margins)
        for axes, panel in zip(all_axes, panels, strict=True):
            axes.set_title(panel["title"])
            draw = draw_bars if "bars" in panel else draw_lines
            draw(axes, panel, plot, results)
        figure.savefig(RESULTS / f"{name}.svg", metadata={"Date": None})


def draw_bars(axes: Any, panel: Any, plot: Any, results: Any) -> None:
    """A bar for each client in our time, with its number; without one where it cannot."""
    figures, labels = read_path(results, panel["bars"]), plot["labels"]
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
    if panel is plot["panel"][0]:
        axes.set_yticks(range(len(labels)), labels.values())
        axes.get_yticklabels()[ours].set(color=OURS, weight="bold")


def draw_lines(axes: Any, panel: Any, plot: Any, results: Any) -> None:
    """Lines by the number of vectors, both axes logarithmic, each with its name at its end."""
    axes.set(xscale="log", yscale="log", xlabel="vectors in the index", ylim=plot["limits"])
    axes.set_xticks([1e3, 1e4, 1e5], ["1,000", "10,000", "100,000"])
    places = [float(tick.split()[0].replace(",", "")) for tick in plot["ticks"]]
    axes.set_yticks(places, plot["ticks"])
    axes.minorticks_off()
    axes.grid(visible=True, axis="y", color="#E5E5E5")
    axes.set_axisbelow(True)
    for name in panel["lines"]:
        path = f"{panel['path'].replace('NAME', name)}:median"
        sizes = results["peers"]["sizes"].items()
        medians = [(int(count), read_path(peers, path)) for count, peers in sizes]
        points = [point for point in medians if point[1] is not None]
        ours = name not in plot["markers"]
        color, weight, width = (OURS, "bold", 2.2) if ours else (OTHERS, "normal", 1.2)
        line = {"color": color, "linewidth": width, "zorder": round(1 + width)}
        axes.plot(*zip(*points, strict=True), plot["markers"].get(name, "o-"), **line)
        place = {"xytext": (8, panel.get("shifts", {}).get(name, 0)), "textcoords": "offset points"}
        style = {"size": 9, "color": color, "weight": weight}
        axes.annotate(plot["labels"][name], points[-1], **place, va="center", **style)
    if "line" in plot:
        axes.axhline(plot["line"], color="#222222", linewidth=1, linestyle=":")
