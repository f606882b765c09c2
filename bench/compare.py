"""Our engine beside what a user would pick instead, on the same data, in one run.

    python bench/compare.py [--vectors 100000] [--save]

Each peer lives in a virtual environment of its own, in .bench, which is made. All are
called in process. Times are told as ratios to numpy's product and partial sort, measured in
turns in the same process; recall is the share of the exact ten nearest that was found. A peer
may take `environments.MOST_MEMORY`; what takes more "cannot".
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import json
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

import environments
import records

PEERS: Final = {
    "ours": (None, "s3vectors-local"),
    "chromadb": ("chromadb", "chromadb"),
    "qdrant": ("qdrant", "qdrant-client"),
    "lancedb": ("lancedb", "lancedb"),
    "lancedb_indexed": ("lancedb", "lancedb"),
    "moto": ("moto", "moto"),
}
"""Ending of a module in `peers` → its environment, and its package."""

QUERIES: Final = 40


def prepare(directory: Path, count: int) -> None:
    """Write the vectors, metadata, queries and exact answers that all get."""
    corpus = records.Corpus()
    vectors = corpus.vectors(count)
    np.save(directory / "vectors.npy", vectors)
    with (directory / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(count):
            lines.write(json.dumps(corpus.metadata(number)) + "\n")
    queries = corpus.vectors(QUERIES)
    np.save(directory / "queries.npy", queries)
    units = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1)[:, None]
    numbers = np.arange(count)
    kinds = {"all": numbers >= 0, "1 %": numbers % 100 == 7, "50 %": numbers % 2 == 1}  # noqa: PLR2004 - as Corpus.metadata
    truth: dict[str, list[list[str]]] = {kind: [] for kind in kinds}
    for query in queries:
        scores = units @ query
        for kind, mask in kinds.items():
            rows = numbers[mask][np.argsort(-scores[mask], kind="stable")[:10]]
            truth[kind].append([f"chunk-{row}" for row in rows])
    (directory / "truth.json").write_text(json.dumps(truth), "utf-8")
    words = records.words()[300:]
    texts = [" ".join(words[3 * number : 3 * number + 3]) for number in range(QUERIES)]
    (directory / "texts.json").write_text(json.dumps(texts), "utf-8")


def run(name: str, data: Path, count: int) -> dict[str, Any]:
    """One peer's figures; "cannot" with the reason where it has no memory or no call for it."""
    environment, package = PEERS[name]
    release = environments.installed(environment)[package]
    told: dict[str, Any] = {"name": name, "package": f"{package} {release}"}
    with tempfile.TemporaryDirectory() as directory:
        script = str(Path(__file__).parent / "peers" / "run.py")
        result = subprocess.run(  # noqa: S603 - ours
            [environments.python(environment), script, name, str(data), directory],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_limit_memory,  # this process has no threads
        )
    if result.returncode:
        if "emory" not in result.stderr:  # Python's, numpy's and Rust's words for it
            raise SystemExit(f"{name}: {result.stderr}")
        return {
            **told,
            "cannot": f"it needs more than {environments.MOST_MEMORY / 2**30:.0f} GiB of memory",
        }
    found = json.loads(result.stdout.splitlines()[-1])
    told["ingest"] = round(found["ingest"])
    return {**told, "cannot": found["cannot"]} if "cannot" in found else told | _told(found, count)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (environments.MOST_MEMORY, environments.MOST_MEMORY))


def _told(found: dict[str, Any], count: int) -> dict[str, Any]:
    raw, times, hybrid = count * records.DIMENSION * 4, found["milliseconds"], found["hybrid"]
    if "cannot" not in hybrid:
        milliseconds = hybrid["milliseconds"]
        hybrid = {
            # In no time at all nothing was indexed: qdrant-client reads the texts at each query
            **(
                {"indexed": round(count / hybrid["index"])} if hybrid["index"] > count / 1e6 else {}
            ),
            "milliseconds": measure.figure(milliseconds["hybrid"], "ms"),
            "ratio": _ratio(milliseconds["hybrid"], milliseconds["numpy"]),
        }
    return {
        "milliseconds": {kind: measure.figure(values, "ms") for kind, values in times.items()},
        "ratio": {kind: _ratio(values, times["numpy"]) for kind, values in times.items()},
        "recall": {kind: round(value, 3) for kind, value in found["recall"].items()},
        "open": measure.figure([entry["seconds"] for entry in found["opened"]], "s"),
        "memory": measure.figure([entry["grown"] / raw for entry in found["opened"]], "x"),
        "disk": round(found["disk"] / raw, 2),
        "hybrid": hybrid,
    }


def _ratio(values: list[float], numpy: list[float]) -> dict[str, Any]:
    """Round by round, as machines have moods."""
    return measure.figure([one / other for one, other in zip(values, numpy, strict=True)], "x")


def show(result: dict[str, Any]) -> None:
    """Print it."""
    if "cannot" in result:
        print(f"{result['package']:<24} cannot: {result['cannot']}")
        return
    times = "  ".join(
        f"{kind} {ratio['median']:7.3f} x (recall {result['recall'][kind]:.3f})"
        for kind, ratio in result["ratio"].items()
        if kind in result["recall"]
    )
    hybrid = result["hybrid"].get("ratio", {}).get("median", "cannot")
    print(f"{result['package']:<24} {times}  ingest {result['ingest']:,}/s", end="  ")
    print(f"open {result['open']['median']:.2f} s", end="  ")
    print(f"memory {result['memory']['median']:.2f} x  disk {result['disk']:.2f} x", end="  ")
    print(f"hybrid {hybrid} x")


def main() -> None:
    """Run all peers, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vectors", type=int, nargs="+", default=[100_000])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--save", action="store_true", help="keep it in bench/results")
    arguments = parser.parse_args()
    sizes = []
    for count in arguments.vectors:
        print(f"{count:,} vectors of {records.DIMENSION} dimensions; times in those of numpy")
        with tempfile.TemporaryDirectory() as data:
            prepare(Path(data), count)
            results = []
            for name in arguments.peers:
                results.append(run(name, Path(data), count))
                show(results[-1])
            sizes.append({"vectors": count, "peers": results})
    if arguments.save:
        used = {PEERS[name][0] for name in arguments.peers}
        installed = {name or "ours": environments.installed(name) for name in used}
        about = {"machine": measure.machine(), "installed": installed}
        measure.save("compare", {**about, "sizes": sizes})


if __name__ == "__main__":
    main()
