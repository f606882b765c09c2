"""Inserts: what is stored, what is refused before anything is sent, and partial failures."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import threading

import numpy as np
import pytest
from botocore.exceptions import ClientError

from stache_ai_s3vectors import (
    AccessDeniedError,
    InvalidInputError,
    PartialWriteError,
    S3VectorsError,
    UnavailableError,
)
from stache_ai_s3vectors.aws import parallel
from stache_ai_s3vectors.chunks.sizes import metadata_size
from support import providers


@pytest.fixture
def provider():
    return providers.create_provider()


def read_stored(provider, id_):
    [row] = provider.get_vectors_with_embeddings([id_])
    return row


def test_stored_chunks_are_returned_unchanged(provider):
    """`get_vectors_with_embeddings` and `search` return every JSON value."""
    metadata = {
        "text_like": 'ü"\n',
        "page": 7,
        "exact": 0.5,
        "inexact": 0.1,
        "huge": 1e300,
        "gigantic": 10**400,
        "big": 2**53 + 1,
        "flag": True,
        "nothing": None,
        "nested": {"a": [1, {"b": None}]},
        "empty": [],
        "mixed": [1, "a"],
        "flags": [True, False],
        "tags": ["a", "b"],
        "prices": [0.1, 2],
    }

    [id_] = provider.insert([[1, 2, 3, 4]], ["the text"], [metadata], namespace="ns")

    expected = {**metadata, "namespace": "ns", "status": "active"}
    assert read_stored(provider, id_)["metadata"] == {**expected, "text": "the text"}
    [chunk] = provider.search([1, 2, 3, 4])
    assert chunk["metadata"] == expected
    assert (chunk["text"], chunk["content"], chunk["namespace"]) == ("the text", "the text", "ns")


def test_values_that_fit_stay_filterable(provider):
    """This includes numbers that have a copy in the overflow."""
    provider.insert(
        providers.create_vectors(2), ["a", "b"], [{"x": None, "n": 0.1}, {"x": None, "n": 0.2}]
    )

    assert [r["text"] for r in provider.search([1, 0, 0, 0], filter={"n": 0.1})] == ["a"]


def test_large_metadata_is_moved_to_the_overflow_and_named_once(provider, caplog):
    """The largest values move first, until 2,048 filterable bytes remain; one line names them."""
    metadata = {"headings": ["h" * 20] * 60, "note": "n" * 1000, "small": "s"}
    with caplog.at_level(logging.WARNING):
        ids = provider.insert(providers.create_vectors(3), ["a", "b", "c"], [metadata] * 3)

    assert read_stored(provider, ids[0])["metadata"].items() >= metadata.items()
    [record] = [r for r in caplog.records if r.name.startswith("stache_ai_s3vectors")]
    assert record.getMessage().endswith("too large to filter on: headings")
    assert len(provider.search([1, 0, 0, 0], filter={"small": "s"})) == 3


def test_metadata_is_measured_as_the_service_measures_it(provider):
    """As escaped JSON, Chinese text would be twice as long."""
    title, text = "\u6f22" * 350, "\u6f22\u5b57" * 3500

    provider.insert([[1, 2, 3, 4]], [text], [{"title": title}], ids=["a"])

    [row] = provider.get_by_ids(["a"])
    assert (row["text"], row["title"]) == (text, title)
    assert len(provider.search([1, 2, 3, 4], filter={"title": title})) == 1


def test_more_than_fifty_keys_are_stored(provider):
    """The overflow holds the keys beyond the limit."""
    metadata = {f"key{n}": n for n in range(70)}

    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    assert read_stored(provider, id_)["metadata"].items() >= metadata.items()


def test_the_arguments_override_metadata_of_the_same_name(provider):
    """Neither `text` nor `namespace` in the metadata can move a chunk elsewhere."""
    metadata = {"namespace": "other", "text": "other", "id": "other", "key": "other"}

    [id_] = provider.insert([[1, 2, 3, 4]], ["mine"], [metadata], ids=["a"], namespace="ns")

    assert id_ == "a"
    stored_metadata = read_stored(provider, "a")["metadata"]
    assert (stored_metadata["namespace"], stored_metadata["text"], stored_metadata["id"]) == (
        "ns",
        "mine",
        "other",
    )


@pytest.mark.parametrize(
    "metadata, expected", [({}, "default"), ({"namespace": "from metadata"}, "from metadata")]
)
def test_without_an_argument_the_namespace_is_that_of_the_metadata_or_default(
    provider, metadata, expected
):
    """The older package stored it in this way."""
    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    assert read_stored(provider, id_)["metadata"]["namespace"] == expected


def test_the_callers_dictionaries_are_not_changed(provider):
    """Stache copies them into the summary afterwards."""
    metadata = {"a": None, "tags": ["x"]}
    before = copy.deepcopy(metadata)

    provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    assert metadata == before


def test_inserting_an_id_again_replaces_it(provider):
    """Insert is an upsert; update_document relies on it."""
    provider.insert([[1, 2, 3, 4]], ["old"], [{"a": 1}], ids=["x"])
    provider.insert([[4, 3, 2, 1]], ["new"], [{"b": 2}], ids=["x"])

    chunk = read_stored(provider, "x")
    assert chunk["vector"] == [4, 3, 2, 1]
    assert chunk["metadata"]["text"] == "new"
    assert "a" not in chunk["metadata"]


def test_numpy_vectors_are_stored(provider):
    """They come as a list of arrays or as one matrix."""
    for matrix in (np.ones((2, 4), np.float32), list(np.ones((2, 4))), [list(np.ones(4))] * 2):
        ids = provider.insert(matrix, ["a", "b"])

        assert read_stored(provider, ids[1])["vector"] == [1, 1, 1, 1]


def test_an_empty_insert_makes_no_call(provider):
    """It is not an error."""
    seen = providers.record_calls(provider.client)

    assert provider.insert([], []) == []
    assert seen == []


NESTED: list[object] = []
for _ in range(5000):
    NESTED = [NESTED]
BAD_ITEM = r"^item 1 \(id '1'\): "


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ({"texts": ["a"]}, "insert got 2 vectors, 1 texts, 2 metadatas, 2 ids"),
        ({"ids": []}, "insert got 2 vectors, 2 texts, 2 metadatas, 0 ids"),
        ({"metadatas": [{}]}, "1 metadatas"),
        ({"ids": ["0", ""]}, "item 1: the id is empty"),
        ({"ids": ["0", "0"]}, "item 1: the id '0' is repeated in the call"),
        (
            {"ids": ["0", "é" * 513]},
            "item 1: the id 'é+'… is 1026 bytes long; S3 Vectors takes at most 1024",
        ),
        ({"ids": ["0", 7]}, "item 1: the id 7 is not a string"),
        ({"ids": ["0", "\ud800"]}, "item 1: the id .* is not Unicode"),
        (
            {"vectors": [[1] * 4, [1] * 3]},
            BAD_ITEM + "the vector has 3 dimensions, the index has 4",
        ),
        ({"vectors": [[1] * 4, [1, 2, 3, float("nan")]]}, BAD_ITEM + "the vector contains NaN or"),
        ({"vectors": [[1] * 4, [1, 2, float("inf"), 4]]}, BAD_ITEM + "the vector contains NaN or"),
        ({"vectors": [[1] * 4, [1, 2, 3, 1e39]]}, BAD_ITEM + "the vector contains 1e.39, which"),
        ({"vectors": [[1] * 4, [1, 2, 3, 10**400]]}, BAD_ITEM + "the vector contains 10+, which"),
        ({"vectors": [[1] * 4, [1, 2, 3, True]]}, BAD_ITEM + "the vector contains True, which"),
        (
            {"metadatas": [{}, {"n": {1: "a"}}]},
            BAD_ITEM + "metadata 'n' .*the key 1 is not a string",
        ),
        ({"metadatas": [{}, {"n": NESTED}]}, BAD_ITEM + "metadata 'n' has more than 64 levels of"),
        ({"vectors": [[1] * 4, [0] * 4]}, BAD_ITEM + "the vector is all zeros"),
        ({"vectors": [[1] * 4, [0, 0, 0, 1e-50]]}, BAD_ITEM + "the vector is all zeros"),
        ({"vectors": [[1] * 4, [1, 2, 3, "4"]]}, BAD_ITEM + "the vector contains '4', which"),
        ({"vectors": [[1] * 4, [1, 2, 3, None]]}, BAD_ITEM + "the vector contains None"),
        ({"vectors": [[1] * 4, 7]}, BAD_ITEM + "the vector is a int, not a list of numbers"),
        ({"texts": ["a", None]}, BAD_ITEM + "the text is a NoneType, not a string"),
        (
            {"texts": ["a", "t" * 41_000]},
            BAD_ITEM + "text and metadata have 410.. bytes; .*: text 41012",
        ),
        ({"texts": ["a", "\ud800"]}, BAD_ITEM + "metadata 'text' is .*JSON cannot hold"),
        (
            {"metadatas": [{}, {"n": float("nan")}]},
            BAD_ITEM + "metadata 'n' is nan, which JSON cannot",
        ),
        ({"metadatas": [{}, {"s": {1}}]}, BAD_ITEM + "metadata 's' is .1., which JSON cannot hold"),
        ({"metadatas": [{}, {7: 1}]}, BAD_ITEM + "metadata key 7 is a int, not a string"),
        (
            {"metadatas": [{}, {"_overflow": "x"}]},
            BAD_ITEM + "metadata key '_overflow' is reserved",
        ),
        ({"metadatas": [{}, None]}, BAD_ITEM + "the metadata is None, not a dictionary"),
        ({"metadatas": [{}, {"status": 1}]}, BAD_ITEM + "the status is 1, not a string"),
        ({"metadatas": [{}, {"namespace": 1}]}, BAD_ITEM + "the namespace is 1; it must be a name"),
        (
            {"metadatas": [{}, {"doc_id": "d" * 3000}]},
            BAD_ITEM + "the filterable metadata is .* over",
        ),
    ],
)
def test_bad_input_names_the_item_and_sends_nothing(provider, arguments, problem):
    """All items are checked before the first write, so the valid ones are not stored either."""
    provider.get_collection_info()  # creates the index
    seen = providers.record_calls(provider.client)
    good = {"vectors": providers.create_vectors(2), "texts": ["a", "b"], "metadatas": [{}, {}]}

    with pytest.raises(InvalidInputError, match=problem):
        provider.insert(**{**good, "ids": ["0", "1"], **arguments})

    # Zeros have no cosine distance, but the index may have been recreated with another metric
    assert seen == (["GetIndex"] if "all zeros" in problem else [])


@pytest.fixture
def old_index(provider):
    """An index as the older package's infrastructure creates it: only `text` is non-filterable."""
    providers.create_older_index(provider)


@pytest.mark.parametrize(
    "metadata, problem",
    [
        ({"a": {"b": "c" * 1_990}}, r"no room for 'a' \(an object, 1999 bytes as JSON\)"),
        (
            {"a": [None] * 400},
            r"no room for 'a' \(a list that is neither all strings nor all numbers, ",
        ),
        ({"headings": ["h" * 20] * 100}, r"no room for 'headings' \(2416 bytes\)"),
        ({f"k{n}": 1 for n in range(48)}, r"no room for 'k10' \(15 bytes\), .* 50 keys"),
        (
            {"a": {"b": 1}, "gone": None, "note": "n" * 1_970},
            r"no room for 'a' \(an object, 8 bytes as JSON\): ",
        ),
    ],
)
@pytest.mark.usefixtures("old_index")
def test_an_older_index_refuses_what_it_cannot_hold(provider, metadata, problem):
    """Its `_overflow` is filterable; the error names the keys, the sizes and the remedy."""
    with pytest.raises(InvalidInputError, match=problem) as refused:
        provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    assert "no non-filterable key '_overflow'" in str(refused.value)
    assert "stache-s3vectors indexes create" in str(refused.value)


@pytest.mark.usefixtures("old_index")
def test_an_older_index_stores_values_that_s3_vectors_cannot_hold(provider, caplog):
    """Stache itself writes a null when the soft delete of a re-ingest fails."""
    metadata = {
        "_deleted_at_ms": None,
        "empty": [],
        "mixed": [1, "a", None],
        "object": {"a": {"b": [1.5, None]}},
        "large": 10**40,
        "author": "Ann",
    }
    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    [row] = provider.get_by_ids([id_])
    assert row.items() >= metadata.items()
    assert not caplog.records
    assert provider.update_status([id_], "default", "deleting") == 1
    assert provider.update_status([id_], "default", "active") == 1
    assert provider.get_by_ids([id_]) == [row]
    assert provider.count_by_filter({"author": "Ann"}) == 1
    assert [hit["metadata"]["mixed"] for hit in provider.search([1, 2, 3, 4])] == [[1, "a", None]]


@pytest.mark.usefixtures("old_index")
def test_a_null_without_room_in_an_older_index_is_left_out(provider, caplog):
    """The document is stored and a warning names the key, as in the older package."""
    metadata = {"note": "n" * 1_960, "gone": None, "empty": []}

    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    [row] = provider.get_by_ids([id_])
    assert row["note"] == metadata["note"]
    assert not {"gone", "empty", "_overflow"} & row.keys()
    assert "metadata gone, empty is null or an empty list and is not stored" in caplog.text


@pytest.mark.usefixtures("old_index")
def test_an_older_index_stores_all_that_it_can_hold(provider):
    """Numbers have the service's precision: there is no room for exact copies."""
    metadata = {"tags": ["a"], **{f"k{n}": True for n in range(45)}}

    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [{"n": 0.1, **metadata}])

    stored_metadata = read_stored(provider, id_)["metadata"]
    assert stored_metadata.items() >= metadata.items()
    assert stored_metadata["n"] == pytest.approx(0.1, rel=2**-24)


def test_large_calls_are_sent_in_batches_of_500(provider):
    """500 is the service's limit."""
    seen = providers.record_calls(provider.client)

    ids = provider.insert([[1, 2, 3, 4]] * 1001, ["t"] * 1001)

    assert seen.count("PutVectors") == 3
    assert provider.count_by_filter({}) == len(set(ids)) == 1001


def test_large_vectors_are_sent_in_batches_of_20_mebibytes():
    """500 vectors of 3,072 dimensions are 32 MiB as JSON."""
    provider = providers.create_provider(embedding_dimension=3072)
    vector = [-0.12345678901234567] * 3072

    provider.insert([vector] * 400, ["t"] * 400)

    assert provider.count_by_filter({}) == 400


def test_exactly_fifty_keys_stay_filterable(provider):
    """The overflow's own key counts only if there is an overflow."""
    metadata = {f"key{n}": n for n in range(47)}  # text, namespace and status are the other three

    provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    assert len(provider.search([1, 2, 3, 4], filter={"key46": 46, "key0": 0})) == 1


def test_exact_copies_of_numbers_are_in_the_overflow(provider):
    """AWS does not document the precision of numbers in metadata."""
    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [{"a": 0.1, "b": 0.5, "c": 2**24 + 1}])

    response = provider.client.get_vectors(
        vectorBucketName="my-bucket", indexName="documents", keys=[id_], returnMetadata=True
    )
    assert json.loads(response["vectors"][0]["metadata"]["_overflow"]) == {
        "a": 0.1,
        "c": 2**24 + 1,
    }


@pytest.mark.parametrize("length", [1900, 1960, 1961, 1962, 1963, 1964, 1965, 1966, 1967, 2100])
def test_every_stored_chunk_can_be_soft_deleted(provider, length):
    """The size check reserves room for "deleting", which is longer than "active"."""
    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [{"note": "n" * length}], namespace="ns")

    assert provider.update_status([id_], "ns", "deleting") == 1
    assert provider.search([1, 2, 3, 4]) == []


def test_the_users_own_status_counts_in_full(provider):
    """It is longer than Stache's longest status; the check must not take it for shorter."""
    metadata = {"status": "kept by the legal department", "note": "n" * 1990}

    [id_] = provider.insert([[1, 2, 3, 4]], ["t"], [metadata])

    assert read_stored(provider, id_)["metadata"].items() >= metadata.items()


def test_text_that_just_fits_can_be_soft_deleted(provider):
    """The check reserves room within the 40,960 bytes of all metadata."""
    room = 40_960 - metadata_size({"text": "", "namespace": "ns", "status": "deleting"})
    [id_] = provider.insert([[1, 2, 3, 4]], ["t" * room], namespace="ns")

    assert provider.update_status([id_], "ns", "deleting") == 1
    with pytest.raises(InvalidInputError, match="text and metadata have 40961 bytes"):
        provider.insert([[1, 2, 3, 4]], ["t" * (room + 1)], namespace="ns")


def test_a_partial_failure_reports_what_is_stored(provider):
    """The caller's own ids are never deleted; a call with the missing ids completes the work."""
    ids = [str(n) for n in range(1500)]
    providers.fail_calls(provider.client, "PutVectors", 2)

    with pytest.raises(PartialWriteError, match="1000 of 1500 vectors are stored") as failed:
        provider.insert([[1, 2, 3, 4]] * 1500, ["t"] * 1500, ids=ids)

    assert failed.value.missing in (ids[:500], ids[500:1000], ids[1000:])
    assert {*failed.value.done, *failed.value.missing} == {*ids}
    assert isinstance(failed.value.__cause__, UnavailableError)
    assert pickle.loads(pickle.dumps(failed.value)).missing == failed.value.missing
    rows = provider.list_by_filter({}, limit=2000)
    assert sorted(row["id"] for row in rows) == sorted(failed.value.done)


def test_after_a_failure_nothing_more_is_sent(provider):
    """Only requests that are under way end."""
    puts = []
    provider.client.meta.events.register(
        "provide-client-params.s3vectors.PutVectors", lambda **_: puts.append(1)
    )
    providers.fail_calls(provider.client, "PutVectors", *range(1, 100))

    with pytest.raises(UnavailableError):
        provider.insert(
            [[1, 2, 3, 4]] * 10_000, ["t"] * 10_000, ids=[f"{n}" for n in range(10_000)]
        )

    assert 1 <= len(puts) <= 4
    assert provider.count_by_filter({}) == 0


def test_after_a_partial_failure_generated_ids_are_deleted(provider):
    """Only insert knows these ids: their vectors would be orphans that search returns."""
    providers.fail_calls(provider.client, "PutVectors", 2)

    with pytest.raises(
        PartialWriteError, match="Nothing is left stored: .* .1000 of 1500"
    ) as failed:
        provider.insert([[1, 2, 3, 4]] * 1500, ["t"] * 1500)

    assert failed.value.done == []
    assert len(failed.value.missing) == 1500
    assert "complete the work" not in str(failed.value)
    assert provider.count_by_filter({}) == 0


@pytest.mark.parametrize(
    "code, stored", [("AccessDeniedException", 500), ("ServiceUnavailableException", 0)]
)
def test_when_that_deletion_fails_the_error_reports_what_is_known_to_be_stored(
    provider, code, stored
):
    """A refused delete leaves the stored ids; otherwise the result of the deletion is unknown."""
    providers.fail_calls(provider.client, "PutVectors", 2)
    providers.fail_calls(provider.client, "DeleteVectors", 1, 2, code=code)

    with pytest.raises(
        PartialWriteError, match="generated ids failed too: DeleteVectors"
    ) as failed:
        provider.insert([[1, 2, 3, 4]] * 1000, ["t"] * 1000)

    assert len(failed.value.done) == stored
    assert len({*failed.value.done, *failed.value.missing}) == 1000
    rows = provider.list_by_filter({})
    assert {row["id"] for row in rows} <= {*failed.value.done, *failed.value.missing}
    assert len(rows) == 500


def test_vectors_that_were_deleted_do_not_count_as_stored(provider):
    """The responses to all deletes are lost, but the service carries them out."""
    providers.fail_calls(provider.client, "PutVectors", 3)
    providers.lose_responses(provider.client, "DeleteVectors", 1, 2, 3)

    with pytest.raises(PartialWriteError, match="failed too") as failed:
        provider.insert([[1, 2, 3, 4]] * 1500, ["t"] * 1500)

    assert failed.value.done == []
    assert provider.count_by_filter({}) == 0


@pytest.fixture
def _patience(monkeypatch):
    """Let an interrupted insert wait for its deletion, however slow the machine is."""
    monkeypatch.setattr("stache_ai_s3vectors.operations.insert.UNDO_PATIENCE", 60)


@pytest.mark.usefixtures("_patience")
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, RuntimeError, InvalidInputError, UnavailableError]
)
def test_an_interrupted_insert_leaves_no_vector_with_a_generated_id(provider, error, caplog):
    """The interruption is Ctrl-C or an error of the caller's own callback, also one of ours."""

    def progress(_):
        raise error

    with pytest.raises(error):
        provider.insert([[1, 2, 3, 4]] * 1500, ["t"] * 1500, progress=progress)

    assert provider.count_by_filter({}) == 0
    assert f"was interrupted by {error.__name__}" in caplog.text


def interrupt_with_a_put_in_flight(provider, ids=None, *, answered=None):
    """Insert two batches; the caller is interrupted when one is stored and the other is sent.

    Args:
        answered: an event; once it is set, the service answers the other request. By default,
            the interruption sets it.
    """
    sent = threading.Event()
    answer = answered or threading.Event()

    def answer_late(request, **_):
        if b"late" in request.body:
            sent.set()
            assert answer.wait(60)
        else:
            assert sent.wait(60)

    def progress(_):
        if answered is None:
            answer.set()
        raise KeyboardInterrupt

    provider.client.meta.events.register("before-send.s3vectors.PutVectors", answer_late)
    texts = ["t"] * 500 + ["late"] * 100
    with pytest.raises(KeyboardInterrupt):
        provider.insert([[1, 2, 3, 4]] * 600, texts, ids=ids, progress=progress)


def test_the_deletion_waits_for_requests_that_are_still_in_flight(provider, monkeypatch, caplog):
    """A vector that the service stores after the deletion would stay."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.parallel.GRACE", 0)
    monkeypatch.setattr("stache_ai_s3vectors.operations.insert.UNDO_PATIENCE", 0)
    deletions, order = threading.Semaphore(0), []
    waits = threading.Event()

    def record_wait(calls):
        if calls:
            waits.set()
        parallel.wait_for_calls(calls)

    monkeypatch.setattr("stache_ai_s3vectors.operations.insert.wait_for_calls", record_wait)
    events = provider.client.meta.events
    events.register("after-call.s3vectors.PutVectors", lambda **_: order.append("stored"))
    events.register("before-send.s3vectors.DeleteVectors", lambda **_: order.append("deletion"))
    events.register("after-call.s3vectors.DeleteVectors", lambda **_: deletions.release())

    answered = threading.Event()
    interrupt_with_a_put_in_flight(provider, answered=answered)
    assert "They will be deleted" in caplog.text
    assert waits.wait(60)
    answered.set()

    assert deletions.acquire(timeout=60)
    assert deletions.acquire(timeout=60)  # of the last 100
    assert order[:3] == ["stored", "stored", "deletion"]
    assert provider.count_by_filter({}) == 0


def test_an_interrupted_insert_logs_what_was_stored_until_its_end(provider, monkeypatch, caplog):
    """Requests in flight get some time to end, and count when they do."""
    monkeypatch.setattr("stache_ai_s3vectors.aws.parallel.GRACE", 60)

    interrupt_with_a_put_in_flight(provider, [f"id-{number}" for number in range(600)])

    assert "600 of 600 vectors are known to be stored" in caplog.text


@pytest.mark.usefixtures("_patience")
def test_an_interrupted_insert_that_cannot_clean_up_logs_it(provider, caplog):
    """The interruption is still what is raised."""
    providers.fail_calls(provider.client, "DeleteVectors", *range(1, 9))

    def progress(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provider.insert([[1, 2, 3, 4]] * 600, ["t"] * 600, progress=progress)

    assert "up to 600 vectors with generated ids stay stored" in caplog.text


def test_a_denied_retry_after_a_lost_response_is_cleaned_up(provider, monkeypatch):
    """The service may have carried out the first attempt, although it denied the second."""
    provider.get_collection_info()
    providers.skip_waiting(monkeypatch)
    providers.set_responses(provider.client, "PutVectors", providers.UNAVAILABLE, providers.DENIED)

    with pytest.raises(AccessDeniedError):
        provider.insert([[1, 2, 3, 4]], ["t"])

    assert provider.count_by_filter({}) == 0


def test_a_failure_of_the_only_batch_stores_nothing(provider):
    """The error is the service's, not one about a partial write."""
    providers.fail_calls(provider.client, "PutVectors", 1)

    with pytest.raises(UnavailableError, match="Currently unable") as failed:
        provider.insert([[1, 2, 3, 4]], ["t"])

    assert isinstance(failed.value.__cause__, ClientError)
    assert provider.count_by_filter({}) == 0


def test_the_callers_own_ids_are_never_deleted(provider):
    """They may have existed before, so even an unknown result does not delete them."""
    providers.lose_responses(provider.client, "PutVectors", 1)

    with pytest.raises(UnavailableError):
        provider.insert([[1, 2, 3, 4]], ["t"], ids=["mine"])

    assert provider.count_by_filter({}) == 1


def test_a_refused_insert_needs_no_cleanup(provider):
    """Nothing can be stored, so nothing is deleted: one call, one error."""
    providers.fail_calls(provider.client, "PutVectors", 1, code="AccessDeniedException")
    seen = providers.record_calls(provider.client)

    with pytest.raises(AccessDeniedError):
        provider.insert([[1, 2, 3, 4]], ["t"])

    assert "DeleteVectors" not in seen


def test_an_error_page_of_a_proxy_counts_as_unavailable(provider):
    """It is unknown whether the request arrived, so its vectors are deleted."""
    providers.lose_responses(provider.client, "PutVectors", 1, response=providers.GATEWAY_TIMEOUT)

    with pytest.raises(UnavailableError, match="504"):
        provider.insert([[1, 2, 3, 4]], ["t"])

    assert provider.count_by_filter({}) == 0


@pytest.mark.parametrize("count", [1, 600])
def test_vectors_stored_despite_a_lost_response_are_deleted(provider, count):
    """The service may have carried out a request that timed out."""
    providers.lose_responses(provider.client, "PutVectors", -(-count // 500))

    with pytest.raises(S3VectorsError, match="Currently unable"):
        provider.insert([[1, 2, 3, 4]] * count, ["t"] * count)

    assert provider.count_by_filter({}) == 0
