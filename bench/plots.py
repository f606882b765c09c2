"""Draw the plots of bench/results; pages.py runs this where matplotlib is installed.

    python bench/plots.py

Ours has the one strong colour, everything else is grey and labelled where it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

RESULTS: Final = Path(__file__).parent / "results"
OURS: Final = "#0072B2"
"""Blue of the palette by Okabe and Ito, which the colour-blind can tell from grey."""

OTHERS: Final = "#6E6E6E"
TEXT: Final = "#222222"
SHOWN_DIMENSION: Final = "1024"

CLIENTS: Final = {
    "floor": "the least possible",
    "ours": "this provider",
    "boto3": "boto3 alone",
    "older": "older package",
    "langchain": "langchain-aws",
    "llamaindex": "llama-index",
}
PEERS: Final = {
    "ours": ("s3vectors-local", "o", "-"),
    "chromadb": ("chromadb", "s", "--"),
    "qdrant": ("qdrant-client", "D", "-"),
    "lancedb": ("lancedb", "^", "-"),
    "lancedb_indexed": ("lancedb, indexed", "v", "--"),
}
"""Name in the results → label, marker and line; dashed is an approximate index."""

Points = Sequence[tuple[float, float]]
Style = dict[str, Any]

mpl.use("Agg")
plt.style.use(Path(__file__).with_suffix(".mplstyle"))


def load(name: str) -> Any:
    """One of the results."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def start_figure(panels: int, title: str, subtitle: str, height: float) -> tuple[Any, Any]:
    """A figure of panels side by side, under a title and a line that explains them."""
    figure, axes = plt.subplots(1, panels, figsize=(10.5, height))
    top = 1 - 0.12 / height
    figure.suptitle(title, x=0.01, y=top, ha="left", va="top", size=14, weight="bold")
    figure.text(0.01, top - 0.32 / height, subtitle, va="top", color=OTHERS)
    figure.subplots_adjust(top=1 - 1.1 / height, bottom=0.6 / height)
    return figure, axes


def set_logarithmic_axes(axes: Any, ticks: Mapping[float, str]) -> None:
    """Both axes logarithmic, with numbers that can be read."""
    axes.set(xscale="log", yscale="log", xlabel="vectors in the index")
    axes.set_xticks([1e3, 1e4, 1e5], ["1,000", "10,000", "100,000"])
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.grid(visible=True, axis="y", color="#E5E5E5")
    axes.set_axisbelow(True)


def draw_line(axes: Any, points: Points, label: str, shift: float, style: Style) -> None:
    """A line, with its name at its end; moved up or down by so many points."""
    axes.plot(*zip(*points, strict=True), **style)
    weight = "bold" if style["color"] == OURS else "normal"
    axes.annotate(
        label,
        points[-1],
        xytext=(8, shift),
        textcoords="offset points",
        va="center",
        size=9,
        color=style["color"],
        weight=weight,
    )


def draw_clients() -> Any:
    """How much processor time each client takes, in ours."""
    figures = load("clients")["costs"][SHOWN_DIMENSION]
    figure, panels = start_figure(
        3,
        "How much processor time a client takes, compared with this provider",
        "1 is this provider; shorter is better. Vectors of 1,024 dimensions with 1.5 KB of text.",
        3.4,
    )
    titles = {
        "insert": "Insert a vector",
        "search": "Search for the top 10",
        "scan": "Count by a filter",
    }
    for axes, (task, title) in zip(panels, titles.items(), strict=True):
        draw_bars(axes, {name: figures[task].get(name) for name in CLIENTS})
        axes.set_title(title)
    panels[0].set_yticks(range(len(CLIENTS)), list(CLIENTS.values()))
    panels[0].get_yticklabels()[[*CLIENTS].index("ours")].set(color=OURS, weight="bold")
    figure.subplots_adjust(left=0.14, right=0.97, wspace=0.12, bottom=0.02)
    return figure


def draw_bars(axes: Any, figures: Mapping[str, Any]) -> None:
    """A bar for each client, with its number; without one where it cannot."""
    times = [entry["times ours"] if entry else 0 for entry in figures.values()]
    colors = [OURS if name == "ours" else "#BDBDBD" for name in figures]
    axes.barh(range(len(times)), times, color=colors, height=0.66)
    axes.axvline(1, color=TEXT, linewidth=1, linestyle=":")
    for place, value in enumerate(times):
        text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 - three digits
        at = max(value, 1 if 0 < value < 1 else 0) + 0.02 * max(times)
        axes.text(at, place, text if value else "cannot", va="center", size=9)
    axes.set_xlim(0, 1.17 * max(times))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()


def draw_engine() -> Any:
    """How long the searches of the local engine take, by the size of the index."""
    sizes = load("engine")["sizes"]
    figure, panels = start_figure(
        2,
        "How long a search of the local engine takes",
        "In one process, on disk, 1,024 dimensions; lower is better.",
        4.4,
    )
    muted: Style = {"color": OTHERS, "marker": "s", "linestyle": "--"}
    ours: Style = {"color": OURS, "marker": "o", "linewidth": 2}
    by_vector = {
        "bare numpy": ("numpy's product and sort", 0, muted),
        "query": ("all vectors", 0, ours),
        "query, filter 1 %": ("filter that keeps 1 %", 0, ours),
    }
    by_text = {
        "text, three very common words": ("three very common words", 0, ours),
        "hybrid, filter 50 %": ("by both, filter 50 %", 6, ours),
        "text, three ordinary words": ("three ordinary words", -6, ours),
    }
    for axes, title, lines in zip(
        panels, ("By vector", "By text, and by both"), (by_vector, by_text), strict=True
    ):
        set_logarithmic_axes(axes, {0.1: "0.1 ms", 1: "1 ms", 10: "10 ms", 100: "100 ms"})
        axes.set(title=title, ylim=(0.1, 400))
        for name, (label, shift, style) in lines.items():
            points = [(size["vectors"], size["milliseconds"][name]["median"]) for size in sizes]
            draw_line(axes, points, label, shift, style)
    figure.subplots_adjust(left=0.075, right=0.8, wspace=0.78)
    return figure


def draw_peers() -> Any:
    """How long queries of all engines take, in bare numpy's time, by the size of the index."""
    kinds: dict[str, tuple[str, Callable[[Any], Any], dict[str, float]]] = {
        "all": ("Over all vectors", lambda peer: peer["ratio"]["all"], {"lancedb_indexed": 4}),
        "filter": ("With a filter that keeps 1 %", lambda peer: peer["ratio"]["1 %"], {}),
        "hybrid": ("Hybrid: by vector and words", lambda peer: peer["hybrid"]["ratio"], {}),
    }
    figure, panels = start_figure(
        3,
        "How long a query takes, compared with bare numpy on the same vectors",
        "1 is numpy's product and partial sort; lower is better. Dashed: an approximate index, "
        "which may miss results.",
        4.4,
    )
    for axes, (title, read, shifts) in zip(panels, kinds.values(), strict=True):
        ticks = {0.1: "0.1", 1: "1", 10: "10", 100: "100", 1000: "1,000"}
        set_logarithmic_axes(axes, ticks)
        axes.axhline(1, color=TEXT, linewidth=1, linestyle=":")
        axes.set(title=title, ylim=(0.03, 1000))
        for name, points in read_peer_points(read).items():
            label, marker, line = PEERS[name]
            style: Style = {"color": OTHERS, "marker": marker, "linestyle": line, "linewidth": 1.2}
            if name == "ours":
                style |= {"color": OURS, "linewidth": 2.5, "zorder": 3}
            draw_line(axes, points, label, shifts.get(name, 0), style)
    figure.subplots_adjust(left=0.055, right=0.87, wspace=0.74)
    return figure


def read_peer_points(read: Callable[[Any], Any]) -> dict[str, list[tuple[float, float]]]:
    """Each engine's median by the number of vectors, where it has one."""
    points: dict[str, list[tuple[float, float]]] = {}
    for size in load("peers")["sizes"]:
        for peer in size["peers"]:
            try:
                median = read(peer)["median"]
            except KeyError:
                continue  # it cannot
            points.setdefault(peer["name"], []).append((size["vectors"], median))
    return points


DRAWN: Final[Mapping[str, Callable[[], Any]]] = {
    "clients": draw_clients,
    "engine": draw_engine,
    "peers": draw_peers,
}


def main() -> None:
    """Draw all of them."""
    for name, draw in DRAWN.items():
        draw().savefig(RESULTS / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
