"""The figures of bench/results as Markdown tables, for the terminal and for the pages.

Each result has a function that renders its tables by name. **Bold** is what is better than ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import compute_scale
import targets
from sampling import load_result

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
TASKS: Final = {
    "insert": "insert, CPU a vector",
    "search": "search, CPU",
    "scan": "scan, CPU a vector",
}
WAITS: Final = {"start": "import and make", "count": "count 50,000, 50 ms a page"}
INGEST: Final = {
    "took": ("took", "spread"),
    "times the least": ("ratio", ".2f"),
    "requests": ("requests", ","),
    "throttled": ("sent again", ","),
    "vectors lost": ("lost", ","),
}
FAULTS: Final = {
    "requests": ("requests", ","),
    "of them retries": ("retried", ","),
    "inserts that succeeded": ("succeeded", ","),
    "vectors lost": ("lost", ","),
    "stored by inserts that failed": ("stored by calls that failed", ","),
    "of them named by the error": ("of them named", ","),
}
STARTS: Final = {
    "cold, as built": ("as built:cold", "spread"),
    "times nothing": ("as built:in nothing", ".2f"),
    "times boto3": ("as built:in boto3", ".2f"),
    "with bytecode": ("with bytecode:cold", "spread"),
    "times as built": ("with bytecode:in as built", ".2f"),
    "warm": ("as built:warm", "spread"),
}
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
"""Heads → where an entry's figure is, and its format; of peers, whether more (1) is better."""

_SHOWN_PARTS: Final = 12


def read_path(result: Any, path: str) -> Any:
    """What is in a result under these keys, which colons divide."""
    for key in path.split(":"):
        result = result[int(key) if isinstance(result, list) else key]
    return result


def format_value(value: Any, form: str) -> str:
    """A figure in Python's format, or as "MB", or with its unit and "spread"."""
    if form == "spread":
        return format_figure(value)
    return f"{value / 1e6:.1f} MB" if form == "MB" else format(value, form)


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


def join_table(head: Row, rows: Iterable[Row]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def join_entries(
    entries: Iterable[tuple[str, Any]], columns: Mapping[str, tuple[str, str]], corner: str = ""
) -> str:
    """A table with a row for each named entry, and these figures of it."""
    rows = [
        [name, *(format_value(read_path(entry, path), form) for path, form in columns.values())]
        for name, entry in entries
    ]
    return join_table([corner, *columns], rows)


def join_pairs(head: Row, pairs: Mapping[str, float], form: str) -> str:
    """A table of two columns."""
    return join_table(head, [[name, format_value(value, form)] for name, value in pairs.items()])


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
        heads = [head for task in TASKS.values() for head in (task, "bytes")]
        yield f"clients {dimension}", join_table(["times ours", *heads], rows)
    if result.keys() >= WAITS.keys():
        rows = [
            [name_client(name, result), *(format_times_ours(result[w].get(name)) for w in WAITS)]
            for name in CLIENTS
            if name in result["start"]
        ]
        yield "waits", join_table(["times ours", *WAITS.values()], rows)
    if "ingest" in result:
        entries = (
            (f"{name_client(entry['client'], result)}, {entry['vectors']:,} vectors", entry)
            for entry in result["ingest"]
        )
        yield "ingest", join_entries(entries, INGEST)
    if "searches" in result:
        yield "searches", join_pairs(["whose code", "processor time"], result["searches"], ".0%")


def format_costs(entry: Any, name: str) -> Iterator[str]:
    """Processor time and bytes of each task."""
    for task in TASKS:
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
    entries = (
        (f"{float(share):.0%}, {name_client(name, result)}", entry)
        for share, clients in result["shares"].items()
        for name, entry in clients.items()
    )
    yield "faults", join_entries(entries, FAULTS, "requests that fail, client")


def render_costs(result: Any) -> Tables:
    """What it costs on AWS, and what that is made of."""
    usd = {f"loaded {int(size):,} a request": price for size, price in result["load"].items()}
    usd |= {"stored a month": result["store"], f"{result['queries']:,} queries": result["query"]}
    row = [f"{result['chunks']:,} chunks", *(f"${price:.2f}" for price in usd.values())]
    yield "costs", join_table(["", *usd], [row])
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
    yield "parts", join_pairs(["", "unzipped"], dict([*parts[:_SHOWN_PARTS], others]), "MB")
    kinds = ("as built", "with bytecode")
    entries = (
        (title, {kind: result["starts"][f"{event}, {kind}"] for kind in kinds})
        for event, title in EVENTS.items()
    )
    yield "starts", join_entries(entries, STARTS)


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


def render_targets() -> str:
    """What was asked for, and whether it was kept."""
    rows = [
        [
            one.what,
            f"at {'least' if one.least else 'most'} {one.limit:,} {one.unit}",
            f"{shorten(one.measured)} {one.unit}",
            "kept" if one.kept else "**missed**",
        ]
        for one in targets.list_targets(load_result)
    ]
    return join_table(["", "asked", "measured", ""], rows)


def render_machines() -> str:
    """Which figures were measured on which machine, and with what; costs are arithmetic."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name in RENDERERS.keys() - {"costs"}:
        about = load_result(name)["machine"]
        machine = f"{about['cores']} cores, {about['cpu']}, {about['GiB']} GiB, {about['system']}"
        versions = ", ".join(f"{one} {version}" for one, version in about["packages"].items())
        key = (about["on"], machine, f"Python {about['python']}, {versions}")
        names.setdefault(key, []).append(name)
    rows = [[", ".join(sorted(names)), *key] for key, names in sorted(names.items())]
    return join_table(["figures", "on", "machine", "with"], rows)


def render_scale(clients: Any, costs: Any) -> Tables:
    """The tables of scale.md."""
    rows: list[Row] = [
        [what, f"{took:.2f} s", f"{computed:.2f} s", f"{computed / took:.2f}"]
        for what, took, computed in compute_scale.compare_with_measured(clients, costs)
    ]
    yield "scale measured", join_table(["", "measured", "computed", "ratio"], rows)
    rows = [
        [f"{n:,}", f"{m:,}", format_time(load), f"{cores:,.1f}", format_time(walk), f"${usd:,.0f}"]
        for n, m, load, cores, walk, usd in compute_scale.plan(clients, costs)
    ]
    head = ["vectors", "indexes", "load", "cores to load", "list all"]
    yield "scale", join_table([*head, f"{compute_scale.QUERIES:,} queries"], rows)
    rows = [
        [f"{vectors:,}", f"{size:,.2f} TB", f"${month:,.0f}", f"${load:,.0f}"]
        for vectors, size, month, load in compute_scale.list_bills(costs)
    ]
    yield (
        "scale bills",
        join_table(["vectors", "logical size", "store, a month", "load once"], rows),
    )


def format_time(seconds: float) -> str:
    """In the largest unit of which there are two."""
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
    size, unit = next((u for u in units if seconds >= 2 * u[0]), units[-1])
    return f"{seconds / size:,.1f} {unit}"


def render(name: str, result: Any) -> dict[str, str]:
    """The tables of a result, by name."""
    return dict(RENDERERS[name](result))


def render_all() -> dict[str, str]:
    """The tables of everything that is saved."""
    rendered = {"targets": render_targets(), "machines": render_machines()}
    for name in RENDERERS:
        rendered |= render(name, load_result(name))
    return rendered | dict(render_scale(load_result("clients"), load_result("costs")))
