"""What a process that ended left of its ingests is completed or undone, and nothing else is."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from datetime import datetime, timezone

import pytest
from stache_ai.middleware.context import RequestContext
from stache_ai.providers.factories import S3VectorsProviderFactory

import ingesting
from forks import run_in_child
from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.errors import DocumentIndexError
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex, database


class Killed(BaseException):
    """As if the process ended: nobody catches it."""


def restart():
    """Forget what a process knows."""
    close_engines()
    S3VectorsProviderFactory.reset()


def ingest(pipeline, version=0, **metadata):
    metadata = {"filename": "d1.md", "source_path": "notes/d1.md", **metadata}
    return asyncio.run(
        pipeline.ingest_text(ingesting.make_text("d1", version), metadata, namespace="notes")
    )


def die(*_, **__):
    raise Killed


def ingest_until(folder, place, method, version=0, **metadata):
    """Ingest in a process that ends when it calls this."""

    def run():
        pipeline = ingesting.make_pipeline(folder)
        setattr(getattr(pipeline, place), method, die)
        with pytest.raises(Killed):
            ingest(pipeline, version, **metadata)

    run_in_child(run)


def documents(pipeline):
    """What is listed."""
    return pipeline.list_documents(namespace="notes")["documents"]


def texts(pipeline):
    """The lines that are found."""
    rows = pipeline.documents_provider.list_by_filter({"status": "active"})
    return {line for row in rows for line in row["text"].split("\n\n")}


def lines(version):
    return set(ingesting.make_text("d1", version).split("\n\n"))


@pytest.fixture(params=["listed first", "searched first"])
def pipeline(request, tmp_path):
    """Makes the pipeline of the next start; what is done first there must not matter."""

    def start():
        pipeline = ingesting.make_pipeline(tmp_path)
        if request.param == "searched first":
            pipeline.documents_provider.search([1.0] + [0.0] * 1023)
        return pipeline

    yield start
    restart()


@pytest.mark.parametrize("metadata", [{}, {"source_path": None}, {"tags": ["a", "b"]}])
def test_a_document_whose_vectors_are_all_there_is_listed(pipeline, tmp_path, caplog, metadata):
    """As if the process had come so far: it may have acknowledged it."""
    ingest_until(tmp_path, "document_index_provider", "create_document", **metadata)

    with caplog.at_level(logging.WARNING):
        started = pipeline()
        [document] = documents(started)
    assert "was ingested, but not listed; it is listed now" in caplog.text
    assert texts(started) == lines(0)
    assert (document["filename"], document["chunk_count"]) == ("d1.md", 5)
    assert document["metadata"].get("tags") == metadata.get("tags")
    assert ingest(started, **metadata)["action"] == "skipped"
    [vector] = started.documents_provider.get_by_ids(document["chunk_ids"][:1])
    assert vector["doc_id"] == document["doc_id"]


def test_a_document_of_which_vectors_are_missing_is_undone(pipeline, tmp_path, caplog):
    """It can be ingested again."""

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
    with caplog.at_level(logging.WARNING):
        started = pipeline()
        assert documents(started) == []
    assert "d1.md) was interrupted; its vectors are deleted. Ingest it" in caplog.text
    assert texts(started) == set()
    assert ingest(started)["action"] == "ingested_new"
    assert texts(started) == lines(0)
    assert len(documents(started)) == 1


def test_an_ingest_that_stored_nothing_leaves_nothing(pipeline, tmp_path):
    """Its reservation keeps nobody from ingesting again."""
    ingest_until(tmp_path, "documents_provider", "insert")

    started = pipeline()
    assert documents(started) == []
    assert ingest(started)["action"] == "ingested_new"
    assert len(documents(started)) == 1


def test_the_version_before_is_restored_when_the_new_one_never_came(pipeline, tmp_path, caplog):
    """Stache sends it to the trash first."""
    run_in_child(lambda: ingest(ingesting.make_pipeline(tmp_path)))
    ingest_until(tmp_path, "documents_provider", "insert", version=1)

    with caplog.at_level(logging.WARNING):
        started = pipeline()
        assert len(documents(started)) == 1
    assert "is restored: its new version was interrupted" in caplog.text
    assert texts(started) == lines(0)
    assert started.list_trash()["documents"] == []


def test_the_version_before_stays_in_the_trash_when_the_new_one_is_there(pipeline, tmp_path):
    """Whether the process listed it or not."""
    run_in_child(lambda: ingest(ingesting.make_pipeline(tmp_path)))
    ingest_until(tmp_path, "document_index_provider", "create_document", version=1)

    for _ in range(2):
        started = pipeline()
        assert len(documents(started)) == 1
        assert texts(started) == lines(1)
        assert len(started.list_trash()["documents"]) == 1
        restart()


def test_what_was_ingested_again_meanwhile_is_not_listed_twice(pipeline, tmp_path):
    """The one that was interrupted is undone."""
    ingest_until(tmp_path, "document_index_provider", "create_document")
    index = SQLiteDocumentIndex(Settings(s3vectors_document_index_path=str(tmp_path / "other.db")))
    index.path = tmp_path / "data" / "documents.db"  # one that does not know the vectors
    fields = {"filename": "d1.md", "source_path": "notes/d1.md", "namespace": "notes"}
    index.create_document(doc_id="another", chunk_ids=[], **fields)

    started = pipeline()
    assert [document["doc_id"] for document in documents(started)] == ["another"]
    assert texts(started) == set()


def test_an_ingest_that_is_under_way_is_left_alone(tmp_path):
    """In this process and in another."""
    pipeline = ingesting.make_pipeline(tmp_path)
    provider = pipeline.documents_provider
    provider._announce(["c1"], [{"doc_id": "d1"}], "notes")

    def start():
        other = SQLiteDocumentIndex(provider.settings)
        with other._open().read() as db:
            return db.execute("SELECT doc_id FROM ingests").fetchall()

    assert run_in_child(start) == [("d1",)]
    assert start() == [("d1",)]
    restart()


def test_an_index_that_cannot_be_written_refuses_the_ingest(tmp_path, monkeypatch):
    """Stache would log that a document is not listed, and acknowledge it all the same."""
    pipeline = ingesting.make_pipeline(tmp_path)
    ingest(pipeline)
    index = pipeline.document_index_provider
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    index._open()._local.handle.close()  # it has the patience of before
    other = sqlite3.connect(index.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DocumentIndexError, match="is locked"):
        asyncio.run(pipeline.ingest_text("Another text", {}, namespace="notes"))
    other.close()

    assert texts(pipeline) == lines(0)
    restart()


def test_searches_go_on_when_the_index_is_damaged(tmp_path, caplog):
    """The log says what is wrong."""
    run_in_child(lambda: ingest(ingesting.make_pipeline(tmp_path)))
    for name in (tmp_path / "data").glob("documents.db*"):
        name.write_text("Dear diary\n" * 1000)

    pipeline = ingesting.make_pipeline(tmp_path)
    assert texts(pipeline) == lines(0)
    assert "is not a SQLite database" in caplog.text
    restart()


def test_only_documents_that_stache_ingests_are_announced(tmp_path):
    """Not insights, nor what somebody stores without Stache."""
    pipeline = ingesting.make_pipeline(tmp_path)
    vector = [1.0] + [0.0] * 1023
    context = RequestContext("r1", datetime.now(timezone.utc), "n")
    provider = pipeline.documents_provider

    provider.insert([vector], ["insight"], [{"_type": "insight"}], context=context)
    provider.insert([vector], ["changed"], [{"doc_id": "d1"}], ["c1"], context=context)
    provider.insert([vector], ["alone"], [{"doc_id": "d1"}])

    assert not (tmp_path / "data" / "documents.db").exists()
    restart()


def test_a_failure_to_settle_does_not_keep_the_index_from_opening(tmp_path, caplog):
    """The vectors may be out of reach; it is tried again at the next start."""
    ingest_until(tmp_path, "document_index_provider", "create_document")
    path = str(tmp_path / "data" / "documents.db")
    away = {"s3vectors_endpoint_url": "http://127.0.0.1:9", "s3vectors_max_attempts": 1}

    settings = Settings(
        **{**ingesting.SETTINGS, **away, "s3vectors_document_index_path": path}, _env_file=None
    )
    index = SQLiteDocumentIndex(settings)
    assert index.list_documents()["documents"] == []
    assert "interrupted ingests are not settled yet" in caplog.text
    restart()
    assert len(documents(ingesting.make_pipeline(tmp_path))) == 1
    restart()
