"""Stache with Amazon S3 Vectors on a laptop: ingest real documents and answer questions.

Stache's own pipeline finds our providers through their entry points, ingests the Python
language reference of every Python installation (`pydoc_data.topics`), and answers questions
from it. The vectors are in the local engine, the list of documents in a SQLite file, both
on disk; on AWS, a few settings differ.

    python examples/quickstart.py
    python examples/quickstart.py --question "How do I unpack a sequence?"
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import sys
import time
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from stache_ai.rag.pipeline import RAGPipeline

QUESTIONS: Final = (
    "How does the with statement use a context manager?",
    "What happens when an exception is raised and no except clause matches?",
    "Which debugger command sets a breakpoint?",
)
NAMESPACE: Final = "python/" + ".".join(platform.python_version_tuple()[:2])
PASSAGES: Final = 3
CONSOLE: Final = Console(highlight=False)


def make_settings(data: Path) -> dict[str, str]:
    """The environment variables that make Stache use S3 Vectors, here the local engine."""
    return {
        "VECTORDB_PROVIDER": "s3vectors",
        "S3VECTORS_BUCKET": "quickstart",
        "DOCUMENT_INDEX_PROVIDER": "sqlite",
        "S3VECTORS_DOCUMENT_INDEX_PATH": str(data / "documents.db"),
        "S3VECTORS_BUCKET_NAME": "quickstart",
        "S3VECTORS_ENDPOINT_URL": f"local:{data / 'vectors'}",
        "S3VECTORS_DOCUMENTS_INDEX": "documents-1024",
        "S3VECTORS_SUMMARIES_INDEX": "summaries-1024",
        "S3VECTORS_INSIGHTS_INDEX": "insights-1024",
        "EMBEDDING_PROVIDER": "word-hashing",
        "EMBEDDING_DIMENSION": "1024",
        "NAMESPACE_DB_PATH": str(data / "namespaces.db"),
        # Stache 0.3.0 hands a list to embed(str) here, and logs that it failed
        "ENABLE_SUMMARY_GENERATION": "false",
        "LLM_PROVIDER": "none",
    }


def use_settings(settings: dict[str, str]) -> None:
    """Set these environment variables, and unset those of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(settings, AWS_REGION="us-east-1")


def make_pipeline() -> RAGPipeline:
    """Stache's own pipeline; it finds our provider through the entry point."""
    from stache_ai.config import Settings
    from stache_ai.providers import EmbeddingProviderFactory
    from stache_ai.rag.pipeline import RAGPipeline

    from word_hashing import WordHashingEmbeddings

    EmbeddingProviderFactory.register("word-hashing", WordHashingEmbeddings)
    return RAGPipeline(Settings())


def list_chunks(pipeline: RAGPipeline) -> list[dict[str, Any]]:
    """Every chunk of the reference that is stored, with its text."""
    fields = ["topic", "total_chunks", "text"]
    chunks: list[dict[str, Any]] = pipeline.documents_provider.scan_by_metadata(
        fields=fields, namespace=NAMESPACE
    )
    return chunks


async def ingest(pipeline: RAGPipeline) -> int:
    """Ingest the topics that are not completely stored; returns their number."""
    chunks = list_chunks(pipeline)
    counts = Counter(chunk["topic"] for chunk in chunks)
    whole = {c["topic"] for c in chunks if counts[c["topic"]] == c["total_chunks"]}
    documents = pipeline.list_documents(namespace=NAMESPACE, limit=len(topics))["documents"]
    listed = {document["filename"].removesuffix(".txt") for document in documents}
    missing = sorted(topics.keys() - (whole & listed))
    if not missing:
        return 0
    columns = (TextColumn("ingesting"), BarColumn(), MofNCompleteColumn(), TextColumn("topics"))
    with Progress(*columns, TimeElapsedColumn(), console=CONSOLE) as progress:
        for topic in progress.track(missing):
            if topic in listed:  # some of its vectors were lost
                await pipeline.delete_documents_by_filename(f"{topic}.txt", NAMESPACE)
            elif counts[topic]:  # vectors of a demo that had no list of documents
                pipeline.documents_provider.delete_by_metadata("topic", topic, NAMESPACE)
            await pipeline.ingest_text(
                topics[topic],
                metadata={"topic": topic, "filename": f"{topic}.txt"},
                namespace=NAMESPACE,
                prepend_metadata=["topic"],
            )
    return len(missing)


async def print_answer(pipeline: RAGPipeline, question: str) -> None:
    """Print the best passages for a question."""
    started = time.perf_counter()
    response = await pipeline.query(question, top_k=PASSAGES, synthesize=False, namespace=NAMESPACE)
    took = (time.perf_counter() - started) * 1000
    CONSOLE.print(f"\n[bold]{escape(question)}[/bold]  [dim]{took:.0f} ms[/dim]")
    for number, source in enumerate(response["sources"], 1):
        topic = source["metadata"]["topic"]
        CONSOLE.print(
            f"  {number}. [green]{topic}[/green]  score {source['score']:.2f}"
            f"  [dim]{source['metadata']['namespace']}[/dim]"
        )
        CONSOLE.print(f"     {escape(find_excerpt(source['content'], question))}", soft_wrap=True)


def find_excerpt(passage: str, question: str, width: int = 160) -> str:
    """The part of a passage that shares the most words with the question."""
    text = " ".join(passage.split())
    words = {word for word in question.lower().split() if len(word) > 3}  # noqa: PLR2004 - skips "the"
    starts = range(0, max(1, len(text) - width), width // 4)
    best = max(starts, key=lambda at: sum(w in text[at : at + width].lower() for w in words))
    return f"… {text[best : best + width]} …"


def print_totals(pipeline: RAGPipeline, data: Path) -> None:
    """Print what is stored."""
    chunks = list_chunks(pipeline)
    documents = len({chunk["topic"] for chunk in chunks})
    text = sum(len(chunk["text"].encode()) for chunk in chunks)
    disk = sum(file.stat().st_size for file in (data / "vectors").iterdir())
    CONSOLE.print(
        f"\nStored: {documents} documents, {len(chunks)} chunks, {text:,} bytes of text; "
        f"{disk:,} bytes on disk in {data / 'vectors'}",
        soft_wrap=True,
    )


NEXT: Final = """
Next:
  make demo QUESTION="…"   asks your own question; what is stored is used again
  make stache              Stache's API and its documentation in the browser, with these documents
  README, "On AWS"         the same in Amazon S3 Vectors: leave S3VECTORS_ENDPOINT_URL out
"""


async def run(questions: list[str], data: Path) -> None:
    """Ingest what is missing, answer, report."""
    started = time.perf_counter()
    pipeline = make_pipeline()
    CONSOLE.print(f"Stache started in {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    count = await ingest(pipeline)
    what = f"ingested {count} topics" if count else "all topics were stored already"
    CONSOLE.print(f"{what.capitalize()}; {time.perf_counter() - started:.1f} s")
    for question in questions:
        await print_answer(pipeline, question)
    print_totals(pipeline, data)
    CONSOLE.print(NEXT, markup=False, soft_wrap=True)


def main() -> None:
    """Read the arguments, set the environment, go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--question", action="append", help="ask this instead; repeatable")
    parser.add_argument("--data", type=Path, default=Path(".demo-data"), help="where to keep data")
    arguments = parser.parse_args()
    use_settings(make_settings(arguments.data))
    arguments.data.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    from stache_ai_s3vectors import S3VectorsError

    try:
        asyncio.run(run(arguments.question or list(QUESTIONS), arguments.data))
    except S3VectorsError as error:
        print(f"quickstart: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
