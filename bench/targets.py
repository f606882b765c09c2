"""What was asked of the engine and of the provider, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Load = Callable[[str], Any]
"""The name of a result → the result."""

_SIZE: Final = 100_000
_DIMENSION: Final = "1024"


@dataclass(frozen=True)
class Target:
    """One promise.

    Args:
        what: is measured.
        limit: that it must keep.
        unit: of both.
        measured: from the results.
        least: whether the limit is the least that will do; else it is the most.
    """

    what: str
    limit: float
    unit: str
    measured: float
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether it holds."""
        return self.measured >= self.limit if self.least else self.measured <= self.limit


def targets(load: Load) -> list[Target]:
    """All of them."""
    return [*_engine(load("engine")), *_http(load("http")), *_provider(load("provider"))]


def _engine(result: Any) -> list[Target]:
    size = next(one for one in result["sizes"] if one["vectors"] == _SIZE)
    took = {name: figure["median"] for name, figure in size["milliseconds"].items()}
    query, numpy = took["query"], took["bare numpy"]
    opened = {name: size[name]["median"] for name in size if name.startswith(("open", "resident"))}
    ordinary, common = "text, three ordinary words", "text, three very common words"
    return [
        Target("a query", 1.05, "of bare numpy's time", query / numpy),
        Target(
            "with a filter that keeps 1 %", 0.25, "of a query", took["query, filter 1 %"] / query
        ),
        Target("with one that keeps 50 %", 1.15, "of a query", took["query, filter 50 %"] / query),
        Target(ordinary, 50, "ms", took[ordinary]),
        Target(common, 150, "ms", took[common]),
        Target("open to the first answer", 1.5, "s", opened["open to first answer"]),
        Target("the same, cold file cache", 2, "s", opened["open, cold file cache"]),
        Target("resident memory", 1.35, "of the data", opened["resident, in raw float32 data"]),
    ]


def _http(result: Any) -> list[Target]:
    asked = {name: figure["median"] for name, figure in result["query"].items()}
    more = asked["10,000 vectors"] - asked["no vectors"]
    put, text = (result[name]["share"]["median"] for name in ("put", "put, with text search"))
    return [
        Target("a query over HTTP, more than one without work", 3, "ms", more),
        Target("the engine's share of a put over HTTP", 8_000, "vectors/s", put, least=True),
        Target("the same, with text search", 5_000, "vectors/s", text, least=True),
    ]


def _provider(result: Any) -> list[Target]:
    cost, ingest, peaks = result["costs"][_DIMENSION], result["ingest"][0], result["memory"]
    times = {
        task: {name: entry["times ours"] for name, entry in cost[task].items() if name != "base"}
        for task in ("insert", "search")
    }
    counted, started = (result[name]["older"]["times ours"] for name in ("count", "start"))
    grown = peaks["last"]["median"] / peaks["first"]["median"]
    throttled = 100 * ingest["sent again"] / ingest["requests"]
    ours, older = "of ours", "the older package's"
    return [
        Target(f"{older} insert", 15, ours, times["insert"]["older"], least=True),
        Target("our insert", 1.6, "of the floor", 1 / times["insert"]["floor"]),
        Target(f"{older} search", 2, ours, times["search"]["older"], least=True),
        Target("langchain-aws's search", 2, ours, times["search"]["langchain"], least=True),
        Target(f"{older} count by filter", 4, ours, counted, least=True),
        Target(f"{older} import and construction", 1, ours, started, least=True),
        Target("20,000 vectors at the write rate", 1.15, "of the least time", ingest["ratio"]),
        Target("requests of that throttled", 1, "%", throttled),
        Target("peak memory after ten calls", 1.1, "of that after one", grown),
    ]
