"""After a kill at any moment of an ingest, Stache's documents are complete or absent."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter

import pytest
from stache_ai.providers.factories import S3VectorsProviderFactory

from stache_ai_s3vectors.aws.connections import close_engines
from support.processes.children import create_fork_server
from support.stache import ingesting

KILLS = 50
CALLS = 120_000
"""The number of function calls and returns in about three ingests."""


def kill_while_ingesting(processes, folder, seed, calls):
    """Run an ingest that is killed after a number of function calls; return what it reported."""
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=ingesting.ingest, args=(folder, seed, calls, theirs))
    process.start()
    theirs.close()
    log = []
    try:
        while True:
            log.append(ours.recv())
    except EOFError:
        process.join()
        assert process.exitcode == -signal.SIGKILL
        return log


def read_versions(pipeline):
    """Return each document's version; check that all are complete, listed and searchable."""
    documents = {}
    listed = pipeline.list_documents(namespace=ingesting.NAMESPACE, limit=1000)["documents"]
    vectors = pipeline.documents_provider.scan_by_metadata(
        {"status": "active"}, fields=["doc_id", "filename", "text", "total_chunks"]
    )
    counts = Counter(vector["doc_id"] for vector in vectors)
    assert counts == {document["doc_id"]: document["chunk_count"] for document in listed}
    texts = {vector["filename"]: vector["text"] for vector in vectors}
    assert {vector["total_chunks"] for vector in vectors} <= {10}
    for document in listed:
        name = document["filename"].removesuffix(".md")
        assert name not in documents
        versions = [v for v in (0, 1) if texts[f"{name}.md"] in ingesting.make_text(name, v)]
        [documents[name]] = versions
    return documents


def query_name(pipeline, name, version):
    """Return the name of the document that best answers a question about this one."""
    question = ingesting.make_text(name, version)[:40]
    answer = pipeline.query(question, synthesize=False, namespace=ingesting.NAMESPACE)
    return asyncio.run(answer)["sources"][0]["metadata"]["filename"]


@pytest.mark.long
def test_fifty_kills_leave_complete_documents(tmp_path):
    """Acknowledged documents are listed and searchable; others are complete or absent.

    If a new version is not acknowledged, either it or the version before it is stored.
    """
    processes, expected, moments = create_fork_server(), {}, random.Random(5)
    for seed in range(KILLS):
        log = kill_while_ingesting(processes, tmp_path, seed, moments.randrange(CALLS))
        pipeline = ingesting.make_pipeline(tmp_path)
        documents = read_versions(pipeline)
        expected |= {name: version for state, name, version in log if state == "done"}
        state, name, version = log[-1] if log else ("", "", 0)
        if state == "begun" and documents.get(name) == version:
            expected[name] = version  # it was stored, but not acknowledged
        assert documents == expected
        for name, version in moments.sample(sorted(expected.items()), min(3, len(expected))):
            assert query_name(pipeline, name, version) == f"{name}.md"
        close_engines()
        S3VectorsProviderFactory.reset()

    assert len(expected) >= KILLS
