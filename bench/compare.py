"""Our engine beside what a user would pick instead, on the same data, in one run.

    python bench/compare.py [--vectors 100000] [--save]

Each peer lives in a virtual environment of its own, in .bench, which this makes. All are
called in process. Times are told as ratios to numpy's product and partial sort, measured in
turns in the same process; recall is the share of the exact ten nearest that was found.
"""

from __future__ import annotations

import measure

measure.one_blas_thread()

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

import records

ROOT: Final = Path(__file__).parents[1]
ENVIRONMENTS: Final = ROOT / ".bench"
PEERS: Final = {
    "ours": (),
    "chromadb": ("chromadb==1.5.9",),
    "qdrant": ("qdrant-client==1.20.0",),
    "lancedb": ("lancedb==0.40.0", "pyarrow"),
}
"""Ending of a module in `peers` → what its environment needs; ours is the one that runs this."""

OTHER: Final = {
    "plot": ("matplotlib==3.11.2",),
    "older": ("stache-ai-s3vectors==0.2.0", "stache-ai==0.3.0"),
    "langchain": ("langchain-aws==1.9.1",),
}
"""Environments of other parts."""

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


def python(name: str) -> str:
    """The interpreter of an environment, made when missing."""
    needed = {**PEERS, **OTHER}[name]
    if not needed:
        return sys.executable
    home = ENVIRONMENTS / name
    if not (home / "ready").exists():
        print(f"setting up {home.relative_to(ROOT)} (once)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)  # noqa: S603 - ours
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-qq"]
        subprocess.run([*pip, "numpy", *needed], check=True)  # noqa: S603 - ours
        (home / "ready").touch()
    return str(home / "bin" / "python")


def version(interpreter: str, requirement: str) -> str:
    """Which release an environment has."""
    package = requirement.partition("==")[0]
    code = f"from importlib.metadata import version; print(version({package!r}))"
    command = [interpreter, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - ours


def run(name: str, data: Path, count: int) -> dict[str, Any]:
    """One peer's figures; "cannot" with the reason where it fails."""
    interpreter = python(name)
    requirement = (PEERS[name] or ("s3vectors-local",))[0]
    told = {"name": name, "package": f"{requirement.partition('==')[0]} "}
    told["package"] += version(interpreter, requirement)
    with tempfile.TemporaryDirectory() as directory:
        command = [interpreter, str(Path(__file__).parent / "peers" / "run.py"), name]
        result = subprocess.run(  # noqa: S603 - ours
            [*command, str(data), directory], capture_output=True, text=True, check=False
        )
    if result.returncode:
        return {**told, "cannot": result.stderr.strip().splitlines()[-1]}
    found = json.loads(result.stdout.splitlines()[-1])
    numpy = statistics.median(found["milliseconds"].pop("numpy"))
    raw = count * records.DIMENSION * 4
    return {
        **told,
        "ingest": round(found["ingest"]),
        "milliseconds": {k: measure.figure(v, "ms") for k, v in found["milliseconds"].items()},
        "ratio": {
            kind: round(statistics.median(values) / numpy, 3)
            for kind, values in found["milliseconds"].items()
        },
        "recall": {kind: round(value, 3) for kind, value in found["recall"].items()},
        "open": measure.figure([entry["seconds"] for entry in found["opened"]], "s"),
        "memory": round(statistics.median([e["grown"] for e in found["opened"]]) / raw, 2),
        "disk": round(found["disk"] / raw, 2),
    }


def show(result: dict[str, Any]) -> None:
    """Print it."""
    if "cannot" in result:
        print(f"{result['package']:<24} cannot: {result['cannot']}")
        return
    times = "  ".join(
        f"{kind} {ratio:7.3f} x (recall {result['recall'][kind]:.3f})"
        for kind, ratio in result["ratio"].items()
    )
    print(f"{result['package']:<24} {times}  ingest {result['ingest']:,}/s", end="  ")
    print(f"open {result['open']['median']:.2f} s  memory {result['memory']:.2f} x", end="  ")
    print(f"disk {result['disk']:.2f} x")


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
        measure.save("compare", {"machine": measure.machine(), "sizes": sizes})


if __name__ == "__main__":
    main()
