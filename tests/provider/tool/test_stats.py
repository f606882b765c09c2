"""`stats`: the size of indexes by AWS's arithmetic, and its cost."""

from __future__ import annotations

import pytest

from stache_ai_s3vectors.chunks.sizes import metadata_size
from stache_ai_s3vectors.tool import prices
from support import providers, tool

INDEX = ("--index", "documents", *tool.LOCAL)


def test_the_counts_are_those_of_the_index():
    """By namespace, status and type; soft-deleted vectors count, they cost the same."""
    provider = tool.create_filled_provider(12)
    provider.update_status(["key-00000"], "books", "deleting")
    provider.insert([[1.0] * 4], ["t"], [{"_type": "document_summary"}], ["s"], namespace="notes")

    report = tool.read_json("stats", *INDEX)["indexes"]["documents"]

    assert report["vectors"] == 13
    assert report["namespaces"] == {"books": 12, "notes": 1}
    assert report["statuses"] == {"active": 12, "deleting": 1}
    assert report["types"] == {"(none)": 12, "document_summary": 1}


def test_the_bytes_are_those_that_the_service_counts():
    """Four for each number, the key, and the metadata by its own arithmetic."""
    provider = tool.create_filled_provider(12)
    stored = tool.read_contents(provider)

    report = tool.read_json("stats", *INDEX)["indexes"]["documents"]

    sizes = {key: metadata_size(vector["metadata"]) for key, vector in stored.items()}
    assert report["storedBytes"] == sum(4 * 4 + len(key) + size for key, size in sizes.items())
    assert report["putCost"] == prices.compute_put_cost(report["storedBytes"], 1)
    assert report["limits"]["metadata bytes"]["largest"] == max(sizes.values())
    assert sizes[report["limits"]["metadata bytes"]["key"]] == max(sizes.values())


def test_each_limit_is_shown_with_the_vector_nearest_to_it():
    """Filterable bytes do not include text and _overflow."""
    tool.create_filled_provider(3)

    limits = tool.read_json("stats", *INDEX)["indexes"]["documents"]["limits"]

    assert limits["filterable bytes"]["limit"] == 2_048
    assert 1_800 < limits["filterable bytes"]["largest"] <= 2_048
    assert limits["filterable bytes"]["key"] == "key-00001"
    assert limits["vectors"] == {"largest": 3, "limit": 2_000_000_000, "key": ""}


def test_stats_prints_text_and_a_table(monkeypatch):
    """With the source and the date of the prices."""
    monkeypatch.setenv("COLUMNS", "100")
    tool.create_filled_provider(3)
    providers.create_provider("empty", s3vectors_endpoint_url="local:data").insert([], [])

    shown = tool.run_checked("stats", *INDEX)

    assert shown.startswith("documents: 3 vectors, ")
    assert "  namespaces: books 3\n" in shown
    assert "List prices of us-east-1, read on 2026-10-04." in shown


def test_storage_costs_six_cents_a_gigabyte():
    """As https://aws.amazon.com/s3/pricing/ says."""
    assert prices.compute_storage_cost(10 * prices.GB) == pytest.approx(0.60)


def test_small_puts_cost_as_much_as_128_kib():
    """A thousand vectors of 6 KB, one at a time or in two requests."""
    size = 1_000 * 6_000

    assert prices.compute_put_cost(size, 1_000) == pytest.approx(
        1_000 * 128 * 1024 / prices.GB * 0.20
    )
    assert prices.compute_put_cost(size, 2) == pytest.approx(size / prices.GB * 0.20)


@pytest.mark.parametrize(
    "vectors, terabyte_dollars",
    [
        (0, 0),
        (100_000, 100_000 * 0.004),
        (1_000_000, 100_000 * 0.004 + 900_000 * 0.002),
        (20_000_000, 100_000 * 0.004 + 9_900_000 * 0.002 + 10_000_000 * 0.0004),
    ],
)
def test_a_query_costs_a_request_and_the_bytes_that_it_reads(vectors, terabyte_dollars):
    """In three steps: to 100,000 vectors, to ten million, and beyond."""
    each = 5_000

    assert prices.compute_query_cost(vectors, each) == pytest.approx(
        2.50 / 1_000_000 + terabyte_dollars * each / prices.TB
    )
