"""The trash, and the cleanup jobs of documents that are purged."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest

from stache_ai_s3vectors import InvalidInputError, Settings
from stache_ai_s3vectors.plugins.document_index import SQLiteDocumentIndex


def create(index, doc_id="d1", namespace="notes", filename="a.md"):
    index.create_document(
        doc_id=doc_id, filename=filename, namespace=namespace, chunk_ids=[f"{doc_id}-1"]
    )


def trash_document(index, doc_id="d1", namespace="notes", **fields):
    """Move a document to the trash; return the time in milliseconds."""
    return index.soft_delete_document(doc_id, namespace, **fields)["deleted_at_ms"]


def purge_document(index, doc_id="d1", namespace="notes"):
    """Create a document's cleanup job."""
    create(index, doc_id, namespace)
    moment = trash_document(index, doc_id, namespace)
    return index.permanently_delete_document(doc_id, namespace, moment, "me", "a.md"), moment


def test_a_trashed_document_is_listed_in_the_trash_only(index):
    """The entry has who deleted it, why, and when it will be purged."""
    create(index)
    create(index, "d2")

    answer = index.soft_delete_document("d1", "notes", "me", "old")
    assert answer.keys() == {
        *("doc_id", "namespace", "chunk_ids", "filename", "deleted_at", "deleted_at_ms"),
        "purge_after",
    }
    assert answer["chunk_ids"] == ["d1-1"]
    [entry] = index.list_trash()["documents"]
    assert {name: entry[name] for name in ("doc_id", "namespace", "filename")} == {
        "doc_id": "d1",
        "namespace": "notes",
        "filename": "a.md",
    }
    assert (entry["deleted_by"], entry["delete_reason"]) == ("me", "old")
    assert (entry["chunk_count"], entry["days_until_purge"]) == (1, 29)
    assert entry["deleted_at_ms"] == answer["deleted_at_ms"]
    times = [datetime.fromisoformat(answer[name]) for name in ("deleted_at", "purge_after")]
    assert times[1] - times[0] == timedelta(days=30)
    assert [d["doc_id"] for d in index.list_documents("notes")["documents"]] == ["d2"]
    assert index.get_document("d1", "notes")["status"] == "deleting"


def test_a_restored_document_is_as_before(index):
    """It is listed, and not in the trash."""
    create(index)
    before = index.get_document("d1", "notes")
    moment = trash_document(index, deleted_by="me")

    answer = index.restore_document("d1", "notes", moment, "somebody")
    assert answer == {
        "doc_id": "d1",
        "namespace": "notes",
        "status": "active",
        "restored_at": answer["restored_at"],
        "chunk_ids": ["d1-1"],
        "chunk_count": 1,
    }
    after = index.get_document("d1", "notes")
    assert after.pop("restored_by") == "somebody"
    assert after.pop("restored_at") == answer["restored_at"]
    assert after == before
    assert index.list_trash()["documents"] == []


@pytest.mark.parametrize(
    "act, message",
    [
        (lambda i, _: i.soft_delete_document("no", "notes"), "Document not found: no"),
        (lambda i, _: i.soft_delete_document("d1", "notes"), "Document already in trash: d1"),
        (lambda i, m: i.restore_document("no", "notes", m), "Document not found: no"),
        (lambda i, m: i.restore_document("d2", "notes", m), "Document not in trash: d2"),
        (lambda i, m: i.permanently_delete_document("no", "notes", m), "not found: no"),
        (lambda i, m: i.permanently_delete_document("d2", "notes", m), "soft delete first"),
        (lambda i, _: i.soft_delete_document("d3", "notes"), "being permanently deleted: d3"),
        (lambda i, _: i.soft_delete_document("d4", "notes"), "permanently deleted: d4"),
        (lambda i, m: i.restore_document("d4", "notes", m), "not in trash: d4"),
    ],
)
def test_an_impossible_change_is_refused(index, act, message):
    """The errors have the words of Stache's own index, which its API returns."""
    create(index, "d2")
    purge_document(index, "d3")
    _, purged_at = purge_document(index, "d4")
    index.complete_permanent_delete("d4", "notes", purged_at, "a.md")
    create(index)
    moment = trash_document(index)

    with pytest.raises(ValueError, match=message):
        act(index, moment)


def test_the_trash_is_listed_in_pages_latest_first(index):
    """It is that of one namespace, or of all."""
    for number in range(5):
        create(index, f"d{number}", f"n{number % 2}", f"{number}.md")
        trash_document(index, f"d{number}", f"n{number % 2}")

    ids, token = [], None
    for _ in range(6):
        page = index.list_trash(limit=2, next_key=token)
        ids += [entry["doc_id"] for entry in page["documents"]]
        token = page.get("next_key")
        if not token:
            break
    assert ids == ["d4", "d3", "d2", "d1", "d0"]
    assert [e["doc_id"] for e in index.list_trash("n1")["documents"]] == ["d3", "d1"]


@pytest.mark.parametrize("token", ["no token", "WzFd", "WyJhIl0=", 7])
def test_a_token_of_another_list_is_refused(sqlite, token):
    """Otherwise the list would start anywhere."""
    with pytest.raises(InvalidInputError, match="use the next_key of the page before"):
        sqlite.list_trash(next_key=token)


def test_a_purge_removes_the_trash_entry_and_creates_a_job(index):
    """Stache's worker finds all that it needs in the job."""
    answer, moment = purge_document(index)

    assert answer["chunk_ids"] == ["d1-1"]
    assert answer["chunk_count"] == 1
    assert index.list_trash()["documents"] == []
    [job] = index.list_cleanup_jobs()
    assert job == {
        "cleanup_job_id": answer["cleanup_job_id"],
        "doc_id": "d1",
        "namespace": "notes",
        "filename": "a.md",
        "deleted_at_ms": moment,
        "chunk_ids": ["d1-1"],
        "created_at": job["created_at"],
        "retry_count": 0,
        "max_retries": 10,
    }
    repeated = index.permanently_delete_document("d1", "notes", moment)
    assert repeated == {**answer, "status": "already_purging"}
    assert len(index.list_cleanup_jobs()) == 1


def test_a_completed_purge_leaves_a_tombstone(index):
    """A second completion changes nothing."""
    answer, moment = purge_document(index)

    index.complete_permanent_delete("d1", "notes", moment, "a.md")
    index.delete_cleanup_job(answer["cleanup_job_id"])
    index.complete_permanent_delete("d1", "notes", moment, "a.md")
    assert index.list_cleanup_jobs() == []
    assert index.get_document("d1", "notes")["status"] == "purged"
    assert index.get_chunk_ids("d1", "notes") == []
    assert index.list_documents("notes")["documents"] == []


def test_a_document_can_be_restored_during_its_purge(sqlite):
    """Its job is deleted, so that no worker deletes its vectors later."""
    _, moment = purge_document(sqlite)

    answer = sqlite.restore_document("d1", "notes", moment)
    assert "verify data integrity" in answer["warning"]
    assert sqlite.list_cleanup_jobs() == []
    sqlite.complete_permanent_delete("d1", "notes", moment, "a.md")
    assert sqlite.get_document("d1", "notes")["status"] == "active"
    assert not {"purge_started_at", "cleanup_job_id"} & sqlite.get_document("d1", "notes").keys()


def test_a_job_is_retried_ten_times_until_another_purge(sqlite, caplog):
    """It then no longer delays other jobs."""
    answer, moment = purge_document(sqlite)
    purge_document(sqlite, "d2")
    job_id = answer["cleanup_job_id"]
    for count in range(10):
        assert sqlite.list_cleanup_jobs()[0]["retry_count"] == count
        sqlite.mark_cleanup_job_failed(job_id, "no vectors today")

    with caplog.at_level(logging.ERROR):
        sqlite.mark_cleanup_job_failed(job_id, "no vectors today")
    assert "document d1 could not be deleted after 10 retries: no vectors today" in caplog.text
    assert [job["doc_id"] for job in sqlite.list_cleanup_jobs()] == ["d2"]

    repeated = sqlite.permanently_delete_document("d1", "notes", moment)
    assert repeated["cleanup_job_id"] == job_id
    assert [job["doc_id"] for job in sqlite.list_cleanup_jobs()] == ["d1", "d2"]


def test_a_failure_of_a_deleted_job_is_logged(sqlite, caplog):
    """Stache's own index does the same."""
    sqlite.mark_cleanup_job_failed("no-such-job", "error")

    assert "there is no cleanup job no-such-job" in caplog.text


def test_a_purge_whose_job_was_lost_gets_another_job(sqlite):
    """A worker may be killed between the two steps that end a purge."""
    answer, moment = purge_document(sqlite)
    sqlite.delete_cleanup_job(answer["cleanup_job_id"])

    repeated = sqlite.permanently_delete_document("d1", "notes", moment)
    assert repeated["cleanup_job_id"] != answer["cleanup_job_id"]
    assert len(sqlite.list_cleanup_jobs()) == 1


def test_a_limit_restricts_the_listed_jobs(index):
    """The worker sets it."""
    for number in range(4):
        purge_document(index, f"d{number}")

    assert len(index.list_cleanup_jobs(3)) == 3


def test_expired_documents_are_listed(settings):
    """Stache's settings say how many days after the deletion a document expires."""
    now = Settings(**{**settings.model_dump(exclude_unset=True), "trash_retention_days": 0})
    short, long = SQLiteDocumentIndex(now), SQLiteDocumentIndex(settings)
    for number, index in enumerate([short, long, short]):
        create(long, f"d{number}")
        trash_document(index, f"d{number}")

    expired = long.list_expired_trash()
    assert [entry["doc_id"] for entry in expired] == ["d0", "d2"]
    assert expired[0].keys() == {"doc_id", "namespace", "deleted_at_ms", "purge_after"}
    assert len(long.list_expired_trash(1)) == 1


def test_a_deleted_document_leaves_no_trash_entry(sqlite):
    """It could not be restored."""
    create(sqlite)
    trash_document(sqlite)

    sqlite.delete_document("d1", "notes")
    assert sqlite.list_trash()["documents"] == []


def test_a_document_in_the_trash_can_be_changed_and_restored(sqlite):
    """Its entry changes with it."""
    create(sqlite)
    moment = trash_document(sqlite)

    sqlite.update_document_metadata("d1", "notes", {"namespace": "new", "filename": "b.md"})
    assert sqlite.list_trash("notes")["documents"] == []
    assert len(sqlite.list_trash("new")["documents"]) == 1
    sqlite.restore_document("d1", "new", moment)
    assert sqlite.list_trash()["documents"] == []
    assert sqlite.get_document("d1", "new")["filename"] == "b.md"
