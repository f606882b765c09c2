"""Draw the plots of bench/README.md; report.py runs it where matplotlib is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

RESULTS: Final = Path(__file__).parent / "results"
ORDER: Final = ("ours", "floor", "boto3", "older", "langchain", "llamaindex")

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "the same picture for the same figures"
mpl.rcParams["svg.fonttype"] = "none"


def load(name: str) -> Any:
    """One of the results."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def draw(
    name: str, lines: dict[str, list[tuple[int, float]]], title: str, unit: str = "milliseconds"
) -> None:
    """A figure over the number of vectors, both logarithmic."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for label, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="vectors", ylabel=unit, title=title)
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
            if "cannot" in peer:
                continue
            times = {kind: peer["ratio"][kind] for kind in ("all", "1 %")}
            times |= {"hybrid": peer["hybrid"]["ratio"]} if "ratio" in peer["hybrid"] else {}
            for kind, told in times.items():
                label = f"{peer['name'].replace('_', ' ')}, {kind}"
                lines.setdefault(label, []).append((size["vectors"], told["median"]))
    title = "queries: over all vectors, with a filter of 1 %, hybrid"
    draw("compare", lines, title, unit="times bare numpy")


def clients() -> None:
    """Processor time of each client, by the task and the size of the embeddings."""
    told = load("provider")["costs"]
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.6))
    for axes, task in zip(panels, ("insert", "search", "scan"), strict=True):
        names = [name for name in ORDER if name in next(iter(told.values()))[task]]
        width = 0.8 / len(names)
        for place, name in enumerate(names):
            heights = [entry[task][name]["median"] for entry in told.values()]
            shift = (place - (len(names) - 1) / 2) * width
            places = [number + shift for number in range(len(told))]
            axes.bar(places, heights, width, label=name, color=f"C{ORDER.index(name)}")
        unit = next(iter(told.values()))[task][names[0]]["unit"]
        axes.set(yscale="log", ylabel=unit, title=f"{task}, client's processor time")
        axes.set_xticks(range(len(told)), [f"{int(dimension):,}" for dimension in told])
        axes.set_xlabel("dimensions")
        axes.grid(visible=True, axis="y", alpha=0.3)
    panels[0].legend(frameon=False, fontsize=7)
    figure.tight_layout()
    figure.savefig(RESULTS / "clients.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    engine()
    compare()
    clients()
