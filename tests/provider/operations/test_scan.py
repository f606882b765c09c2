"""Scans of the index read every vector once and raise errors; writes can fail in part."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from stache_ai_s3vectors import (
    AccessDeniedError,
    InvalidInputError,
    PartialWriteError,
    S3VectorsError,
    UnavailableError,
)
from support import providers

VECTOR = [1.0, 2.0, 3.0, 4.0]
MANY = 2500


@pytest.fixture
def provider():
    """A provider with 2,500 chunks; every fifth belongs to the document `d`."""
    provider = providers.create_provider()
    ids = [f"id-{n}" for n in range(MANY)]
    metadatas = [{"doc_id": "d" if n % 5 == 0 else "e", "n": n} for n in range(MANY)]
    provider.insert([VECTOR] * MANY, ids, metadatas, ids=ids)
    return provider


def record_calls(client, operation):
    """Record the parameters of each call of an operation in a list."""
    seen = []
    client.meta.events.register(
        f"provide-client-params.s3vectors.{operation}", lambda params, **_: seen.append(params)
    )
    return seen


def test_every_vector_is_read_once(provider):
    """After a first page of the whole index, its segments are read several at a time."""
    seen = record_calls(provider.client, "ListVectors")

    rows = provider.scan_by_metadata()

    assert sorted(row["n"] for row in rows) == list(range(MANY))
    assert {(p.get("segmentIndex"), p.get("segmentCount")) for p in seen} == {
        (None, None),
        *((n, 16) for n in range(16)),
    }


def test_segments_of_many_pages_are_read_to_their_ends(provider, monkeypatch):
    """Each segment has tokens of its own."""
    monkeypatch.setattr("stache_ai_s3vectors.service.limits.LIST_PAGE", 40)
    seen = record_calls(provider.client, "ListVectors")

    rows = provider.scan_by_metadata()

    assert sorted(row["n"] for row in rows) == list(range(MANY))
    assert len(seen) > 16 * 3
    assert provider.delete_by_metadata("doc_id", "d")["deleted"] == 500
    assert provider.count_by_filter({}) == MANY - 500


def test_a_small_index_takes_one_call():
    """Sixteen segments would cost sixteen times as much."""
    provider = providers.create_provider()
    provider.insert([VECTOR] * 900, ["t"] * 900)
    seen = record_calls(provider.client, "ListVectors")

    assert provider.count_by_filter({}) == 900
    assert len(seen) == 1


def test_a_list_ends_at_its_limit_and_leaves_no_thread(provider, monkeypatch):
    """The limit is in the middle of the segments."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.parallel.GRACE", 60)
    before = threading.active_count()

    assert len(provider.list_by_filter({}, limit=1700)) == 1700
    assert threading.active_count() == before


def test_two_scans_at_a_time_do_not_affect_each_other(provider):
    """A write between their pages does not affect them either."""
    index = provider._index
    walks = [index.list_pages(), index.list_pages()]
    keys = [[key for key, _ in next(walk).rows] for walk in walks]
    provider.insert([VECTOR], ["changed"], ids=["id-0"])

    for walk, walk_keys in zip(walks, keys, strict=True):
        walk_keys += [key for page in walk for key, _ in page.rows]
        assert len(walk_keys) == MANY
        assert {*walk_keys} == {f"id-{n}" for n in range(MANY)}


@pytest.mark.parametrize("turn", [1, 2, 9])
def test_an_error_in_any_segment_is_raised(provider, turn):
    """The segment's thread does not hide it."""
    providers.fail_calls(provider.client, "ListVectors", turn)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        provider.count_by_filter({"doc_id": "d"})


def test_trashed_chunks_are_counted_and_listed_only_if_the_filter_names_their_status(provider):
    """Stache lists a namespace's documents with such calls, without those in the trash."""
    ids = [f"id-{n}" for n in range(0, MANY, 5)]
    provider.update_status(ids[:100], None, "deleting")

    assert provider.count_by_filter({"doc_id": "d"}) == 400
    assert provider.count_by_filter({"doc_id": "d", "status": ["active", "deleting"]}) == 500
    assert provider.count_by_filter({"status": "deleting"}) == 100
    assert provider.count_by_filter({"$or": [{"status": "deleting"}, {"n": 1}]}) == 101
    assert len(provider.list_by_filter({"doc_id": "d"}, limit=MANY)) == 400
    assert len(provider.scan_by_metadata({"doc_id": "d"})) == 500


def test_delete_by_metadata_deletes_trashed_chunks(provider):
    """A deleted document leaves no chunk behind."""
    provider.update_status(["id-0"], None, "deleting")

    assert provider.delete_by_metadata("doc_id", "d")["deleted"] == 500
    assert len(provider.scan_by_metadata({"doc_id": "d"})) == 0
    assert provider.count_by_filter({}) == MANY - 500


def test_a_segment_is_deleted_when_it_has_been_read_to_its_end(provider):
    """It is not documented what a listing returns when vectors are deleted during it."""
    events = []
    provider.client.meta.events.register(
        "after-call.s3vectors.ListVectors",
        lambda parsed, **_: events.append("more" if "nextToken" in parsed else "last"),
    )
    provider.client.meta.events.register(
        "before-call.s3vectors.DeleteVectors", lambda **_: events.append("delete")
    )

    provider.delete_by_metadata("doc_id", "d")

    assert events[0] == "more"
    assert events.count("delete") >= 16
    first = events.index("delete")
    assert "last" in events[:first]
    assert "last" in events[first:]  # deletes start before the last page is read


def test_what_was_deleted_of_a_failed_segment_is_reported(provider):
    """The deletion of a segment may take several requests."""
    providers.fail_calls(provider.client, "DeleteVectors", 17)

    with pytest.raises(PartialWriteError) as failed:
        provider.delete_by_metadata("status", "active")

    left = [row["id"] for row in provider.scan_by_metadata()]
    assert 0 < len(left) <= 500
    assert sorted(failed.value.missing) == sorted(left)
    assert len(failed.value.done) == MANY - len(left)


def test_when_deleting_fails_the_other_segments_are_tried(provider):
    """The error names the remaining vectors; another call deletes them."""
    providers.fail_calls(provider.client, "DeleteVectors", 2, 5)

    with pytest.raises(PartialWriteError, match="vectors are deleted") as failed:
        provider.delete_by_metadata("doc_id", "d")

    left = [row["id"] for row in provider.scan_by_metadata({"doc_id": "d"})]
    assert sorted(failed.value.missing) == sorted(left)
    assert len(failed.value.done) + len(left) == 500
    assert provider.delete_by_metadata("doc_id", "d")["deleted"] == len(left)


def test_when_reading_fails_the_matches_read_so_far_are_deleted_and_reported(provider):
    """Another call deletes the rest."""
    providers.fail_calls(provider.client, "ListVectors", 12)

    with pytest.raises(PartialWriteError, match="not all of the index was read: ") as failed:
        provider.delete_by_metadata("doc_id", "d")

    left = provider.scan_by_metadata({"doc_id": "d"})
    assert len(failed.value.done) == 500 - len(left)
    assert failed.value.missing == []
    provider.delete_by_metadata("doc_id", "d")
    assert provider.count_by_filter({"doc_id": "d"}) == 0


def test_when_nothing_can_be_read_nothing_is_deleted(provider):
    """The service's error is raised."""
    providers.fail_calls(provider.client, "ListVectors", 1)

    with pytest.raises(UnavailableError, match="ListVectors"):
        provider.delete_by_metadata("doc_id", "d")


@pytest.mark.parametrize(
    "call",
    [
        lambda p, progress: p.delete_by_metadata("doc_id", "d", progress=progress),
        lambda p, progress: p.delete([f"id-{n}" for n in range(1000)], progress=progress),
        lambda p, progress: p.update_status(
            [f"id-{n}" for n in range(1000)], None, "purged", progress=progress
        ),
    ],
    ids=["delete_by_metadata", "delete", "update_status"],
)
def test_an_error_of_ours_from_the_caller_s_progress_is_no_failure_of_a_request(
    provider, call, caplog
):
    """The call ends with that error, and the log says what is done."""

    def progress(_):
        raise UnavailableError("the caller's own")

    with pytest.raises(UnavailableError, match="^the caller's own$"):
        call(provider, progress)

    assert "was interrupted by UnavailableError" in caplog.text


def test_with_a_low_rate_an_interrupted_call_sends_nothing_more(provider):
    """The interrupted thread waits for the rate before it hands a request over."""
    puts = record_calls(provider.client, "PutVectors")
    both = threading.Barrier(3, timeout=30)
    provider.client.meta.events.register(
        "before-call.s3vectors.PutVectors", lambda **_: both.wait()
    )
    provider._index._state.pace = SimpleNamespace(wait=interrupt_at(3, both.wait))

    with pytest.raises(KeyboardInterrupt):
        provider.insert([VECTOR] * 5000, ["t"] * 5000, ids=[f"new-{n}" for n in range(5000)])

    assert len(puts) == 2


def interrupt_at(turn, first):
    """Build a wait that presses Ctrl-C at its n-th call, after `first` has returned."""
    waits = []

    def wait(vectors):
        waits.append(vectors)
        if len(waits) == turn:
            first()
            raise KeyboardInterrupt

    return wait


def test_update_status_continues_after_a_failed_batch(provider):
    """It returns only when all batches are done."""
    ids = [f"id-{n}" for n in range(1000)]
    providers.fail_calls(provider.client, "PutVectors", 2)
    providers.fail_calls(provider.client, "GetVectors", 4)

    with pytest.raises(PartialWriteError, match="800 of 1000 vectors are updated") as failed:
        provider.update_status(ids, None, "deleting")

    assert len(failed.value.missing) == 200
    assert provider.count_by_filter({"status": "deleting"}) == 800
    assert provider.update_status(failed.value.missing, None, "deleting") == 200


def test_a_vector_that_cannot_take_the_status_does_not_stop_the_others():
    """The error names it, but not the ids that do not exist."""
    provider = providers.create_provider()
    names = providers.create_older_index(provider)
    full = {"text": "t", "namespace": "ns", "status": "active", "note": "n" * 1993}
    vectors = [
        {"key": key, "data": {"float32": VECTOR}, "metadata": metadata}
        for key, metadata in [("full", full), ("fine", {"text": "t", "namespace": "ns"})]
    ]
    provider.client.put_vectors(**names, vectors=vectors)

    with pytest.raises(PartialWriteError, match="1 of 2 vectors are updated.*'full'") as failed:
        provider.update_status(["full", "fine", "absent"], "ns", "deleting")

    assert (failed.value.done, failed.value.missing) == (["fine"], ["full"])


def test_a_delete_in_a_namespace_continues_after_a_failed_batch(provider):
    """Some batches fail when their namespaces are read, some when they are deleted."""
    ids = [f"id-{n}" for n in range(1000)]
    providers.fail_calls(provider.client, "GetVectors", 3)
    providers.fail_calls(provider.client, "DeleteVectors", 2)

    with pytest.raises(PartialWriteError, match="800 of 1000 vectors are deleted") as failed:
        provider.delete([*ids, "absent"], namespace="default")

    assert provider.count_by_filter({}) == MANY - 800
    assert provider.delete(failed.value.missing, namespace="default")
    assert provider.count_by_filter({}) == MANY - 1000


def test_a_delete_continues_after_a_failed_batch(provider):
    """All batches but one are deleted."""
    providers.fail_calls(provider.client, "DeleteVectors", 2)
    ids = [f"id-{n}" for n in range(2000)]

    with pytest.raises(PartialWriteError, match="1500 of 2000 vectors are deleted") as failed:
        provider.delete(ids)

    assert provider.count_by_filter({}) == MANY - 1500
    assert len(failed.value.missing) == 500


def test_a_denied_delete_is_not_sent_for_every_batch(provider):
    """The other batches would be denied as well."""
    seen = record_calls(provider.client, "DeleteVectors")
    providers.fail_calls(
        provider.client, "DeleteVectors", *range(1, 999), code="AccessDeniedException"
    )

    with pytest.raises(S3VectorsError, match="Currently unable"):
        provider.delete([f"id-{n}" for n in range(20_000)])

    assert len(seen) <= 8


def test_a_denied_delete_by_metadata_ends_at_the_first_denial(provider):
    """The rest of the index is not read."""
    lists, deletes = (
        record_calls(provider.client, "ListVectors"),
        record_calls(provider.client, "DeleteVectors"),
    )
    providers.fail_calls(
        provider.client, "DeleteVectors", *range(1, 99), code="AccessDeniedException"
    )

    with pytest.raises(AccessDeniedError, match="Currently unable"):
        provider.delete_by_metadata("doc_id", "d")

    assert len(deletes) == 1
    assert len(lists) < 17


def test_progress_is_reported_in_vectors(provider):
    """The numbers add up, as a progress bar needs."""
    counts = []

    provider.insert([VECTOR] * 1200, ["t"] * 1200, progress=counts.append)
    assert (sum(counts), max(counts)) == (1200, 500)

    counts.clear()
    provider.count_by_filter({"doc_id": "d"}, progress=counts.append)
    assert sum(counts) == MANY + 1200

    counts.clear()
    provider.update_status(
        [f"id-{n}" for n in range(250)], None, "deleting", progress=counts.append
    )
    assert sum(counts) == 250

    counts.clear()
    provider.delete_by_metadata("doc_id", "d", progress=counts.append)
    provider.delete([f"id-{n}" for n in range(10)], progress=counts.append)
    assert sum(counts) == 500 + 10


def test_a_filter_of_more_values_than_the_service_takes_works_in_scans_only(provider):
    """A search refuses it before anything is sent; the error names the number."""
    many = {"n": list(range(97))}

    assert provider.count_by_filter(many) == 97
    with pytest.raises(InvalidInputError, match="compares with 103 values, .* takes 100"):
        provider.search(VECTOR, filter=many)
    assert len(provider.search(VECTOR, 5, filter={"n": list(range(94))})) == 5
