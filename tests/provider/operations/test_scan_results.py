"""What scans return: rows, counts, and errors."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors import InvalidInputError, S3VectorsError
from support import providers

QUESTION = [1.0, 0.0, 0.5, 0.25]


def get_ids(rows):
    return [row["id"] for row in rows]


def test_scans_match_values_that_were_too_large_to_filter_on(provider):
    """delete_by_metadata would otherwise delete nothing, without an error."""
    large = {"source_path": "s" * 1500, "filename": "f" * 1000}
    provider.insert([QUESTION], ["t"], [large], ids=["large"])

    assert get_ids(provider.list_by_filter({"source_path": large["source_path"]})) == ["large"]
    assert get_ids(provider.search(QUESTION, filter={"filename": large["filename"]})) == ["large"]
    assert provider.delete_by_metadata("filename", large["filename"])["ids"] == ["large"]


def test_delete_by_metadata_reports_what_it_deleted(provider):
    """A namespace restricts it."""
    assert provider.delete_by_metadata("tags", "t", namespace="other") == {
        "deleted": 1,
        "ids": ["c"],
    }
    assert provider.delete_by_metadata("doc_id", "nope") == {"deleted": 0, "ids": []}
    assert provider.count_by_filter({}) == 2


@pytest.mark.parametrize(
    "condition, expected",
    [
        ({}, 3),
        ({"namespace": "ns"}, 2),
        ({"page": {"$gt": 97}}, 2),
        ({"tags": "t"}, 3),
        ({"tags": ["a", "b"]}, 2),
        ({"doc_id": {"$ne": "doc-a"}, "namespace": "ns"}, 1),
        ({"page": "97"}, 0),
    ],
)
def test_counts_match_the_services_filters(provider, condition, expected):
    """Lists, operators and types mean what they mean in a query."""
    assert provider.count_by_filter(condition) == expected
    assert len(provider.list_by_filter(condition)) == expected
    assert len(provider.scan_by_metadata(condition)) == expected


def test_scans_read_all_pages():
    """A page of ListVectors has at most 1,000 vectors."""
    provider = providers.create_provider()
    provider.insert([QUESTION] * 2100, ["t"] * 2100)

    assert provider.count_by_filter({}) == 2100
    assert len(provider.list_by_filter({}, limit=10_000)) == 2100


def test_list_by_filter_stops_at_the_limit(provider):
    """It reads no further page."""
    provider.insert([QUESTION] * 1500, ["t"] * 1500)
    seen = providers.record_calls(provider.client)

    assert len(provider.list_by_filter({}, limit=2)) == 2
    assert seen == ["ListVectors"]
    with pytest.raises(InvalidInputError, match="limit is 0"):
        provider.list_by_filter({}, limit=0)


def test_listed_rows_have_id_and_key_and_the_fields(provider):
    """Stache's CLI reads both names."""
    [row] = provider.list_by_filter({"doc_id": "doc-a"}, fields=["page", "text"])

    assert row == {"id": "a", "key": "a", "page": 97, "text": "text a"}


def test_scan_by_metadata_can_be_restricted_to_a_namespace(provider):
    """Stache's maintenance routes do so."""
    rows = provider.scan_by_metadata(fields=["doc_id"], namespace="ns")

    assert sorted(row["doc_id"] for row in rows) == ["doc-a", "doc-b"]


def test_a_failed_scan_is_an_error_not_zero(provider):
    """It is not an empty list either."""
    providers.fail_calls(provider.client, "ListVectors", 1, 2)

    with pytest.raises(S3VectorsError):
        provider.count_by_filter({})
    with pytest.raises(S3VectorsError):
        provider.list_by_filter({})
