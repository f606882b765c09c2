"""Ingests that a process left unfinished are completed or undone; others are not touched."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from datetime import datetime, timezone

import pytest
from stache_ai.middleware.context import RequestContext
from stache_ai.providers.factories import S3VectorsProviderFactory

from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.errors import DocumentIndexError
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex, database
from support import providers
from support.processes.forks import run_in_child
from support.stache import ingesting


class Killed(BaseException):
    """The end of the process, which no code catches."""


def reset_caches():
    """Reset the caches of the process."""
    close_engines()
    S3VectorsProviderFactory.reset()


def ingest(pipeline, version=0, **metadata):
    metadata = {"filename": "d1.md", "source_path": "notes/d1.md", **metadata}
    return asyncio.run(
        pipeline.ingest_text(ingesting.make_text("d1", version), metadata, namespace="notes")
    )


def kill(*_, **__):
    raise Killed


def ingest_until(folder, place, method, version=0, **metadata):
    """Run an ingest in a process that ends when it calls this method."""

    def run():
        pipeline = ingesting.make_pipeline(folder)
        setattr(getattr(pipeline, place), method, kill)
        with pytest.raises(Killed):
            ingest(pipeline, version, **metadata)

    run_in_child(run)


def list_documents(pipeline):
    """List the documents."""
    return pipeline.list_documents(namespace="notes")["documents"]


def list_texts(pipeline):
    """List the lines of all active chunks."""
    rows = pipeline.documents_provider.list_by_filter({"status": "active"})
    return {line for row in rows for line in row["text"].split("\n\n")}


def make_lines(version):
    return set(ingesting.make_text("d1", version).split("\n\n"))


@pytest.fixture(params=["listed first", "searched first", "summaries searched first"])
def start_pipeline(request, tmp_path):
    """Return a function that creates the pipeline of the next start, whatever it calls first."""

    def start():
        pipeline = ingesting.make_pipeline(tmp_path)
        if request.param != "listed first":
            kind = "summaries" if "summaries" in request.param else "documents"
            getattr(pipeline, f"{kind}_provider").search([1.0] + [0.0] * 1023)
        return pipeline

    yield start
    reset_caches()


@pytest.mark.parametrize("metadata", [{}, {"source_path": None}, {"tags": ["a", "b"]}])
def test_a_document_with_all_its_vectors_is_listed(start_pipeline, tmp_path, caplog, metadata):
    """The process may have acknowledged it."""
    ingest_until(tmp_path, "document_index_provider", "create_document", **metadata)

    with caplog.at_level(logging.WARNING):
        started = start_pipeline()
        [document] = list_documents(started)
    assert "was ingested, but not listed; it is listed now" in caplog.text
    assert list_texts(started) == make_lines(0)
    assert (document["filename"], document["chunk_count"]) == ("d1.md", 5)
    assert document["metadata"].get("tags") == metadata.get("tags")
    assert ingest(started, **metadata)["action"] == "skipped"
    [vector] = started.documents_provider.get_by_ids(document["chunk_ids"][:1])
    assert vector["doc_id"] == document["doc_id"]


def leave_half_of_the_vectors(tmp_path):
    """Run an ingest in a process that ends when some of the vectors are stored."""

    def run():
        killed = ingesting.make_pipeline(tmp_path)
        provider = killed.documents_provider
        announce = type(provider)._announce

        def announce_and_die(ids, metadatas, namespace):
            announce(provider, ids, metadatas, namespace)
            vectors = [[1.0] + [0.0] * 1023] * 2
            provider.insert(vectors, ["half"] * 2, metadatas[:2], ids[:2], namespace)
            raise Killed

        provider._announce = announce_and_die
        with pytest.raises(Killed):
            ingest(killed)

    run_in_child(run)


def test_a_document_with_missing_vectors_is_deleted(start_pipeline, tmp_path, caplog):
    """It can be ingested again."""
    leave_half_of_the_vectors(tmp_path)

    with caplog.at_level(logging.WARNING):
        started = start_pipeline()
        assert list_documents(started) == []
    assert "d1.md) was interrupted; its vectors are deleted. Ingest it" in caplog.text
    assert list_texts(started) == set()
    assert ingest(started)["action"] == "ingested_new"
    assert list_texts(started) == make_lines(0)
    assert len(list_documents(started)) == 1


def test_searches_work_without_the_permission_to_settle(tmp_path, caplog):
    """The log reports it, once; a process that has the permission settles later."""
    leave_half_of_the_vectors(tmp_path)
    pipeline = ingesting.make_pipeline(tmp_path)
    provider = pipeline.documents_provider
    client = provider._unsettled_index.client
    providers.fail_calls(client, "DeleteVectors", 1, 2, 3, code="AccessDeniedException")

    for _ in range(2):
        assert len(provider.search([1.0] + [0.0] * 1023)) == 2
    assert caplog.text.count("interrupted ingests are not settled: ") == 1

    reset_caches()
    assert list_texts(ingesting.make_pipeline(tmp_path)) == set()
    reset_caches()


def test_an_ingest_that_stored_nothing_leaves_nothing(start_pipeline, tmp_path):
    """Its reservation does not prevent another ingest."""
    ingest_until(tmp_path, "documents_provider", "insert")

    started = start_pipeline()
    assert list_documents(started) == []
    assert ingest(started)["action"] == "ingested_new"
    assert len(list_documents(started)) == 1


def test_the_old_version_is_restored_if_the_new_one_has_no_vectors(
    start_pipeline, tmp_path, caplog
):
    """Stache moves the old one to the trash first."""
    run_in_child(lambda: ingest(ingesting.make_pipeline(tmp_path)))
    ingest_until(tmp_path, "documents_provider", "insert", version=1)

    with caplog.at_level(logging.WARNING):
        started = start_pipeline()
        assert len(list_documents(started)) == 1
    assert "is restored: the ingest of its new version was interrupted" in caplog.text
    assert list_texts(started) == make_lines(0)
    assert started.list_trash()["documents"] == []


def test_the_old_version_stays_in_the_trash_if_the_new_one_is_complete(start_pipeline, tmp_path):
    """This holds whether or not the process listed the new one."""
    run_in_child(lambda: ingest(ingesting.make_pipeline(tmp_path)))
    ingest_until(tmp_path, "document_index_provider", "create_document", version=1)

    for _ in range(2):
        started = start_pipeline()
        assert len(list_documents(started)) == 1
        assert list_texts(started) == make_lines(1)
        assert len(started.list_trash()["documents"]) == 1
        reset_caches()


def test_a_document_without_chunks_is_restored(start_pipeline, tmp_path):
    """It is in no vector index, so any provider restores it."""

    def run():
        index = ingesting.make_pipeline(tmp_path).document_index_provider
        index.create_document("d1", "d1.md", "notes", chunk_ids=[])
        index.soft_delete_document("d1", "notes", delete_reason="reingest_version")

    run_in_child(run)

    assert [document["doc_id"] for document in list_documents(start_pipeline())] == ["d1"]


def test_a_document_that_was_ingested_again_is_not_listed_twice(start_pipeline, tmp_path):
    """The interrupted ingest is undone."""
    ingest_until(tmp_path, "document_index_provider", "create_document")
    index = SQLiteDocumentIndex(Settings(s3vectors_document_index_path=str(tmp_path / "other.db")))
    index.path = tmp_path / "data" / "documents.db"  # an index without access to the vectors
    fields = {"filename": "d1.md", "source_path": "notes/d1.md", "namespace": "notes"}
    index.create_document(doc_id="another", chunk_ids=[], **fields)

    started = start_pipeline()
    assert [document["doc_id"] for document in list_documents(started)] == ["another"]
    assert list_texts(started) == set()


def test_an_ingest_that_is_under_way_is_not_changed(tmp_path):
    """It may be in this process or in another."""
    pipeline = ingesting.make_pipeline(tmp_path)
    provider = pipeline.documents_provider
    provider._announce(["c1"], [{"doc_id": "d1"}], "notes")

    def start():
        other = SQLiteDocumentIndex(provider.settings)
        with other._open().read() as db:
            return db.execute("SELECT doc_id FROM ingests").fetchall()

    assert run_in_child(start) == [("d1",)]
    assert start() == [("d1",)]
    reset_caches()


def test_an_index_that_cannot_be_written_refuses_the_ingest(tmp_path, monkeypatch):
    """Stache itself would only log that a document is not listed, and acknowledge it."""
    pipeline = ingesting.make_pipeline(tmp_path)
    ingest(pipeline)
    index = pipeline.document_index_provider
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    index._open()._local.handle.close()  # it has the old PATIENCE
    other = sqlite3.connect(index.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DocumentIndexError, match="is locked"):
        asyncio.run(pipeline.ingest_text("Another text", {}, namespace="notes"))
    other.close()

    assert list_texts(pipeline) == make_lines(0)
    reset_caches()


def test_searches_work_when_the_index_is_damaged(tmp_path, caplog):
    """The log reports the damage."""
    run_in_child(lambda: ingest(ingesting.make_pipeline(tmp_path)))
    for name in (tmp_path / "data").glob("documents.db*"):
        name.write_text("Dear diary\n" * 1000)

    pipeline = ingesting.make_pipeline(tmp_path)
    assert list_texts(pipeline) == make_lines(0)
    assert "is not a SQLite database" in caplog.text
    reset_caches()


def test_only_documents_that_stache_ingests_are_announced(tmp_path):
    """Insights and chunks that are stored without Stache are not."""
    pipeline = ingesting.make_pipeline(tmp_path)
    vector = [1.0] + [0.0] * 1023
    context = RequestContext("r1", datetime.now(timezone.utc), "n")
    provider = pipeline.documents_provider

    provider.insert([vector], ["insight"], [{"_type": "insight"}], context=context)
    provider.insert([vector], ["changed"], [{"doc_id": "d1"}], ["c1"], context=context)
    provider.insert([vector], ["alone"], [{"doc_id": "d1"}])

    assert not (tmp_path / "data" / "documents.db").exists()
    reset_caches()


def test_the_index_opens_although_interrupted_ingests_cannot_be_settled(tmp_path, caplog):
    """The vectors are out of reach; the next start tries again."""
    ingest_until(tmp_path, "document_index_provider", "create_document")
    path = str(tmp_path / "data" / "documents.db")
    away = {"s3vectors_endpoint_url": "http://127.0.0.1:9", "s3vectors_max_attempts": 1}

    settings = Settings(
        **{**ingesting.SETTINGS, **away, "s3vectors_document_index_path": path}, _env_file=None
    )
    index = SQLiteDocumentIndex(settings)
    assert index.list_documents()["documents"] == []
    assert "interrupted ingests are not settled yet" in caplog.text
    reset_caches()
    assert len(list_documents(ingesting.make_pipeline(tmp_path))) == 1
    reset_caches()
