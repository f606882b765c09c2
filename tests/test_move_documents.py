"""`examples/move_documents.py`: a laptop's documents in DynamoDB, as they were."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws
from stache_ai_dynamodb import DynamoDBDocumentIndex

import move_documents
from lambda_function import DOCUMENTS, create_tables
from stache_ai_s3vectors import Settings
from stache_ai_s3vectors.document_index import SQLiteDocumentIndex

SOURCE = {"content_hash": "h1", "filename": "a.md", "namespace": "n", "source_path": "x/a.md"}


def fill(index):
    """Documents of every status, a reservation, a cleanup job."""
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


def main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["move_documents.py", *map(str, arguments)])
    move_documents.main()


@pytest.fixture
def moved(tmp_path, monkeypatch, capsys):
    """Both indexes, after the move, which was interrupted once."""
    path = tmp_path / "documents.db"
    source = SQLiteDocumentIndex(Settings(s3vectors_document_index_path=str(path)))
    moments = fill(source)
    with mock_aws():
        create_tables(boto3.client("dynamodb", "us-east-1"))
        for _ in range(2):
            main(monkeypatch, path, "--table", DOCUMENTS, "--region", "us-east-1")
        settings = SimpleNamespace(dynamodb_documents_table=DOCUMENTS, aws_region="us-east-1")
        assert capsys.readouterr().out.count(f"items written to {DOCUMENTS}") == 2
        yield source, DynamoDBDocumentIndex(settings), moments


def test_every_document_is_as_it_was(moved):
    """Listed in the same order; also those that are not active."""
    source, target, _ = moved
    pages = [index.list_documents("n/#%")["documents"] for index in (source, target)]

    assert [[d["doc_id"] for d in page] for page in pages] == [["d5", "d4", "d0"]] * 2
    for number in range(6):
        theirs = target.get_document(f"d{number}", "n/#%")
        ours = source.get_document(f"d{number}", "n/#%")
        assert {name: theirs[name] for name in ours} == ours
    assert target.count_by_namespace("n/#%") == source.count_by_namespace("n/#%")


def test_the_trash_and_the_jobs_go_on_there(moved):
    """It is listed, restored, deleted again; the worker finds its job."""
    _, target, moments = moved
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


def test_what_was_ingested_is_known_there(moved):
    """By its identifier, its path and its name."""
    _, target, _ = moved

    assert target.get_document_by_identifier(**SOURCE)["doc_id"] == "d5"
    assert target.get_document_by_source_path("n/#%", "x/a.md")["doc_id"] == "d5"
    assert target.get_document_by_source_path("n/#%", filename="0#.md")["doc_id"] == "d0"


def test_a_file_that_is_not_there_is_one_line(monkeypatch, tmp_path, capsys):
    """It is not made."""
    with pytest.raises(SystemExit, match="2"):
        main(monkeypatch, tmp_path / "no.db", "--table", "t", "--region", "us-east-1")

    assert "there is no file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
