"""`examples/move_documents.py` moves a laptop's documents to DynamoDB unchanged."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws
from stache_ai.providers.factories import S3VectorsProviderFactory
from stache_ai.rag.pipeline import RAGPipeline
from stache_ai_dynamodb import DynamoDBDocumentIndex

import move_documents
from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.aws.connections import close_engines
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex
from stache_ai_s3vectors.tool.main import main as stache_s3vectors
from support.deployment.lambda_function import DOCUMENTS, create_tables
from support.stache import ingesting

SOURCE = {"content_hash": "h1", "filename": "a.md", "namespace": "n", "source_path": "x/a.md"}


def fill(index):
    """Create documents of every status, a reservation and a cleanup job."""
    for number in range(6):
        index.create_document(
            doc_id=f"d{number}",
            filename=f"{number}#.md",
            namespace="n/#%",
            chunk_ids=[f"c{number}"],
            metadata={"stars": 4.5, "nested": {"list": [1, None]}},
            source_path="x/a.md" if number == 5 else None,
        )
    moments = {
        doc_id: index.soft_delete_document(doc_id, "n/#%", "me")["deleted_at_ms"]
        for doc_id in ("d1", "d2", "d3")
    }
    jobs = [
        index.permanently_delete_document(doc_id, "n/#%", moments[doc_id])["cleanup_job_id"]
        for doc_id in ("d2", "d3")
    ]
    index.delete_cleanup_job(jobs[1])
    index.complete_permanent_delete("d3", "n/#%", moments["d3"], "3#.md")
    index.reserve_identifier(**SOURCE, doc_id="d5")
    index.complete_identifier_reservation(**SOURCE, doc_id="d5", chunk_count=1)
    return moments


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["move_documents.py", *map(str, arguments)])
    move_documents.main()


@pytest.fixture
def moved_indexes(tmp_path, monkeypatch, capsys):
    """Return both indexes after the move, which ran twice."""
    path = tmp_path / "documents.db"
    source = SQLiteDocumentIndex(Settings(s3vectors_document_index_path=str(path)))
    moments = fill(source)
    with mock_aws():
        create_tables(boto3.client("dynamodb", "us-east-1"))
        for _ in range(2):
            run(monkeypatch, path, "--table", DOCUMENTS, "--region", "us-east-1")
        settings = SimpleNamespace(dynamodb_documents_table=DOCUMENTS, aws_region="us-east-1")
        assert capsys.readouterr().out.count(f"items written to {DOCUMENTS}") == 2
        yield source, DynamoDBDocumentIndex(settings), moments


def test_every_document_is_moved_unchanged(moved_indexes):
    """Active ones are listed in the same order; the others are moved as well."""
    source, target, _ = moved_indexes
    pages = [index.list_documents("n/#%")["documents"] for index in (source, target)]

    assert [[d["doc_id"] for d in page] for page in pages] == [["d5", "d4", "d0"]] * 2
    for number in range(6):
        theirs = target.get_document(f"d{number}", "n/#%")
        ours = source.get_document(f"d{number}", "n/#%")
        assert {name: theirs[name] for name in ours} == ours
    assert target.count_by_namespace("n/#%") == source.count_by_namespace("n/#%")


def test_the_trash_and_the_jobs_work_in_dynamodb(moved_indexes):
    """A document is listed, restored and deleted again; the worker finds its job."""
    _, target, moments = moved_indexes
    [entry] = target.list_trash()["documents"]
    [job] = target.list_cleanup_jobs()

    assert (entry["doc_id"], entry["deleted_at_ms"]) == ("d1", moments["d1"])
    assert (job["doc_id"], job["chunk_ids"]) == ("d2", ["c2"])
    target.complete_permanent_delete("d2", "n/#%", moments["d2"], "2#.md")
    assert target.get_document("d2", "n/#%")["status"] == "purged"
    target.restore_document("d1", "n/#%", moments["d1"])
    assert target.list_trash()["documents"] == []
    target.soft_delete_document("d1", "n/#%")
    assert len(target.list_trash()["documents"]) == 1


def test_moved_documents_can_be_looked_up_in_dynamodb(moved_indexes):
    """They have their identifiers, paths and names."""
    _, target, _ = moved_indexes

    assert target.get_document_by_identifier(**SOURCE)["doc_id"] == "d5"
    assert target.get_document_by_source_path("n/#%", "x/a.md")["doc_id"] == "d5"
    assert target.get_document_by_source_path("n/#%", filename="0#.md")["doc_id"] == "d0"


def test_a_missing_file_is_an_error_of_one_line(monkeypatch, tmp_path, capsys):
    """The file is not created."""
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, tmp_path / "no.db", "--table", "t", "--region", "us-east-1")

    assert "there is no file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_laptop_s_stache_continues_with_dynamodb(tmp_path, monkeypatch):
    """It searches, restores, and ingests nothing twice after vectors and documents are moved."""
    laptop = ingesting.make_pipeline(tmp_path)
    ingests = {}
    for name in ("d1", "d2"):
        ingests[name] = ingest(laptop, name)
    laptop.soft_delete_document(ingests["d2"]["doc_id"], ingesting.NAMESPACE)
    path = laptop.document_index_provider.path
    reset_caches()
    endpoint = f"local:{tmp_path / 'aws'}"
    copy = f"copy documents documents --bucket my-bucket --from-endpoint local:{path.parent}"
    done = CliRunner().invoke(stache_s3vectors, [*copy.split(), "--to-endpoint", endpoint])
    assert done.exit_code == 0, done.output

    with mock_aws():
        create_tables(boto3.client("dynamodb", "us-east-1"))
        run(monkeypatch, path, "--table", DOCUMENTS, "--region", "us-east-1")
        moved = RAGPipeline(
            Settings(
                **{
                    **ingesting.SETTINGS,
                    "document_index_provider": "dynamodb",
                    "dynamodb_documents_table": DOCUMENTS,
                    "s3vectors_endpoint_url": endpoint,
                    "namespace_db_path": str(tmp_path / "namespaces.db"),
                }
            )
        )
        assert search_names(moved, "d1") == {"d1.md"}
        assert ingest(moved, "d1")["action"] == "skipped"
        [entry] = moved.list_trash()["documents"]
        moved.restore_document(entry["doc_id"], entry["namespace"], entry["deleted_at_ms"])
        assert "d2.md" in search_names(moved, "d2")
        listed = moved.list_documents(namespace=ingesting.NAMESPACE)["documents"]
        assert {document["filename"] for document in listed} == {"d1.md", "d2.md"}
    reset_caches()


def ingest(pipeline, name):
    """Ingest a document as a file of a folder."""
    metadata = {"filename": f"{name}.md", "source_path": f"notes/{name}.md"}
    text = ingesting.make_text(name, 0)
    return asyncio.run(pipeline.ingest_text(text, metadata, namespace=ingesting.NAMESPACE))


def search_names(pipeline, name):
    """Return the documents that answer a question about one."""
    question = ingesting.make_text(name, 0)[:40]
    answer = pipeline.query(question, synthesize=False, namespace=ingesting.NAMESPACE)
    return {source["metadata"]["filename"] for source in asyncio.run(answer)["sources"]}


def reset_caches():
    """Reset the caches of the process."""
    close_engines()
    S3VectorsProviderFactory.reset()
