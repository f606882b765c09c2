"""Reservations: nothing is ingested twice, and everything can be ingested again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

UPLOADED = "/tmp/a.md"  # noqa: S108 - the name of an upload

SOURCES = [
    {"content_hash": "h1", "filename": "a.md", "namespace": "n"},
    {"content_hash": "h1", "filename": "a.md", "namespace": "n", "source_path": "one/a.md"},
    {"content_hash": "h1", "filename": "a.md", "namespace": "n", "source_path": UPLOADED},
]
KINDS = ["fingerprint", "source_path", "fingerprint"]


@pytest.mark.parametrize("source, kind", [*zip(SOURCES, KINDS, strict=True)], ids=range(3))
def test_a_reservation_is_returned_only_when_it_is_completed(index, source, kind):
    """Before that, and after it is released, no document has the identifier."""
    assert index.reserve_identifier(**source, doc_id="d1", file_size=3) is True
    assert index.reserve_identifier(**source, doc_id="d2") is False
    assert index.get_document_by_identifier(**source) is None

    index.complete_identifier_reservation(**source, doc_id="d1", chunk_count=2)
    complete = index.get_document_by_identifier(**source)
    assert (complete["doc_id"], complete["identifier_type"]) == ("d1", kind)
    assert complete["source_path"] == source.get("source_path")
    assert complete["file_size"] == 3
    assert complete["version"] == 1
    assert complete["ingested_at"]
    assert index.reserve_identifier(**source, doc_id="d2") is False

    index.release_identifier(**source)
    assert index.get_document_by_identifier(**source) is None
    assert index.reserve_identifier(**source, doc_id="d2") is True


@pytest.mark.parametrize(
    "other",
    [
        {"content_hash": "h2"},
        {"filename": "b.md"},
        {"namespace": "m"},
        {"source_path": "one/a.md"},
        {"namespace": 'n", "h1'},
    ],
)
def test_other_documents_have_other_identifiers(index, other):
    """They differ in content, name, namespace or path."""
    index.reserve_identifier(**SOURCES[0], doc_id="d1")

    assert index.reserve_identifier(**{**SOURCES[0], **other}, doc_id="d2") is True


def test_one_of_many_threads_gets_the_reservation(sqlite):
    """Each thread has a connection of its own."""
    with ThreadPoolExecutor(8) as pool:
        got = list(
            pool.map(lambda n: sqlite.reserve_identifier(**SOURCES[0], doc_id=f"d{n}"), range(40))
        )

    assert got.count(True) == 1


def test_the_document_that_completes_a_reservation_owns_it(sqlite):
    """A killed process reserved it for another document, or nobody did."""
    sqlite.reserve_identifier(**SOURCES[0], doc_id="killed")
    for source in SOURCES:
        sqlite.complete_identifier_reservation(**source, doc_id="d1", chunk_count=2)
        assert sqlite.get_document_by_identifier(**source)["doc_id"] == "d1"


def test_a_deleted_document_can_be_ingested_again(sqlite):
    """While it is in the trash, its identifier is taken."""
    for source in SOURCES[:2]:
        names = {"filename": "a.md", "namespace": "n", "source_path": source.get("source_path")}
        sqlite.reserve_identifier(**source, doc_id="d1")
        sqlite.complete_identifier_reservation(**source, doc_id="d1", chunk_count=1)
        sqlite.create_document(doc_id="d1", chunk_ids=["c"], **names)
        trashed = sqlite.soft_delete_document("d1", "n")["deleted_at_ms"]
        assert sqlite.get_document_by_identifier(**source)["doc_id"] == "d1"
        sqlite.permanently_delete_document("d1", "n", trashed)
        sqlite.complete_permanent_delete("d1", "n", trashed, "a.md")
        assert sqlite.reserve_identifier(**source, doc_id="d2") is True

        sqlite.create_document(doc_id="d2", chunk_ids=["c"], **names)
        sqlite.delete_document("d2", "n")
        assert sqlite.reserve_identifier(**source, doc_id="d3") is True


def test_a_reservation_stores_all_its_fields(index):
    """They are the file's size and time, and metadata."""
    more = {"file_size": 3, "file_modified_at": "2026-01-01", "metadata": {"version": 4}}
    index.reserve_identifier(**SOURCES[0], doc_id="d1", **more)
    index.complete_identifier_reservation(**SOURCES[0], doc_id="d1", chunk_count=1)

    complete = index.get_document_by_identifier(**SOURCES[0])
    assert (complete["file_size"], complete["file_modified_at"]) == (3, "2026-01-01")
    assert complete["version"] == 4
