"""A million chunks: imported at the service's write rate, copied, and searched.

An export is imported over HTTP into an engine that applies AWS's limits. The import is killed twice
on its way and called again. The index is then copied to another server as fast as it goes, which
compares every vector at the end. At last the engine opens the copy in process. All memory is the
most that a process had.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

import orjson

import dataset
import peers
import processes
import sampling
from clients import BATCH
from stache_ai_s3vectors.service.limits import WRITTEN_VECTORS_PER_SECOND
from stache_ai_s3vectors.tool.exports import Writer, build_header

TEXTS: Final = 1_000
"""Different texts: drawing one takes longer than all else about a chunk."""
KILLS: Final = (1 / 3, 1 / 3)
"""Parts of the least time after which the import is killed."""
QUERIES: Final = 21


def write_export(file: Path, count: int) -> None:
    """Write an export of so many chunks."""
    corpus = dataset.Corpus()
    texts = [corpus.draw_metadata(number)["text"] for number in range(min(TEXTS, count))]
    description = build_header(dataset.DIMENSION, "cosine", ["text"])
    with file.open("w+b") as opened:
        writer = Writer(opened, compressed=True, head=description)
        for number in range(count):
            if not number % BATCH:
                vectors = corpus.draw_vectors(BATCH)
            metadata = {
                **dataset.PRESENT,
                "text": texts[number % len(texts)],
                "namespace": f"books/{number % 100}",
                "doc_id": f"document-{number // 20}",
                "chunk_index": number % 20,
                "half": number % 2,
            }
            numbers = orjson.dumps(vectors[number % BATCH], option=orjson.OPT_SERIALIZE_NUMPY)
            writer.add(f"chunk-{number:09}", metadata, numbers)
        writer.finish()


def read_peak_memory(process: int) -> float:
    """The most memory that a process has had so far, in MB."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def load(file: Path, count: int, folder: Path) -> dict[str, Any]:
    """Import a file, in three runs, and copy the index."""
    least = count / WRITTEN_VECTORS_PER_SECOND
    index = ("--index", "documents")
    with (
        processes.start_server("--data", str(folder / "first"), "--limits", "aws") as first,
        processes.start_server("--data", str(folder / "second")) as second,
    ):
        for url, _ in (first, second):
            processes.connect(url).create_vector_bucket(vectorBucketName="bench")
        settings = {"S3VECTORS_CREATE_INDEX": "true", "S3VECTORS_WRITE_RATE": "0"}
        paced = {**settings, "S3VECTORS_WRITE_RATE": str(WRITTEN_VECTORS_PER_SECOND)}
        run = partial(processes.run_command, first[0], "import", str(file), *index, stop=SIGKILL)
        runs = [
            run(until=until, settings=paced) for until in (*(part * least for part in KILLS), None)
        ]
        copy = ("copy", "documents", "documents", "--from-endpoint", first[0])
        copied = processes.run_command(second[0], *copy, settings=settings)
        servers = [read_peak_memory(process) for _, process in (first, second)]
    imported = {
        "seconds": sum(run["seconds"] for run in runs),
        "processor": sum(run["processor"] for run in runs),
        "MB": max(run["MB"] for run in runs),
    }
    return {
        "import": {**imported, "server MB": servers[0]},
        "copy": {**copied, "server MB": servers[1]},
    }


def search(directory: Path) -> dict[str, float]:
    """Open the engine (seconds), search (milliseconds), and the memory (MB) of this process."""
    vectors = dataset.Corpus(seed=2).draw_vectors(QUERIES)
    began = time.perf_counter()
    engine = peers.Ours(str(directory))
    engine.query(vectors[0], {})
    opened = (time.perf_counter() - began) * 1000
    times = {
        name: statistics.median(
            sampling.time_call(engine.query, vector, condition) for vector in vectors
        )
        for name, condition in dataset.CONDITIONS.items()
    }
    engine.close()
    return {"opened": opened / 1000, **times, "MB": read_peak_memory(os.getpid())}


def measure(vectors: int = 1_000_000) -> dict[str, Any]:
    """Write, import, copy and search so many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "chunks.jsonl.gz"
        write_export(file, vectors)
        loads = load(file, vectors, folder)
        engine = processes.call("ours", "measure_million:search", str(folder / "second"))
        return {
            "vectors": vectors,
            "least": vectors / WRITTEN_VECTORS_PER_SECOND,
            "loads": {
                name: {**each, "vectors/s": vectors / each["seconds"]}
                for name, each in loads.items()
            },
            "engine": engine,
            "bytes": {
                "file": file.stat().st_size,
                "engine": sampling.measure_folder(folder / "second"),
            },
        }
