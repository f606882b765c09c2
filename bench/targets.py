"""What was asked of the engine and of the provider, and what was measured. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

_SIZE: Final = 100_000
_DIMENSION: Final = "1024"


class Target(NamedTuple):
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


def list_targets(load: Callable[[str], Any]) -> Iterator[Target]:
    """All of them; `load` reads the result of a name."""
    yield from list_engine_targets(load("engine"))
    yield from list_http_targets(load("http"))
    yield from list_client_targets(load("clients"))


def list_engine_targets(result: Any) -> Iterator[Target]:
    """Of the local engine, in process."""
    size = next(one for one in result["sizes"] if one["vectors"] == _SIZE)
    took = {name: figure["median"] for name, figure in size["milliseconds"].items()}
    query = took["query"]
    yield Target("a query", 1.05, "of bare numpy's time", query / took["bare numpy"])
    few, half = took["query, filter 1 %"] / query, took["query, filter 50 %"] / query
    yield Target("with a filter that keeps 1 %", 0.25, "of a query", few)
    yield Target("with one that keeps 50 %", 1.15, "of a query", half)
    for words, limit in (
        ("text, three ordinary words", 50),
        ("text, three very common words", 150),
    ):
        yield Target(words, limit, "ms", took[words])
    yield Target("open to the first answer", 1.5, "s", size["open to first answer"]["median"])
    yield Target("the same, cold file cache", 2, "s", size["open, cold file cache"]["median"])
    resident = size["resident, in raw float32 data"]["median"]
    yield Target("resident memory", 1.35, "of the data", resident)


def list_http_targets(result: Any) -> Iterator[Target]:
    """Of the local engine, over HTTP."""
    full, empty = (result["query"][name]["median"] for name in ("10,000 vectors", "no vectors"))
    put, text = (result[name]["share"]["median"] for name in ("put", "put, with text search"))
    yield Target("a query over HTTP, more than one without work", 3, "ms", full - empty)
    yield Target("the engine's share of a put over HTTP", 8_000, "vectors/s", put, least=True)
    yield Target("the same, with text search", 5_000, "vectors/s", text, least=True)


def list_client_targets(result: Any) -> Iterator[Target]:
    """Of the provider."""
    costs, ingest, memory = result["costs"][_DIMENSION], result["ingest"][0], result["memory"]

    def compare(entry: Any, client: str = "older") -> float:
        return float(entry[client]["times ours"])

    ours, older = "of ours", "the older package's"
    yield Target(f"{older} insert", 15, ours, compare(costs["insert"]), least=True)
    yield Target("our insert", 1.6, "of the floor", 1 / compare(costs["insert"], "floor"))
    yield Target(f"{older} search", 2, ours, compare(costs["search"]), least=True)
    langchain = compare(costs["search"], "langchain")
    yield Target("langchain-aws's search", 2, ours, langchain, least=True)
    yield Target(f"{older} count by filter", 4, ours, compare(result["count"]), least=True)
    yield Target(f"{older} import and construction", 1, ours, compare(result["start"]), least=True)
    yield Target("20,000 vectors at the write rate", 1.15, "of the least time", ingest["ratio"])
    throttled = 100 * ingest["sent again"] / ingest["requests"]
    yield Target("requests of that throttled", 1, "%", throttled)
    grown = memory["last"]["median"] / memory["first"]["median"]
    yield Target("peak memory after ten calls", 1.1, "of that after one", grown)
