"""Reads, updates and deletes by id."""

from __future__ import annotations

import re

import pytest

from stache_ai_s3vectors import InvalidInputError, NamespaceError, PartialWriteError, S3VectorsError
from support import providers

QUESTION = [1.0, 0.0, 0.5, 0.25]
IDS = ["a", "b", "c"]


def get_ids(rows):
    return [row["id"] for row in rows]


def test_get_by_ids_keeps_the_order_and_leaves_the_missing_out(provider):
    """Repeated ids are returned once."""
    assert get_ids(provider.get_by_ids(["c", "nope", "a", "a"])) == ["c", "a"]


def test_get_by_ids_returns_text_and_flat_metadata(provider):
    """The row has all keys that Stache's document routes read."""
    [row] = provider.get_by_ids(["a"])

    assert row == {
        "id": "a",
        "text": "text a",
        "content": "text a",
        "namespace": "ns",
        "status": "active",
        "doc_id": "doc-a",
        "page": 97,
        "tags": ["t", "a"],
    }


def test_get_by_ids_can_return_some_fields(provider):
    """The text is always returned."""
    [row] = provider.get_by_ids(["a"], fields=["page", "nothing"])

    assert row == {"id": "a", "text": "text a", "content": "text a", "page": 97}


def test_get_by_ids_takes_more_than_a_hundred():
    """The provider splits calls at the service's limit."""
    provider = providers.create_provider()
    many = [f"k{n}" for n in range(250)]
    provider.insert(providers.create_vectors(250), many, ids=many)

    assert get_ids(provider.get_by_ids(many[::-1])) == many[::-1]


def test_metadata_cannot_shadow_the_real_id(provider):
    """User metadata may have an `id`, a `key` and a `content` of its own."""
    metadata = {"id": "evil", "key": "evil", "content": "evil"}
    provider.insert([QUESTION], ["real"], [metadata], ids=["z"])

    assert provider.get_by_ids(["z"])[0].items() >= {"id": "z", "content": "real"}.items()
    [row] = provider.list_by_filter({"id": "evil"})
    assert (row["id"], row["key"]) == ("z", "z")


def test_reads_by_id_leave_out_other_namespaces(provider):
    """Both kinds of reads do."""
    assert get_ids(provider.get_by_ids(IDS, namespace="ns")) == ["a", "b"]
    assert get_ids(provider.get_vectors_with_embeddings(IDS, namespace="other")) == ["c"]


def test_embeddings_are_returned_as_stored_with_all_metadata(provider):
    """update_document writes them back."""
    [row] = provider.get_vectors_with_embeddings(["b"])

    assert row["vector"] == providers.create_vectors(2)[1]
    assert row["metadata"].items() >= {"text": "text b", "namespace": "ns", "page": 98}.items()


def test_update_document_s_round_trip_changes_nothing_else(provider):
    """A chunk that is read with its embedding and inserted again stays the same."""
    [before] = provider.get_vectors_with_embeddings(["a"])
    metadata = dict(before["metadata"])
    text = metadata.pop("text")

    provider.insert([before["vector"]], [text], [metadata], ids=["a"], namespace="ns")

    assert provider.get_vectors_with_embeddings(["a"]) == [before]


def test_update_status_hides_and_restores_a_chunk(provider):
    """Soft delete and restore leave vector and metadata as they are."""
    before = provider.get_vectors_with_embeddings(["a"])

    assert provider.update_status(["a", "nope"], "ns", "deleting") == 1
    assert get_ids(provider.search(QUESTION)) == ["b", "c"]

    assert provider.update_status(["a"], "ns", "active") == 1
    assert provider.get_vectors_with_embeddings(["a"]) == before


def test_ids_of_another_namespace_are_not_changed_and_raise_an_error(provider):
    """The ids in the namespace are updated; a delete without a namespace is not restricted."""
    with pytest.raises(PartialWriteError, match="1 of the ids are not in namespace 'ns'") as one:
        provider.update_status(IDS, "ns", "deleting")
    assert (sorted(one.value.done), one.value.missing) == (["a", "b"], ["c"])
    assert "were not updated: 'c' in 'other'" in str(one.value)
    assert get_ids(provider.search(QUESTION)) == ["c"]

    with pytest.raises(NamespaceError, match="2 of the ids .*'ns2' .* not deleted: 'a' in 'ns'"):
        provider.delete(["a", "b", "none"], namespace="ns2")
    assert len(provider.get_by_ids(IDS)) == 3
    assert provider.delete(IDS)  # no namespace restricts it
    assert provider.get_by_ids(IDS) == []


def test_a_delete_of_vectors_in_another_namespace_is_an_error(provider):
    """In the older package, metadata's namespace won and Stache's delete deleted nothing."""
    many = [f"v{n}" for n in range(250)]
    provider.insert(providers.create_vectors(1) * 250, ["t"] * 250, ids=many, namespace="team-b")

    with pytest.raises(NamespaceError) as refused:
        provider.delete(many, namespace="team-a")

    assert "in 'team-b'" in str(refused.value)
    assert "and 95 more" in str(refused.value)
    assert "stache-s3vectors purge" in str(refused.value)
    assert len(provider.get_by_ids(many)) == 250


@pytest.mark.parametrize("name", ["exact:z", "a/*"])
def test_updates_and_deletes_take_a_namespace_literally(provider, name):
    """Only searches and scans read `exact:` and `/*`; Stache does not restrict names."""
    provider.insert(providers.create_vectors(2), ["x", "y"], ids=["x", "y"], namespace=name)
    provider.insert(providers.create_vectors(2), ["p", "q"], ids=["p", "q"], namespace="a/b")
    both = ["x", "p"]

    assert get_ids(provider.get_by_ids(both, namespace=name)) == ["x"]
    assert provider.update_status(["x"], name, "deleting") == 1
    with pytest.raises(PartialWriteError, match=f"not in namespace '{re.escape(name)}'"):
        provider.delete(both, namespace=name)
    assert provider.delete_by_metadata("status", "active", namespace=name)["ids"] == ["y"]
    provider.delete(namespace="a/*", filter={"status": "active"})
    assert get_ids(provider.get_by_ids(["x", "y", "p", "q"])) == ["p", "q"]


def test_ids_that_are_left_out_for_their_namespace_are_logged(provider, caplog):
    """Reads by id and namespace leave them out."""
    assert get_ids(provider.get_by_ids(["a", "c"], namespace="ns")) == ["a"]

    assert "1 ids are not in namespace ns and are left out" in caplog.text


def test_vectors_of_the_older_package_can_be_searched_read_updated_and_deleted():
    """The index is as that package's template creates it: only `text` is non-filterable."""
    provider = providers.create_provider()
    names = providers.create_older_index(provider)
    metadata = {
        "text": "old text",
        "namespace": "default",
        "status": "active",
        "doc_id": "d",
        "tags": ["a", "b"],
        "nested": '{"it": "wrote these as JSON text"}',
    }
    vectors = [{"key": "old", "data": {"float32": QUESTION}, "metadata": metadata}]
    provider.client.put_vectors(**names, vectors=vectors)

    [result] = provider.search(QUESTION, namespace="default", filter={"tags": "a"})
    assert {**result["metadata"], "text": result["text"]} == metadata
    assert provider.list_by_filter({"doc_id": "d"})[0].items() >= metadata.items()

    [whole] = provider.get_vectors_with_embeddings(["old"])
    changed = {**whole["metadata"], "doc_id": "e"}
    provider.insert([whole["vector"]], [changed.pop("text")], [changed], ids=["old"])
    assert provider.update_status(["old"], "default", "deleting") == 1
    assert provider.get_by_ids(["old"])[0].items() >= {"doc_id": "e", "status": "deleting"}.items()

    assert provider.delete_by_metadata("doc_id", "e")["ids"] == ["old"]


def test_a_full_vector_of_the_older_package_can_be_soft_deleted(provider):
    """It has no room for the longer status, so its largest value moves to the overflow."""
    metadata = {"text": "t", "namespace": "ns", "status": "active", "note": "n" * 1993}
    provider.client.put_vectors(
        vectorBucketName="my-bucket",
        indexName="documents",
        vectors=[{"key": "old", "data": {"float32": QUESTION}, "metadata": metadata}],
    )

    assert provider.update_status(["old"], "ns", "deleting") == 1
    assert provider.get_by_ids(["old"])[0].items() >= {**metadata, "status": "deleting"}.items()


def test_the_error_names_a_vector_without_room_for_the_status():
    """An index of the older package has no overflow for the rest."""
    provider = providers.create_provider()
    names = providers.create_older_index(provider)
    metadata = {"text": "t", "namespace": "ns", "status": "active", "note": "n" * 1993}
    vectors = [{"key": "full", "data": {"float32": QUESTION}, "metadata": metadata}]
    provider.client.put_vectors(**names, vectors=vectors)

    with pytest.raises(InvalidInputError, match="status 'deleting' for id 'full': .*'note'"):
        provider.update_status(["full"], "ns", "deleting")


def test_update_status_needs_a_status(provider):
    """An empty status would hide the chunks for good."""
    with pytest.raises(InvalidInputError, match="the status is ''"):
        provider.update_status(["a"], "ns", "")


def test_delete_removes_the_ids(provider):
    """It returns True for ids that do not exist as well."""
    assert provider.delete(["a", "a", "nope"]) is True
    assert get_ids(provider.get_by_ids(IDS)) == ["b", "c"]


def test_delete_takes_the_filter_that_stache_s_pipeline_passes(provider):
    """Stache calls `delete(namespace=, filter=, context=)`, which is in no provider's interface."""
    assert provider.delete(namespace="ns", filter={"doc_id": ["doc-a", "doc-c"]}, context=None)
    assert get_ids(provider.get_by_ids(IDS)) == ["b", "c"]


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ({}, "either ids or a filter"),
        ({"ids": ["a"], "filter": {"a": 1}}, "either ids or a filter"),
        ({"filter": {}}, "it would delete everything"),
        ({"ids": ["a", ""]}, "item 1: the id is empty"),
    ],
)
def test_an_ambiguous_delete_deletes_nothing(provider, arguments, problem):
    """Arguments that could mean everything are refused."""
    with pytest.raises(InvalidInputError, match=problem):
        provider.delete(**arguments)

    assert provider.count_by_filter({}) == 3


def test_a_failed_delete_is_an_error_not_false(provider):
    """Stache ignores the result, so False would leave vectors that search returns."""
    providers.fail_calls(provider.client, "DeleteVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        provider.delete(["a"])


def test_a_partial_delete_reports_the_missing_ids(provider):
    """A call with the missing ids completes the work."""
    many = [f"k{n}" for n in range(600)]
    providers.fail_calls(provider.client, "DeleteVectors", 2)

    with pytest.raises(PartialWriteError, match="500 of 600 vectors are deleted") as failed:
        provider.delete(many)

    assert failed.value.missing == many[500:]


@pytest.mark.parametrize(
    "overflow",
    ["{", "7", '"a"', "", "[" * 100_000, '{"a":' * 985 + "1" + "}" * 985, '{"a": 1' + "0" * 5000],
)
def test_an_overflow_that_another_tool_wrote_is_returned_as_metadata(provider, caplog, overflow):
    """A warning names it once; it does not keep search from returning other vectors."""
    provider.client.put_vectors(
        vectorBucketName="my-bucket",
        indexName="documents",
        vectors=[
            {
                "key": f"x{len(overflow)}",
                "data": {"float32": QUESTION},
                "metadata": {"_overflow": overflow[:40_000]},
            }
        ],
    )

    for _ in range(2):
        results = provider.search(QUESTION, 9)
    scanned = {row["id"]: row for row in provider.scan_by_metadata()}

    [odd] = [result for result in results if result["id"] == f"x{len(overflow)}"]
    assert odd["metadata"]["_overflow"] == overflow[:40_000]
    assert scanned[odd["id"]]["_overflow"] == overflow[:40_000]
    assert len(results) == 4
    assert (
        caplog.text.count(f"_overflow of vector 'x{len(overflow)}' was not written by this package")
        == 1
    )
