"""Documents: what is created is read, listed, changed, counted and deleted."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import InvalidInputError


def create(index, doc_id="d1", namespace="notes", **fields):
    defaults = {"filename": f"{doc_id}.md", "chunk_ids": [f"{doc_id}-1", f"{doc_id}-2"]}
    return index.create_document(doc_id=doc_id, namespace=namespace, **{**defaults, **fields})


def listed(index, namespace=None, limit=2):
    """The ids on each page."""
    pages, token = [], None
    while True:
        page = index.list_documents(namespace, limit, token)
        pages.append([document["doc_id"] for document in page["documents"]])
        token = page.get("next_key")
        if not token:
            return pages


def test_a_document_comes_back_as_it_was(index):
    """With every field that was given, and none that was not."""
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


def test_a_document_of_another_namespace_is_not_there(index):
    """Nor its chunks."""
    create(index)

    assert index.get_document("d1", "other") is None
    assert index.get_chunk_ids("d1", "other") == []
    assert index.get_chunk_ids("d1", "notes") == ["d1-1", "d1-2"]


def test_without_a_namespace_a_document_is_looked_up_everywhere(sqlite):
    """Unless there are several of its id."""
    create(sqlite, namespace="one")
    assert sqlite.get_document("d1")["namespace"] == "one"
    create(sqlite, namespace="two")

    with pytest.raises(InvalidInputError, match="several namespaces have a document"):
        sqlite.get_document("d1")


def test_a_document_without_a_namespace_is_kept_without_one(sqlite):
    """Stache has no namespace when none is given and DEFAULT_NAMESPACE is not set."""
    create(sqlite, namespace=None)

    assert sqlite.get_document("d1")["namespace"] is None
    assert sqlite.count_by_namespace(None) == {"doc_count": 1, "chunk_count": 2}
    assert listed(sqlite, "notes") == [[]]
    assert listed(sqlite) == [["d1"]]


def test_a_namespace_s_documents_are_listed_newest_first(index):
    """And no other's."""
    for number in range(5):
        create(index, f"d{number}")
        create(index, f"other{number}", "other")

    together = [doc_id for page in listed(index, "notes") for doc_id in page]
    assert together == ["d4", "d3", "d2", "d1", "d0"]


def test_pages_are_full_and_end_where_nothing_is_left(sqlite):
    """Of one namespace and of all; trashed documents take no place."""
    for number in range(6):
        create(sqlite, f"d{number}", f"n{number % 2}")
    sqlite.soft_delete_document("d3", "n1")

    assert listed(sqlite) == [["d5", "d4"], ["d2", "d1"], ["d0"]]
    assert listed(sqlite, "n0") == [["d4", "d2"], ["d0"]]


def test_what_is_written_between_pages_moves_nothing(sqlite):
    """Each document is listed once, whatever comes and goes."""
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
def test_a_token_of_something_else_is_refused(sqlite, token):
    """Instead of listing from somewhere."""
    with pytest.raises(InvalidInputError, match="use the next_key of the page before"):
        sqlite.list_documents("notes", 2, token)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "ten"])
def test_a_limit_must_be_a_number_of_documents(sqlite, limit):
    """One at least."""
    with pytest.raises(InvalidInputError, match=r"limit is .*; it must be a whole number"):
        sqlite.list_documents(limit=limit)


@pytest.mark.parametrize(
    "field", [{"filename": "half \ud800"}, {"doc_id": 7}, {"namespace": b"bytes"}]
)
def test_what_is_no_text_is_refused(sqlite, field):
    """Nothing is stored."""
    with pytest.raises(InvalidInputError, match="it must be"):
        create(sqlite, **field)

    assert listed(sqlite) == [[]]


def test_metadata_that_is_no_json_is_refused(sqlite):
    """Nothing is stored."""
    with pytest.raises(InvalidInputError, match="null, true, false"):
        create(sqlite, metadata={"when": object()})

    assert listed(sqlite) == [[]]


def test_creating_again_replaces(index):
    """All of it."""
    create(index, metadata={"old": 1})
    create(index, filename="new.md")

    assert index.get_document("d1", "notes")["filename"] == "new.md"
    assert "metadata" not in index.get_document("d1", "notes")
    assert index.count_by_namespace("notes") == {"doc_count": 1, "chunk_count": 2}


def test_counts_are_of_active_documents(index):
    """And their chunks."""
    create(index, "d1", chunk_count=10)
    create(index, "d2")
    create(index, "d3", "notes/below")
    index.soft_delete_document("d2", "notes")

    assert index.count_by_namespace("notes") == {"doc_count": 1, "chunk_count": 10}
    assert index.count_by_namespace("none") == {"doc_count": 0, "chunk_count": 0}


def test_fields_are_replaced(index):
    """The named ones, whole; it is found by its new name."""
    create(index, metadata={"a": 1}, headings=["x"])

    updates = {"filename": "new.md", "metadata": {"b": 2}}
    assert index.update_document_metadata("d1", "notes", updates) is True
    document = index.get_document("d1", "notes")
    assert (document["filename"], document["metadata"]) == ("new.md", {"b": 2})
    assert document["headings"] == ["x"]
    assert index.get_document_by_source_path("notes", filename="new.md")["doc_id"] == "d1"
    assert index.get_document_by_source_path("notes", filename="d1.md") is None


def test_a_document_moves_to_another_namespace(index):
    """Once, also when it is asked twice."""
    create(index, headings=["x"])

    for _ in range(2):
        moved = index.update_document_metadata("d1", "notes", {"namespace": "new"})
        assert moved is True
    assert index.get_document("d1", "notes") is None
    assert index.get_document("d1", "new")["headings"] == ["x"]
    assert index.count_by_namespace("new")["doc_count"] == 1


@pytest.mark.parametrize("updates", [{"doc_id": "x"}, {"status": "active"}, {}])
def test_other_fields_cannot_be_updated(index, updates):
    """Nor none."""
    create(index)

    with pytest.raises(ValueError, match="update"):
        index.update_document_metadata("d1", "notes", updates)


def test_other_fields_are_updated_in_the_same_namespace(sqlite):
    """A namespace that stays the same is no reason to forget them."""
    create(sqlite)

    sqlite.update_document_metadata("d1", "notes", {"namespace": "notes", "filename": "new.md"})

    assert sqlite.get_document("d1", "notes")["filename"] == "new.md"


def test_what_does_not_exist_is_not_updated_into_existence(sqlite):
    """Each says that it found nothing."""
    assert sqlite.update_document_metadata("no", "notes", {"filename": "x"}) is False
    assert sqlite.update_document_metadata("no", "notes", {"namespace": "x"}) is False
    assert sqlite.update_document_summary("no", "text", "s1", "notes") is False
    assert sqlite.delete_document("no", "notes") is False
    assert listed(sqlite) == [[]]


def test_a_summary_is_set(index):
    """After the document was created."""
    create(index)

    assert index.update_document_summary("d1", "text", "s1", "notes") is True
    document = index.get_document("d1", "notes")
    assert (document["summary"], document["summary_embedding_id"]) == ("text", "s1")


def test_a_name_exists_as_long_as_its_document(index):
    """In its namespace; in the trash it exists still."""
    create(index)
    assert index.document_exists("d1.md", "notes")
    assert not index.document_exists("d1.md", "other")
    index.soft_delete_document("d1", "notes")
    assert index.document_exists("d1.md", "notes")

    assert index.delete_document("d1", "notes") is True
    assert not index.document_exists("d1.md", "notes")
    assert index.get_document("d1", "notes") is None


def test_a_document_is_found_by_its_path_or_else_its_name(index):
    """A name that belongs to a path is not another document's."""
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


def test_a_document_in_the_trash_hides_none_that_is_active(sqlite):
    """The one of the same path that came after it."""
    create(sqlite, "old", filename="a.md")
    sqlite.soft_delete_document("old", "notes")
    create(sqlite, "new", filename="a.md")

    assert sqlite.get_document_by_source_path("notes", filename="a.md")["doc_id"] == "new"
