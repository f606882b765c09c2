"""The figures of bench/results as tables. Pure; report.py puts them on pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from targets import Target

CANNOT: Final = "cannot"

TITLES: Final = {
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
_SHOWN_PARTS: Final = 12
_MILLI: Final = 1_000


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def told(figure: Any) -> str:
    """A median with its unit and spread."""
    median, unit = figure["median"], figure["unit"].split()[0]
    if unit == "ms" and median < 1:
        median, unit = _MILLI * median, "µs"
    return f"{_short(median)} {unit} ±{figure['spread']:.0f} %"


def engine(result: Any) -> str:
    """How our engine grows."""
    sizes = result["sizes"]
    rows = []
    for name in sizes[0]["milliseconds"]:
        row = [name]
        for size in sizes:
            figure, base = (size["milliseconds"][task] for task in (name, "bare numpy"))
            row.append(f"{figure['median'] / base['median']:.2f} ({told(figure)})")
        rows.append(row)
    opened = (
        "open to first answer",
        "open, cold file cache",
        "second answer",
        "resident, in raw float32 data",
        "the same, with the shadow",
    )
    rows += [[name, *(told(size[name]) for size in sizes)] for name in opened]
    rows.append(["disk a vector", *(f"{size['disk bytes a vector']:,} B" for size in sizes)])
    rows.append(["the data's reading, one core", *(f"{size['GB/s']:.1f} GB/s" for size in sizes)])
    head = ["in process, on disk", *(f"{size['vectors']:,}" for size in sizes)]
    return table(head, rows)


def http(result: Any) -> str:
    """What the engine costs behind boto3 and HTTP."""
    rows = []
    for name in ("put", "put, with text search"):
        shares = [told(result[name][kind]) for kind in ("share", "as the caller sees it")]
        rows.append([f"{name}, durable, 500 a call", *shares])
    rows += [[f"query, {name}", "", told(entry)] for name, entry in result["query"].items()]
    return table(["from boto3 over HTTP", "the engine's share", "as the caller sees it"], rows)


def _ratio(kind: str) -> Callable[[Any], float]:
    return lambda peer: float(peer["ratio"][kind]["median"])


def _recall(kind: str) -> Callable[[Any], float]:
    return lambda peer: float(peer["recall"][kind])


PeerColumn = tuple[str, Callable[[Any], float], str, bool]
"""Head, the value of a peer, its format, and whether more is better."""

_PEER_COLUMNS: Final[Sequence[PeerColumn]] = (
    ("query", _ratio("all"), "{:.2f}", False),
    ("recall", _recall("all"), "{:.3f}", True),
    ("filter 1 %", _ratio("1 %"), "{:.2f}", False),
    ("recall", _recall("1 %"), "{:.3f}", True),
    ("filter 50 %", _ratio("50 %"), "{:.2f}", False),
    ("recall", _recall("50 %"), "{:.3f}", True),
    ("hybrid", lambda peer: peer["hybrid"]["ratio"]["median"], "{:.2f}", False),
    ("ingest", lambda peer: peer["ingest"], "{:,.0f}/s", True),
    ("index texts", lambda peer: peer["hybrid"]["indexed"], "{:,.0f}/s", True),
    ("open", lambda peer: peer["open"]["median"], "{:.2f} s", False),
    ("memory", lambda peer: peer["memory"]["median"], "{:.2f} x", False),
    ("disk", lambda peer: peer["disk"], "{:.2f} x", False),
)


def peers(size: Any) -> str:
    """All peers at one size; bold is what is better than ours, by more than a twentieth."""
    ours = next(peer for peer in size["peers"] if peer["name"] == "ours")
    rows = []
    for peer in size["peers"]:
        cells = [_peer_cell(peer, ours, column) for column in _PEER_COLUMNS]
        rows.append([_engine_title(peer), *cells])
    head = ["", *(column[0] for column in _PEER_COLUMNS)]
    return "\n".join([table(head, rows), *_reasons(size)]) + "\n"


def _engine_title(peer: Any) -> str:
    return f"{peer['package']}{', indexed' if peer['name'].endswith('indexed') else ''}"


def _reasons(size: Any) -> list[str]:
    """Why some cannot."""
    told = []
    for peer in size["peers"]:
        name = _engine_title(peer)
        if "cannot" in peer:
            told.append(f"{name}: {peer['cannot']}.")
        elif "cannot" in peer["hybrid"]:
            told.append(f"{name}, hybrid: {peer['hybrid']['cannot']}.")
        elif "note" in peer:
            told.append(f"{name}: {peer['note']}.")
    return told


def _peer_cell(peer: Any, ours: Any, column: PeerColumn) -> str:
    _, value, form, more = column
    mine = value(ours)
    try:
        other = value(peer)
    except KeyError:
        return CANNOT
    return _bold(form.format(other), better=other > 1.05 * mine if more else other < mine / 1.05)


def _bold(cell: str, *, better: bool) -> str:
    return f"**{cell}**" if better else cell


def clients(entry: Any, packages: Any) -> str:
    """What each client costs at one size of embeddings: in ours, its own figure, and bytes."""
    rows = []
    for name in TITLES:
        row = [title(name, packages)]
        for task in ("insert", "search", "scan"):
            figure, size = entry[task].get(name), entry["bytes"][task].get(name)
            mine = entry["bytes"][task]["ours"]
            row.append(_times(figure))
            row.append(_bold(f"{size:,}", better=size < mine) if figure else CANNOT)
        rows.append(row)
    heads = ("insert, CPU a vector", "search, CPU", "scan, CPU a vector")
    return table(["times ours", *(head for one in heads for head in (one, "bytes"))], rows)


def title(name: str, packages: Any) -> str:
    """A client, with its release."""
    return TITLES[name].format(packages.get(name))


def waits(result: Any) -> str:
    """What a person waits for."""
    rows = [
        [
            title(name, result["packages"]),
            *(_times(result[task].get(name)) for task in ("start", "count")),
        ]
        for name in TITLES
        if name != "floor"
    ]
    return table(["times ours", "import and make", "count 50,000, 50 ms a page"], rows)


def _times(figure: Any) -> str:
    if not figure:
        return CANNOT
    times = figure["times ours"]
    return _bold(f"{times:.2f} ({told(figure)})", better=times < 1)


def ingest(result: Any) -> str:
    """What clients take to store, at the service's rates."""
    rows = []
    for entry in result["ingest"]:
        throttled = entry["sent again"] / entry["requests"]
        rows.append(
            [
                f"{title(entry['client'], result['packages'])}, {entry['vectors']:,} vectors",
                told(entry["took"]),
                f"{entry['ratio']:.2f}",
                f"{entry['requests']:,}",
                f"{throttled:.1%}",
                f"{entry['lost']:,}",
            ]
        )
    head = ["", "took", "in the least", "requests", "throttled", "vectors lost"]
    return table(head, rows)


def faults(result: Any, packages: Any) -> str:
    """What clients make of a failing service."""
    head = [
        "requests that fail, client",
        "inserts",
        "requests",
        "of them again",
        "inserts that succeeded",
        "vectors lost",
        "stored by inserts that failed",
        "of them named by the error",
    ]
    names = [
        "calls",
        "requests",
        "retried",
        "succeeded",
        "lost",
        "stored by calls that failed",
        "of them named",
    ]
    rows = [
        [f"{float(share):.0%}, {title(name, packages)}", *(f"{entry[key]:,}" for key in names)]
        for share, of_share in result["shares"].items()
        for name, entry in of_share.items()
    ]
    return table(head, rows)


def cost(result: Any) -> str:
    """What it costs on AWS."""
    loads = {int(batch): price for batch, price in result["load"].items()}
    names = {max(loads): f"batches of {max(loads)}, as ours", 1: "one by one"}
    rows = [
        ["load once", *(f"${price:.2f}" for price in loads.values())],
        ["store, a month", *[f"${result['store']:.2f}"] * len(loads)],
        [f"{result['queries']:,} queries", *[f"${result['query']:.2f}"] * len(loads)],
    ]
    return table(["", *(names.get(batch, f"of {batch}") for batch in loads)], rows)


def prices(result: Any) -> str:
    """What the bill is made of."""
    rows = [[what, f"${price:.10f}".rstrip("0")] for what, price in result["prices"].items()]
    return table(["list price of", ""], rows)


def copying(result: Any) -> str:
    """What the operator's tool costs, beside the insert of the provider."""
    rows = [
        [name, told(figure), f"{result['ratio'][name]:.2f}"]
        for name, figure in result["rates"].items()
    ]
    return table(["", "rate", "in inserts"], rows)


def parts(result: Any) -> str:
    """What of the function's package weighs how much."""
    sizes = [*result["parts"].items()]
    rows = [[name, f"{size / 1e6:.1f} MB"] for name, size in sizes[:_SHOWN_PARTS]]
    rest = sum(size for _, size in sizes[_SHOWN_PARTS:])
    rows.append([f"{len(sizes) - _SHOWN_PARTS} others", f"{rest / 1e6:.1f} MB"])
    return table(["", "unzipped"], rows)


def starts(result: Any) -> str:
    """How the function starts, and answers."""
    rows = []
    for event, name in EVENTS.items():
        built, compiled = (
            result["starts"][f"{event}, {package}"] for package in ("as built", "with bytecode")
        )
        ratios = [f"{built[f'in {floor}']:.2f}" for floor in ("nothing", "boto3")]
        more = [told(compiled["cold"]), f"{compiled['in as built']:.2f}"]
        rows.append([name, told(built["cold"]), *ratios, *more, told(built["warm"])])
    head = ["", "cold, as built", "in nothing", "in boto3", "with bytecode", "in as built", "warm"]
    return table(head, rows)


def kept(targets: Sequence[Target]) -> str:
    """What was asked for, and whether it came."""
    rows = [
        [
            one.what,
            f"at {'least' if one.least else 'most'} {one.limit:,} {one.unit}",
            f"{_short(one.measured)} {one.unit}",
            "kept" if one.kept else "**missed**",
        ]
        for one in targets
    ]
    return table(["", "asked", "measured", ""], rows)


def machines(results: Any) -> str:
    """What each was measured on, and with."""
    rows = []
    for name, result in results.items():
        about = result["machine"]
        machine = f"{about['cores']} cores, {about['cpu']}, {about['GiB']} GiB, {about['system']}"
        versions = ", ".join(f"{one} {version}" for one, version in about["packages"].items())
        rows.append([name, about["on"], machine, f"Python {about['python']}, {versions}"])
    return table(["figures", "on", "machine", "with"], rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 1 else f"{value:.2f}"  # noqa: PLR2004 - three digits
