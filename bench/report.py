"""Write bench/README.md and its plots from bench/results.

    python bench/report.py

The plots are drawn by matplotlib, in an environment of its own that this makes.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import compare
import measure

HERE: Final = Path(__file__).parent
HEAD: Final = """\
# Benchmarks

`make bench` measures all of this again and writes this page; `make bench-quick` measures our
engine alone, at 20,000 vectors, and what the provider costs, in under three minutes. The
engine's times are ratios to what bare numpy needs for the matrix-vector product and partial
sort on the same data in the same process, in turns with it, with BLAS held to one thread; the
provider's are ratios to those of other clients. All are medians. Absolute times are context:
they were measured on {cores} cores of an {cpu}, Python {python}, numpy {numpy}.

The data: vectors of 1,024 dimensions in 200 clusters, with the text (1.5 KB) and metadata that
Stache writes. They are made up; embeddings of real text were not measured. "Filter" has the
shape that our provider sends for a namespace or another condition: soft delete, type (here by
equality, there by `$ne`), and one condition that keeps 1 % or 50 %.
"""

GROWTH: Final = """\
Resident memory is that at the first answer; the shadow of the pre-pass, which the second search
over many vectors makes, adds 0.25.

![how searches grow with the number of vectors](results/engine.svg)
"""
CLIENTS: Final = {
    "ours": "this provider",
    "older": "stache-ai-s3vectors 0.2.0",
    "langchain": "langchain-aws 1.9.1",
    "floor": "floor: JSON, signature, request",
}
PROVIDER: Final = """\
## The provider

Over HTTP on loopback, against a server of ours: 1,024 dimensions, 1.5 KB of text, metadata as
Stache writes it, lists of Python floats, calls of 500. Each client runs in a process and, where
it is not ours, in an environment of its own, in turns. CPU is the client's processor time. The
floor is orjson, one signature by botocore and one HTTP request, without any check and without
botocore's client; of it, JSON and hashing take about 30 µs. Searches ask for the top 10;
langchain-aws and the floor send no filter. Counting is wall time with 50 ms a page, for a
filter that half of the vectors pass.

"""
PROVIDER_REST: Final = """
{vectors:,} vectors in one call, with the service's rate limits and 150 ms a call: {seconds:.1f} s,
{ratio:.2f} of what the rate allows; {again} of {requests} requests were throttled and sent again;
all vectors were there afterwards (the run fails otherwise). Peak memory, 100,000 vectors in ten
calls: {first:.0f} MB after the first call, {last:.0f} MB after the last (most of it the caller's
lists).

"""
TOOL: Final = """\
## The operator's tool

{vectors:,} vectors from one durable server of ours to another on loopback, 1,024 dimensions and
1.5 KB of text, without a write rate; both sides are compared vector by vector afterwards, by
another client. The copy compares everything at its end, too, which its time includes. "In three"
was interrupted twice with Ctrl-C and called again: it reads again what is there already. A file
takes {size:,} bytes a vector, compressed.

"""
FUNCTION: Final = """\
## The example's Lambda function

Built for {for_}: {unzipped:.1f} MB unzipped, of the {most_unzipped:.1f} MB that Lambda takes, and
{zip:.1f} MB as a zip, of the {most_zip:.1f} MB that it takes without S3
([quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)).

"""
FUNCTION_STARTS: Final = """
From a new process of AWS's runtime client to its first answer, and a later answer. The far end is
a simulated AWS on the same machine: there is no network in it, and no download of the package. All
run in the same package, in turns. Lambda's folder cannot be written to, so what has no bytecode is
compiled again at every cold start; "with bytecode" is the same package with it, {more:.1f} MB
larger.

"""
FUNCTION_IMPORTS: Final = """
Of a query's cold start, as built, imports took {all:,} ms in one run, slowed by Python's own
measuring: {largest}; this provider's own modules {ours}.

"""
EVENTS: Final = {
    "nothing": "floor: a handler that does nothing",
    "boto3": "floor: boto3 and one client",
    "health": "the function, health",
    "query": "the function, query",
}
PEERS: Final = """\
## Beside others

Each in process and in an environment of its own, on the same data. Recall is the share of the
exact ten nearest that was found. Memory is what a fresh process grows by until its first
answer; it and the disk are told in raw float32 data. chromadb's index is approximate: over all
vectors it answers faster than any exact one can, and may miss some; it was not given the
arrays in metadata, which it does not store. The queries are noise around the same clusters,
which is kind to it. lancedb has no index here and reads from disk. qdrant-client's local mode
is meant for tests; its server is another program. Whether their ingest survives a power cut
was not examined; ours does.
"""


def load(name: str) -> Any:
    """One of the results."""
    return json.loads((measure.RESULTS / f"{name}.json").read_text("utf-8"))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def engine(result: Any) -> str:
    """How our engine grows."""
    sizes = result["sizes"]
    rows = []
    for name in sizes[0]["milliseconds"]:
        row = [name]
        for size in sizes:
            took = size["milliseconds"][name]["median"]
            base = size["milliseconds"]["bare numpy"]["median"]
            row.append(f"{took / base:.2f} ({took:.2f} ms)")
        rows.append(row)
    for name, unit in (
        ("open to first answer", "s"),
        ("open, cold file cache", "s"),
        ("resident, in raw float32 data", "x"),
    ):
        rows.append([name, *(f"{size[name]['median']:.2f} {unit}" for size in sizes)])
    rows.append(["disk a vector", *(f"{size['disk bytes a vector']:,} B" for size in sizes)])
    head = ["in process, on disk", *(f"{size['vectors']:,}" for size in sizes)]
    return table(head, rows)


def http(result: Any) -> str:
    """What the engine costs behind boto3 and HTTP."""
    rows = []
    for name in ("put", "put, with text search"):
        told = result[name]
        rows.append(
            [
                f"{name}, durable, 500 a call",
                f"{told['share']['median']:,.0f} vectors/s",
                f"{told['as the caller sees it']['median']:,.0f} vectors/s",
            ]
        )
    for name, entry in result["query"].items():
        rows.append([f"query, {name}", "", f"{entry['median']:.2f} ms"])
    return table(["from boto3 over HTTP", "the engine's share", "as the caller sees it"], rows)


def peers(size: Any) -> str:
    """All peers at one size."""
    rows = []
    for peer in size["peers"]:
        if "cannot" in peer:
            rows.append([peer["package"], *[f"cannot: {peer['cannot']}"], *[""] * 6])
            continue
        kinds = [
            f"{peer['ratio'][kind]:.2f} ({peer['recall'][kind]:.3f})" for kind in peer["ratio"]
        ]
        sizes = [f"{peer['memory']:.2f} x", f"{peer['disk']:.2f} x"]
        rest = [f"{peer['ingest']:,}/s", f"{peer['open']['median']:.2f} s", *sizes]
        rows.append([peer["package"], *kinds, *rest])
    head = ["", "query (recall)", "filter 1 %", "filter 50 %", "ingest", "open", "memory", "disk"]
    return table(head, rows)


def provider(result: Any) -> str:
    """What the provider costs beside others."""
    rows = []
    for name, title in CLIENTS.items():
        row = [title]
        for task in ("insert", "search", "start", "count"):
            entry = result[task].get(name)
            row.append(f"{entry['times ours']:.2f} ({_told(entry)})" if entry else "")
        rows.append(row)
    head = ["times ours", "insert, CPU a vector", "search, CPU", "import and make", "count 50,000"]
    ingest, peaks = result["ingest"], result["memory"]["peaks"]
    return table(head, rows) + PROVIDER_REST.format(
        **ingest,
        seconds=ingest["took"]["median"],
        again=ingest["sent again"],
        first=peaks[0],
        last=peaks[-1],
    )


def copying(result: Any) -> str:
    """What the operator's tool costs, beside the insert of the provider."""
    rates, ratio = result["rates"], result["ratio"]
    rows = [[name, f"{rates[name]:,} vectors/s", f"{ratio[name]:.2f}"] for name in rates]
    told = TOOL.format(vectors=result["vectors"], size=result["file bytes a vector"])
    return told + table(["", "rate", "in inserts"], rows)


def function(result: Any) -> str:
    """What the example function weighs, and how it starts."""
    mega = {name: result[name] / 1e6 for name in ("unzipped", "zip", "unzipped with bytecode")}
    most = {f"most_{name}": size / 1e6 for name, size in result["limits"].items()}
    told = FUNCTION.format(**mega, **most, for_=result["for"])
    parts, shown = result["parts"], 12
    rows = [[name, f"{size / 1e6:.1f} MB"] for name, size in [*parts.items()][:shown]]
    rest = sum([*parts.values()][shown:])
    rows.append([f"{len(parts) - shown} others", f"{rest / 1e6:.1f} MB"])
    started = FUNCTION_STARTS.format(more=mega["unzipped with bytecode"] - mega["unzipped"])
    return told + table(["", "unzipped"], rows) + started + _starts(result) + _imports(result)


def _starts(result: Any) -> str:
    rows = []
    for event, title in EVENTS.items():
        built, compiled = (
            result["starts"][f"{event}, {package}"] for package in ("as built", "with bytecode")
        )
        ratios = [f"{built[f'in {floor}']:.2f}" for floor in ("nothing", "boto3")]
        more = [_spread(compiled["cold"]), f"{compiled['in as built']:.2f}"]
        rows.append([title, _spread(built["cold"]), *ratios, *more, _told(built["warm"])])
    head = ["", "cold, as built", "in nothing", "in boto3", "with bytecode", "in as built", "warm"]
    return table(head, rows)


def _spread(figure: Any) -> str:
    return f"{figure['median']:.2f} s ({figure['least']:.2f} to {figure['most']:.2f})"


def _imports(result: Any) -> str:
    took = result["imports"]["as built"]
    largest = ", ".join(f"{name} {ms}" for name, ms in [*took.items()][:3])
    return FUNCTION_IMPORTS.format(
        all=sum(took.values()), largest=largest, ours=took["stache_ai_s3vectors"]
    )


def _told(entry: Any) -> str:
    median, unit = entry["median"], entry["unit"].split()[0]
    return f"{1000 * median:.0f} µs" if unit == "ms" and median < 1 else f"{median:.2f} {unit}"


def page() -> str:
    """The page, of all results."""
    grown, compared, wired = load("engine"), load("compare"), load("http")
    machine = grown["machine"]
    parts = [
        HEAD.format(**machine, numpy=machine["packages"]["numpy"]),
        "## Our engine\n\n" + engine(grown),
        GROWTH,
        http(wired),
        "The engine's share is the caller's wait minus the client's own processor time.\n",
        PROVIDER + provider(load("provider")),
        copying(load("copying")),
        function(load("lambda")),
        PEERS,
        *(f"### {size['vectors']:,} vectors\n\n{peers(size)}" for size in compared["sizes"]),
        "![queries of all peers](results/compare.svg)\n",
    ]
    return "\n".join(parts)


def main() -> None:
    """Write the page, then the plots."""
    (HERE / "README.md").write_text(page(), "utf-8")
    python = compare.python("plot")
    subprocess.run([python, str(HERE / "plot.py")], check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main()
