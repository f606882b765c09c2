"""One provider in many threads, and the lines of the log."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from stache_ai_s3vectors import S3VectorsError
from support import providers

VECTOR = [1.0, 2.0, 3.0, 4.0]


def test_threads_share_a_provider_and_one_get_index():
    """Stache's routes run in a thread pool; the index is described and created once."""
    provider = providers.create_provider()
    seen = providers.record_calls(provider.client)

    def work(number):
        ids = [f"{number}-{n}" for n in range(50)]
        provider.insert([VECTOR] * 50, ids, ids=ids, namespace=f"ns{number}")
        provider.update_status(ids[:10], f"ns{number}", "deleting")
        provider.delete(ids[10:20], namespace=f"ns{number}")
        return len(provider.search(VECTOR, 100, namespace=f"ns{number}"))

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(work, range(24))) == [30] * 24
    assert provider.count_by_filter({}) == 24 * 30
    assert seen.count("CreateIndex") == 1
    assert seen.count("GetIndex") == 2  # before and after the index is created


def test_providers_of_one_index_describe_it_once():
    """The description is cached per process, not per provider."""
    first, second = providers.create_provider(), providers.create_provider()
    seen = providers.record_calls(first.client)

    first.insert([VECTOR], ["t"])
    assert second.count_by_filter({}) == 1

    assert seen.count("GetIndex") == 2  # before and after the index is created


def test_a_recreated_index_is_described_again():
    """The call that finds it deleted discards the description."""
    provider = providers.create_provider(s3vectors_create_index=False)
    names = providers.create_older_index(provider)
    assert provider.get_collection_info()["nonFilterableMetadataKeys"] == ["text"]
    provider.client.delete_index(**names)

    with pytest.raises(S3VectorsError, match="could not be found"):
        provider.count_by_filter({})
    provider.client.create_index(
        **names, dataType="float32", dimension=4, distanceMetric="euclidean"
    )

    assert provider.get_collection_info()["distanceMetric"] == "euclidean"


OPERATIONS = {
    "insert": lambda p: p.insert([VECTOR], ["SECRET"], [{"a": "SECRET"}], ["id"]),
    "search": lambda p: p.search(VECTOR, 3, {"a": "SECRET"}),
    "search_summaries": lambda p: p.search_summaries(VECTOR, 3),
    "get_by_ids": lambda p: p.get_by_ids(["id", "other"]),
    "get_vectors_with_embeddings": lambda p: p.get_vectors_with_embeddings(["id"]),
    "update_status": lambda p: p.update_status(["id"], None, "deleting"),
    "count_by_filter": lambda p: p.count_by_filter({"a": "SECRET"}),
    "list_by_filter": lambda p: p.list_by_filter({"a": "SECRET"}),
    "scan_by_metadata": lambda p: p.scan_by_metadata({"a": "SECRET"}),
    "delete": lambda p: p.delete(["id"]),
    "delete_by_metadata": lambda p: p.delete_by_metadata("a", "SECRET"),
    "get_collection_info": lambda p: p.get_collection_info(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_logs_one_line_at_debug_without_contents(operation, caplog):
    """The line has the operation, the index, the count and the duration."""
    provider = providers.create_provider()
    OPERATIONS["insert"](provider)
    caplog.set_level(logging.DEBUG, "stache_ai_s3vectors")
    caplog.clear()

    OPERATIONS[operation](provider)

    [line] = [r.getMessage() for r in caplog.records if r.name.startswith("stache_ai_s3vectors")]
    assert re.fullmatch(rf"{operation} on my-bucket/documents: [\w ]+, \d+\.\d ms", line)
    assert "SECRET" not in caplog.text


def test_a_failed_operation_logs_its_failure(caplog):
    """Whether to log the error itself is up to the caller."""
    provider = providers.create_provider()
    provider.get_collection_info()
    providers.fail_calls(provider.client, "QueryVectors", 1)
    caplog.set_level(logging.DEBUG, "stache_ai_s3vectors")

    with pytest.raises(S3VectorsError):
        provider.search(VECTOR)

    assert "search on my-bucket/documents: failed with UnavailableError, " in caplog.text
