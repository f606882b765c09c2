"""Write bench/README.md, its plots, and the figures in the root's README.md, from bench/results.

    python bench/report.py

The plots are drawn by matplotlib, in an environment of its own that this makes.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import environments
import measure
import prose
import summary
import tables
import targets

HERE: Final = Path(__file__).parent
README: Final = HERE.parent / "README.md"


def load(name: str) -> Any:
    """One of the results."""
    return json.loads((measure.RESULTS / f"{name}.json").read_text("utf-8"))


def provider(result: Any) -> str:
    """What the provider costs beside others."""
    parts = [
        f"### {int(dimension):,} dimensions\n\n{tables.clients(entry, result['packages'])}"
        for dimension, entry in result["costs"].items()
    ]
    peaks = {name: tables.told(result["memory"][name]) for name in ("first", "last")}
    memory = prose.MEMORY.format(vectors=result["memory"]["vectors"], **peaks)
    found = load("searches")["shares"]
    shares = ", ".join(f"{owner} {share:.0%}" for owner, share in found.items())
    parts.append(prose.SEARCHES.format(shares=shares))
    waits = "### Waits\n\n" + tables.waits(result)
    return "\n".join([*parts, waits, prose.INGEST + tables.ingest(result) + memory])


def cost(result: Any) -> str:
    """What it costs on AWS."""
    told = prose.COST.format(**{name.replace(" ", "_"): value for name, value in result.items()})
    return told + tables.cost(result) + "\n" + tables.prices(result)


def function(result: Any) -> str:
    """What the example function weighs, and how it starts."""
    mega = {name: result[name] / 1e6 for name in ("unzipped", "zip", "unzipped with bytecode")}
    most = {f"most_{name}": size / 1e6 for name, size in result["limits"].items()}
    told = prose.FUNCTION.format(**mega, **most, for_=result["for"])
    started = prose.FUNCTION_STARTS.format(more=mega["unzipped with bytecode"] - mega["unzipped"])
    took = result["imports"]["as built"]
    largest = ", ".join(f"{name} {ms}" for name, ms in [*took.items()][:3])
    imported = prose.FUNCTION_IMPORTS.format(
        all=sum(took.values()), largest=largest, ours=took["stache_ai_s3vectors"]
    )
    return told + tables.parts(result) + started + tables.starts(result) + imported


def page() -> str:
    """bench/README.md, of all results."""
    names = ("engine", "http", "provider", "faults", "copying", "lambda", "compare")
    results = {name: load(name) for name in names}
    copied, failed, compared = results["copying"], results["faults"], results["compare"]
    packages = results["provider"]["packages"]
    tool = prose.TOOL.format(vectors=copied["vectors"], size=copied["file bytes a vector"])
    parts = [
        prose.HEAD,
        prose.TARGETS + tables.kept(targets.targets(load)),
        prose.ENGINE + tables.engine(results["engine"]),
        prose.GROWTH + tables.http(results["http"]),
        prose.HTTP,
        prose.PROVIDER + provider(results["provider"]),
        prose.FAULTS.format(calls=failed["shares"]["0.2"]["ours"]["calls"])
        + tables.faults(failed, packages),
        cost(load("costs")),
        prose.SCALE + tool + tables.copying(copied),
        function(results["lambda"]),
        prose.PEERS.format(memory=environments.MOST_MEMORY / 2**30),
        *(f"### {size['vectors']:,} vectors\n\n{tables.peers(size)}" for size in compared["sizes"]),
        "![queries of all peers](results/compare.svg)\n",
        prose.MACHINES + tables.machines(results),
    ]
    return "\n".join(parts)


def main() -> None:
    """Write the pages, then the plots."""
    (HERE / "README.md").write_text(page(), "utf-8")
    README.write_text(summary.within(README.read_text("utf-8"), load), "utf-8")
    python = environments.python("plot")
    subprocess.run([python, str(HERE / "plot.py")], check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main()
