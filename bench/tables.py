"""The figures of bench/results as Markdown tables, for the terminal and for the pages. Pure.

Each result has a function that renders its tables by name. **Bold** is what is better than ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

CANNOT: Final = "cannot"
Tables = Iterator[tuple[str, str]]
Row = Sequence[str]

CLIENTS: Final = {
    "ours": "this provider",
    "older": "{}, the older package",
    "langchain": "{}",
    "llamaindex": "{}",
    "boto3": "{} alone",
    "floor": "floor: JSON, signature, request",
}
EVENTS: Final = {
    "nothing": "floor: a handler that does nothing",
    "boto3": "floor: boto3 and one client",
    "health": "the function, health",
    "query": "the function, query",
}
OPENED: Final = (
    "open to first answer",
    "open, cold file cache",
    "second answer",
    "resident, in raw float32 data",
    "the same, with the shadow",
)
COSTS: Final = (
    *("insert, CPU a vector", "bytes"),
    *("search, CPU", "bytes"),
    *("scan, CPU a vector", "bytes"),
)
WAITS: Final = {"start": "import and make", "count": "count 50,000, 50 ms a page"}
INGEST: Final = ("", "took", "times the least", "requests", "throttled", "vectors lost")
FAULTS: Final = {
    "requests": "requests",
    "retried": "of them retries",
    "succeeded": "inserts that succeeded",
    "lost": "vectors lost",
    "stored by calls that failed": "stored by inserts that failed",
    "of them named": "of them named by the error",
}
STARTS: Final = (
    *("", "cold, as built", "times nothing", "times boto3"),
    *("with bytecode", "times as built", "warm"),
)
PEERS: Final = {
    "query": ("ratio:all:median", "{:.2f}", -1),
    "recall": ("recall:all", "{:.3f}", 1),
    "filter 1 %": ("ratio:1 %:median", "{:.2f}", -1),
    "recall 1 %": ("recall:1 %", "{:.3f}", 1),
    "filter 50 %": ("ratio:50 %:median", "{:.2f}", -1),
    "recall 50 %": ("recall:50 %", "{:.3f}", 1),
    "hybrid": ("hybrid:ratio:median", "{:.2f}", -1),
    "ingest": ("ingest", "{:,.0f}/s", 1),
    "index texts": ("hybrid:indexed", "{:,.0f}/s", 1),
    "open": ("open:median", "{:.2f} s", -1),
    "memory": ("memory:median", "{:.2f} x", -1),
    "disk": ("disk", "{:.2f} x", -1),
}
"""Head → where a peer's figure is, its format, and whether more (1) or less (-1) is better."""

_SHOWN_PARTS: Final = 12


def join_table(head: Row, rows: Iterable[Row]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def format_figure(figure: Any) -> str:
    """A median with its unit and spread."""
    median, unit = figure["median"], figure["unit"].split()[0]
    if unit == "ms" and median < 1:
        median, unit = 1_000 * median, "µs"
    return f"{shorten(median)} {unit} ±{figure['spread']:.0f} %"


def shorten(value: float) -> str:
    """A number of three digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 1 else f"{value:.2f}"  # noqa: PLR2004 - three digits


def mark(cell: str, *, better: bool) -> str:
    """Bold what is better than ours."""
    return f"**{cell}**" if better else cell


def name_client(name: str, result: Any) -> str:
    """A client, with its release."""
    return CLIENTS[name].format(result["packages"].get(name))


def render_engine(result: Any) -> Tables:
    """How our engine grows; times in bare numpy's, too."""
    sizes = result["sizes"]

    def format_times(times: Any, name: str) -> str:
        ratio = times[name]["median"] / times["bare numpy"]["median"]
        return f"{ratio:.2f} ({format_figure(times[name])})"

    rows = [
        [name, *(format_times(size["milliseconds"], name) for size in sizes)]
        for name in sizes[0]["milliseconds"]
    ]
    rows += [[name, *(format_figure(size[name]) for size in sizes)] for name in OPENED]
    rows.append(["disk a vector", *(f"{size['disk bytes a vector']:,} B" for size in sizes)])
    rows.append(["the data's reading, one core", *(f"{size['GB/s']:.1f} GB/s" for size in sizes)])
    yield "engine", join_table(["", *(f"{size['vectors']:,}" for size in sizes)], rows)


def render_http(result: Any) -> Tables:
    """What the engine costs behind boto3 and HTTP."""
    kinds = ("share", "as the caller sees it")
    rows = [
        [f"{name}, durable, 500 a call", *(format_figure(result[name][kind]) for kind in kinds)]
        for name in ("put", "put, with text search")
    ]
    rows += [[f"query, {name}", "", format_figure(e)] for name, e in result["query"].items()]
    yield "http", join_table(["", "the engine's share", "as the caller sees it"], rows)


def render_clients(result: Any) -> Tables:
    """What each client costs, in ours, by the size of embeddings; and what a person waits for."""
    for dimension, entry in result.get("costs", {}).items():
        rows = [
            [name_client(name, result), *format_costs(entry, name)]
            for name in CLIENTS
            if name in entry["insert"]
        ]
        yield f"clients {dimension}", join_table(["times ours", *COSTS], rows)
    if result.keys() >= WAITS.keys():
        rows = [
            [name_client(name, result), *(format_times_ours(result[w].get(name)) for w in WAITS)]
            for name in CLIENTS
            if name in result["start"]
        ]
        yield "waits", join_table(["times ours", *WAITS.values()], rows)
    if "ingest" in result:
        rows = [
            [
                f"{name_client(entry['client'], result)}, {entry['vectors']:,} vectors",
                format_figure(entry["took"]),
                f"{entry['ratio']:.2f}",
                *(f"{entry[count]:,}" for count in ("requests", "sent again", "lost")),
            ]
            for entry in result["ingest"]
        ]
        yield "ingest", join_table(INGEST, rows)
    if "searches" in result:
        rows = [[owner, f"{share:.0%}"] for owner, share in result["searches"].items()]
        yield "searches", join_table(["whose code", "processor time"], rows)


def format_costs(entry: Any, name: str) -> Iterator[str]:
    """Processor time and bytes of each task."""
    for task in ("insert", "search", "scan"):
        yield format_times_ours(entry[task].get(name))
        size, ours = entry["bytes"][task].get(name), entry["bytes"][task]["ours"]
        yield mark(f"{size:,}", better=size < ours) if size else CANNOT


def format_times_ours(figure: Any) -> str:
    """A figure in ours, and itself."""
    if not figure:
        return CANNOT
    times = figure["times ours"]
    return mark(f"{times:.2f} ({format_figure(figure)})", better=times < 1)


def render_faults(result: Any) -> Tables:
    """What clients do when the service fails."""
    rows = [
        [f"{float(share):.0%}, {name_client(name, result)}", *(f"{entry[k]:,}" for k in FAULTS)]
        for share, clients in result["shares"].items()
        for name, entry in clients.items()
    ]
    yield "faults", join_table(["requests that fail, client", *FAULTS.values()], rows)


def render_costs(result: Any) -> Tables:
    """What it costs on AWS, and what that is made of."""
    loads = [f"${price:.2f}" for price in result["load"].values()]
    heads = [f"loaded {int(batch):,} a request" for batch in result["load"]]
    yield (
        "costs",
        join_table(
            ["", *heads, "stored a month", f"{result['queries']:,} queries"],
            [
                [
                    f"{result['chunks']:,} chunks",
                    *loads,
                    *(f"${result[k]:.2f}" for k in ("store", "query")),
                ]
            ],
        ),
    )
    rows = [[what, f"${price:.10f}".rstrip("0")] for what, price in result["prices"].items()]
    yield "prices", join_table(["list price", ""], rows)


def render_copying(result: Any) -> Tables:
    """What the operator's tool costs, compared with the insert of the provider."""
    rates, ratio = result["rates"], result["ratio"]
    rows = [[name, format_figure(rates[name]), f"{ratio[name]:.2f}"] for name in rates]
    yield "copying", join_table(["", "rate", "times the insert's rate"], rows)


def render_lambda(result: Any) -> Tables:
    """What the function's package weighs, and how it starts and answers."""
    parts = [*result["parts"].items()]
    others = f"{len(parts) - _SHOWN_PARTS} others", sum(size for _, size in parts[_SHOWN_PARTS:])
    rows = [[name, f"{size / 1e6:.1f} MB"] for name, size in [*parts[:_SHOWN_PARTS], others]]
    yield "parts", join_table(["", "unzipped"], rows)
    rows = []
    for event, name in EVENTS.items():
        built, compiled = (result["starts"][f"{event}, {p}"] for p in ("as built", "with bytecode"))
        ratios = [f"{built[f'in {floor}']:.2f}" for floor in ("nothing", "boto3")]
        more = [format_figure(compiled["cold"]), f"{compiled['in as built']:.2f}"]
        cold, warm = (format_figure(built[kind]) for kind in ("cold", "warm"))
        rows.append([name, cold, *ratios, *more, warm])
    yield "starts", join_table(STARTS, rows)


def render_peers(result: Any) -> Tables:
    """All peers at each size; bold is better than ours by more than a twentieth."""
    for size in result["sizes"]:
        ours = next((peer for peer in size["peers"] if peer["name"] == "ours"), size["peers"][0])
        rows = [
            [name_peer(peer), *(format_cell(peer, ours, *column) for column in PEERS.values())]
            for peer in size["peers"]
        ]
        heads = ["recall" if head.startswith("recall") else head for head in PEERS]
        yield f"peers {size['vectors']}", join_table(["", *heads], rows)


def name_peer(peer: Any) -> str:
    """A peer, with its release."""
    return f"{peer['package']}{', indexed' if peer['name'].endswith('indexed') else ''}"


def format_cell(peer: Any, ours: Any, path: str, form: str, sign: int) -> str:
    """A figure of a peer, bold when it is better than ours; a sign of -1: less is better."""
    try:
        value, mine = read_path(peer, path), read_path(ours, path)
    except KeyError:
        return CANNOT
    ratio = value / mine if sign > 0 else mine / value
    return mark(form.format(value), better=ratio > 1.05)  # noqa: PLR2004 - a twentieth


def read_path(result: Any, path: str) -> Any:
    """What is in a result under these keys, which colons divide."""
    for key in path.split(":"):
        result = result[int(key) if isinstance(result, list) else key]
    return result


RENDERERS: Final[Mapping[str, Callable[[Any], Tables]]] = {
    "engine": render_engine,
    "http": render_http,
    "clients": render_clients,
    "faults": render_faults,
    "costs": render_costs,
    "copying": render_copying,
    "lambda": render_lambda,
    "peers": render_peers,
}


def render(name: str, result: Any) -> dict[str, str]:
    """The tables of a result, by name."""
    return dict(RENDERERS[name](result))
