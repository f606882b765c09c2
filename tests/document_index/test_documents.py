"""Documents can be created, read, listed, changed, counted and deleted."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import InvalidInputError


def create(index, doc_id="d1", namespace="notes", **fields):
    defaults = {"filename": f"{doc_id}.md", "chunk_ids": [f"{doc_id}-1", f"{doc_id}-2"]}
    return index.create_document(doc_id=doc_id, namespace=namespace, **{**defaults, **fields})


def list_ids(index, namespace=None, limit=2):
    """Return the ids on each page."""
    pages, token = [], None
    while True:
        page = index.list_documents(namespace, limit, token)
        pages.append([document["doc_id"] for document in page["documents"]])
        token = page.get("next_key")
        if not token:
            return pages


def test_a_document_is_returned_as_it_was_created(index):
    """It has exactly the fields that were set."""
    full = {
        "summary": "short",
        "summary_embedding_id": "s1",
        "headings": ["One", "Two"],
        "metadata": {"author": "me", "nested": {"list": [1, "two", None, True]}},
        "file_type": "md",
        "file_size": 0,
        "source_path": "notes/d1.md",
        "content_hash": "abc",
        "chunk_count": 7,
    }
    create(index, "d1", **full)
    create(index, "d2")

    document = index.get_document("d1", "notes")
    assert {name: document[name] for name in full} == full
    assert document["filename"] == "d1.md"
    assert document["status"] == "active"
    assert document["chunk_ids"] == ["d1-1", "d1-2"]
    plain = index.get_document("d2", "notes")
    assert plain["chunk_count"] == 2
    assert full.keys() & plain.keys() == {"chunk_count"}


def test_a_document_of_another_namespace_is_not_returned(index):
    """Its chunks are not returned either."""
    create(index)

    assert index.get_document("d1", "other") is None
    assert index.get_chunk_ids("d1", "other") == []
    assert index.get_chunk_ids("d1", "notes") == ["d1-1", "d1-2"]


def test_without_a_namespace_a_document_is_looked_up_in_all_namespaces(sqlite):
    """It is an error if several namespaces have the id."""
    create(sqlite, namespace="one")
    assert sqlite.get_document("d1")["namespace"] == "one"
    create(sqlite, namespace="two")

    with pytest.raises(InvalidInputError, match="several namespaces have a document"):
        sqlite.get_document("d1")


def test_a_document_can_be_stored_without_a_namespace(sqlite):
    """Stache passes none if the request has none and DEFAULT_NAMESPACE is not set."""
    create(sqlite, namespace=None)

    assert sqlite.get_document("d1")["namespace"] is None
    assert sqlite.count_by_namespace(None) == {"doc_count": 1, "chunk_count": 2}
    assert list_ids(sqlite, "notes") == [[]]
    assert list_ids(sqlite) == [["d1"]]


def test_a_namespace_s_documents_are_listed_newest_first(index):
    """Those of other namespaces are not listed."""
    for number in range(5):
        create(index, f"d{number}")
        create(index, f"other{number}", "other")

    together = [doc_id for page in list_ids(index, "notes") for doc_id in page]
    assert together == ["d4", "d3", "d2", "d1", "d0"]


def test_all_pages_but_the_last_are_full(sqlite):
    """This holds for one namespace and for all; trashed documents are left out."""
    for number in range(6):
        create(sqlite, f"d{number}", f"n{number % 2}")
    sqlite.soft_delete_document("d3", "n1")

    assert list_ids(sqlite) == [["d5", "d4"], ["d2", "d1"], ["d0"]]
    assert list_ids(sqlite, "n0") == [["d4", "d2"], ["d0"]]


def test_a_write_between_pages_moves_no_document(sqlite):
    """Each document is listed once, whatever is created or deleted."""
    for number in range(6):
        create(sqlite, f"d{number}")
    first = sqlite.list_documents("notes", 2)
    create(sqlite, "new")
    sqlite.delete_document("d4", "notes")

    second = sqlite.list_documents("notes", 2, first["next_key"])
    assert [document["doc_id"] for document in second["documents"]] == ["d3", "d2"]


@pytest.mark.parametrize(
    "token",
    [
        *("text", [1, 2], {"created_at": "x"}, {"PK": "DOC#n#d", "SK": "METADATA"}),
        {"created_at": 1, "namespace": "n", "doc_id": "d"},
    ],
)
def test_a_token_of_another_list_is_refused(sqlite, token):
    """Otherwise the list would start anywhere."""
    with pytest.raises(InvalidInputError, match="use the next_key of the page before"):
        sqlite.list_documents("notes", 2, token)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "ten"])
def test_a_limit_must_be_a_positive_number(sqlite, limit):
    """It is 1 or more."""
    with pytest.raises(InvalidInputError, match=r"limit is .*; it must be a whole number"):
        sqlite.list_documents(limit=limit)


@pytest.mark.parametrize(
    "field", [{"filename": "half \ud800"}, {"doc_id": 7}, {"namespace": b"bytes"}]
)
def test_a_name_that_is_not_text_is_refused(sqlite, field):
    """Nothing is stored."""
    with pytest.raises(InvalidInputError, match="it must be"):
        create(sqlite, **field)

    assert list_ids(sqlite) == [[]]


def test_metadata_that_is_not_json_is_refused(sqlite):
    """Nothing is stored."""
    with pytest.raises(InvalidInputError, match="null, true, false"):
        create(sqlite, metadata={"when": object()})

    assert list_ids(sqlite) == [[]]


def test_creating_a_document_again_replaces_it(index):
    """No field of the old one is left."""
    create(index, metadata={"old": 1})
    create(index, filename="new.md")

    assert index.get_document("d1", "notes")["filename"] == "new.md"
    assert "metadata" not in index.get_document("d1", "notes")
    assert index.count_by_namespace("notes") == {"doc_count": 1, "chunk_count": 2}


def test_only_active_documents_are_counted(index):
    """Their chunks are counted as well."""
    create(index, "d1", chunk_count=10)
    create(index, "d2")
    create(index, "d3", "notes/below")
    index.soft_delete_document("d2", "notes")

    assert index.count_by_namespace("notes") == {"doc_count": 1, "chunk_count": 10}
    assert index.count_by_namespace("none") == {"doc_count": 0, "chunk_count": 0}


def test_an_update_replaces_whole_fields(index):
    """Other fields stay; the document can be looked up by its new name."""
    create(index, metadata={"a": 1}, headings=["x"])

    updates = {"filename": "new.md", "metadata": {"b": 2}}
    assert index.update_document_metadata("d1", "notes", updates) is True
    document = index.get_document("d1", "notes")
    assert (document["filename"], document["metadata"]) == ("new.md", {"b": 2})
    assert document["headings"] == ["x"]
    assert index.get_document_by_source_path("notes", filename="new.md")["doc_id"] == "d1"
    assert index.get_document_by_source_path("notes", filename="d1.md") is None


def test_a_document_can_be_moved_to_another_namespace(index):
    """A second move changes nothing."""
    create(index, headings=["x"])

    for _ in range(2):
        moved = index.update_document_metadata("d1", "notes", {"namespace": "new"})
        assert moved is True
    assert index.get_document("d1", "notes") is None
    assert index.get_document("d1", "new")["headings"] == ["x"]
    assert index.count_by_namespace("new")["doc_count"] == 1


@pytest.mark.parametrize("updates", [{"doc_id": "x"}, {"status": "active"}, {}])
def test_other_fields_cannot_be_updated(index, updates):
    """An update needs at least one field."""
    create(index)

    with pytest.raises(ValueError, match="update"):
        index.update_document_metadata("d1", "notes", updates)


def test_other_fields_are_updated_in_the_same_namespace(sqlite):
    """An unchanged namespace in the update does not hide them."""
    create(sqlite)

    sqlite.update_document_metadata("d1", "notes", {"namespace": "notes", "filename": "new.md"})

    assert sqlite.get_document("d1", "notes")["filename"] == "new.md"


def test_an_update_creates_no_document(sqlite):
    """Each method returns False."""
    assert sqlite.update_document_metadata("no", "notes", {"filename": "x"}) is False
    assert sqlite.update_document_metadata("no", "notes", {"namespace": "x"}) is False
    assert sqlite.update_document_summary("no", "text", "s1", "notes") is False
    assert sqlite.delete_document("no", "notes") is False
    assert list_ids(sqlite) == [[]]


def test_a_summary_can_be_set(index):
    """It is set after the document is created."""
    create(index)

    assert index.update_document_summary("d1", "text", "s1", "notes") is True
    document = index.get_document("d1", "notes")
    assert (document["summary"], document["summary_embedding_id"]) == ("text", "s1")


def test_a_name_exists_as_long_as_its_document(index):
    """It exists in its namespace, even while the document is in the trash."""
    create(index)
    assert index.document_exists("d1.md", "notes")
    assert not index.document_exists("d1.md", "other")
    index.soft_delete_document("d1", "notes")
    assert index.document_exists("d1.md", "notes")

    assert index.delete_document("d1", "notes") is True
    assert not index.document_exists("d1.md", "notes")
    assert index.get_document("d1", "notes") is None


def test_a_document_is_looked_up_by_its_path_or_its_name(index):
    """A document with a path is not looked up by its name alone."""
    create(index, "d1", filename="a.md", source_path="one/a.md", content_hash="h1")
    create(index, "d2", filename="b.md")

    by_path = index.get_document_by_source_path("notes", "one/a.md", "a.md")
    assert by_path["doc_id"] == "d1"
    assert by_path["content_hash"] == "h1"
    assert by_path.keys() == {
        *("doc_id", "namespace", "filename", "source_path", "content_hash", "chunk_ids"),
        "created_at",
    }
    assert index.get_document_by_source_path("notes", filename="a.md") is None
    assert index.get_document_by_source_path("notes", filename="b.md")["doc_id"] == "d2"
    assert index.get_document_by_source_path("notes") is None


def test_a_trashed_document_does_not_hide_an_active_one(sqlite):
    """Both have the same name."""
    create(sqlite, "old", filename="a.md")
    sqlite.soft_delete_document("old", "notes")
    create(sqlite, "new", filename="a.md")

    assert sqlite.get_document_by_source_path("notes", filename="a.md")["doc_id"] == "new"
