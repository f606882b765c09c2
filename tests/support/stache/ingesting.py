"""A process that ingests documents through Stache until it is killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from stache_ai.providers import (
    DocumentIndexProviderFactory,
    EmbeddingProviderFactory,
    plugin_loader,
)
from stache_ai.rag.pipeline import RAGPipeline

import s3vectors_local
from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex
from word_hashing import WordHashingEmbeddings

plugin_loader.load_all()  # once, before processes are forked
s3vectors_local.Engine().close()
EmbeddingProviderFactory.register("word-hashing", WordHashingEmbeddings)
DocumentIndexProviderFactory.register("sqlite", SQLiteDocumentIndex)

SETTINGS: Final[dict[str, Any]] = {
    "vectordb_provider": "s3vectors",
    "s3vectors_bucket": "my-bucket",
    "s3vectors_documents_index": "documents",
    "s3vectors_summaries_index": "summaries",
    "s3vectors_insights_index": "insights",
    "embedding_provider": "word-hashing",
    "embedding_dimension": 1024,
    "document_index_provider": "sqlite",
    "enable_summary_generation": False,
    "chunk_size": 60,
    "chunk_overlap": 0,
}
"""The settings of docs/laptop.md, but a chunk has one line, so that a document has several."""

NAMESPACE: Final = "notes"


def make_pipeline(folder: Path) -> Any:
    """Make Stache's own pipeline, with vectors and document index in a folder."""
    paths = {
        "s3vectors_endpoint_url": f"local:{folder / 'data'}",
        "namespace_db_path": str(folder / "namespaces.db"),
    }
    return RAGPipeline(Settings(**SETTINGS, **paths))


def make_text(name: str, version: int) -> str:
    """Make ten lines with words that no other document and no other version has."""
    letters = name.translate(str.maketrans("0123456789", "klmnprstvz"))
    word = f"{letters}{'abcdefgh'[version]}"
    return "\n\n".join(f"{word} line{'abcdefghij'[n]} of {word} is about {word}" for n in range(10))


def generate_documents(seed: int) -> Iterator[tuple[str, int]]:
    """Generate names and versions of documents. Every third is a new version of an earlier one."""
    number = 0
    while True:
        yield f"d{seed}x{number}", 0
        if number % 3 == 2:
            yield f"d{seed}x{number - 1}", 1
        number += 1


def ingest(folder: Path, seed: int, calls: int, acknowledged: Connection) -> None:
    """Ingest documents, and kill the process after a number of function calls.

    Report when each document begins, and when it is done.
    """
    count = itertools.count()

    def kill_when_due(*_: object) -> None:
        if next(count) == calls:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(_ingest(make_pipeline(folder), seed, kill_when_due, acknowledged))


async def _ingest(
    pipeline: Any, seed: int, kill_when_due: Callable[..., None], acknowledged: Connection
) -> None:
    for name, version in generate_documents(seed):
        acknowledged.send(("begun", name, version))
        response = await pipeline.ingest_text(
            make_text(name, version),
            metadata={"filename": f"{name}.md", "source_path": f"notes/{name}.md"},
            namespace=NAMESPACE,
        )
        assert response["action"] != "skipped", response
        acknowledged.send(("done", name, version))
        threading.setprofile(kill_when_due)  # not earlier: the first ingest imports many modules
        sys.setprofile(kill_when_due)
