"""The example Lambda function, with Stache's own pipeline, moto's DynamoDB and the engine."""

from __future__ import annotations

from contextlib import suppress

import pytest

import handler
import lambda_function
import stache
from lambda_function import Invocation, find_passages, invoke
from stache_ai_s3vectors import S3VectorsError

CAT, DOG = "The cat sleeps on the warm mat.", "Dogs bark in the village at night."


@pytest.fixture(autouse=True)
def _deployed(monkeypatch):
    """Each test has a function of its own, with empty tables."""
    with lambda_function.prepare_function(monkeypatch):
        yield


@pytest.fixture
def cat():
    """An ingested document."""
    invoke("ingest", text=DOG, filename="dog.txt")
    return invoke("ingest", text=CAT, filename="cat.txt", metadata={"author": "me"})["doc_id"]


def test_what_is_ingested_is_found():
    """With its text, its metadata and the namespace."""
    response = invoke(
        "ingest", text=CAT, filename="cat.txt", metadata={"author": "me"}, namespace="n"
    )

    [passage] = invoke("query", question="where does the cat sleep?", namespace="n")["passages"]

    assert (response["action"], response["chunks_created"], response["namespace"]) == (
        "ingested_new",
        1,
        "n",
    )
    assert passage["text"] == CAT
    assert (passage["metadata"]["author"], passage["metadata"]["filename"]) == ("me", "cat.txt")
    assert passage["metadata"]["doc_id"] == response["doc_id"]
    assert find_passages("cat", namespace="another") == []


def test_a_query_takes_a_filter_and_a_number(cat):
    """As Stache does."""
    assert find_passages("cat", top_k=1) == [CAT]
    assert find_passages("cat", filter={"filename": "dog.txt"}) == [DOG]


def test_the_same_text_again_is_left_alone(cat):
    """Stache knows it by its hash and its filename."""
    again = invoke("ingest", text=CAT, filename="cat.txt")

    assert (again["doc_id"], again["action"]) == (cat, "skipped")
    assert sorted(find_passages("cat")) == [DOG, CAT]


def test_a_deleted_document_is_restored(cat):
    """In between, no query finds it."""
    deleted = invoke("delete", doc_id=cat)
    between = find_passages("cat")
    restored = invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert between == [DOG]
    assert restored["status"] == "active"
    assert find_passages("cat", top_k=1) == [CAT]


def test_a_document_with_a_status_of_its_own_is_found_until_it_is_deleted():
    """And after it was restored, with Stache's."""
    response = invoke(
        "ingest", text="A ticket.", filename="ticket.txt", metadata={"status": "open"}
    )

    assert find_passages("ticket", filter={"status": "open"}) == ["A ticket."]
    deleted = invoke("delete", doc_id=response["doc_id"])
    assert find_passages("ticket") == []
    invoke("restore", doc_id=response["doc_id"], deleted_at_ms=deleted["deleted_at_ms"])
    assert find_passages("ticket", filter={"status": "active"}) == ["A ticket."]


def test_a_purged_document_is_gone_for_good(cat):
    """Its vectors, too."""
    index = handler.pipeline().documents_provider
    deleted = invoke("delete", doc_id=cat)
    purged = invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert purged["chunks_deleted"] == 1
    assert [row["text"] for row in index.scan_by_metadata(fields=["text"])] == [DOG]
    with pytest.raises(ValueError, match="is purged, not in the trash"):
        invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])


def test_health_says_what_runs_and_what_answers():
    """Versions, the embedder, the index."""
    response = invoke("health")

    assert response["status"] == "ok"
    assert response["versions"].keys() == {
        "stache-ai",
        "stache-ai-s3vectors",
        "stache-ai-dynamodb",
        "boto3",
    }
    assert response["documents"]["name"] == "documents-1024"


def test_a_delete_that_fails_says_so_and_is_repeated(cat):
    """Stache's own would only log it, and queries would go on to find the document."""
    client = handler.pipeline().documents_provider.client
    stache.fail_calls(client, "PutVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        invoke("delete", doc_id=cat)
    assert find_passages("cat", top_k=1) == [CAT]
    invoke("delete", doc_id=cat)

    assert find_passages("cat") == [DOG]


def test_a_restore_that_fails_half_way_says_what_to_do(cat):
    """And that helps."""
    deleted = invoke("delete", doc_id=cat)
    stache.fail_calls(handler.pipeline().documents_provider.client, "PutVectors", 1)

    with pytest.raises(RuntimeError, match="Send delete, then restore again"):
        invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])
    deleted = invoke("delete", doc_id=cat)
    invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert find_passages("cat", top_k=1) == [CAT]


def test_a_purge_that_fails_is_repeated(cat):
    """The first leaves a job behind, which the second takes up."""
    deleted = invoke("delete", doc_id=cat)
    stache.fail_calls(handler.pipeline().documents_provider.client, "DeleteVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])
    purged = invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert purged["chunks_deleted"] == 1


@pytest.mark.parametrize("name", [{"filename": "cat.txt"}, {}], ids=["named", "unnamed"])
def test_a_document_that_cannot_be_listed_is_taken_back(monkeypatch, name):
    """Stache logs it, and says that all is well; nobody could delete it."""
    index = handler.pipeline().document_index_provider

    def refuse(**_):
        raise RuntimeError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(index, "create_document", refuse)
        with pytest.raises(RuntimeError, match="taken back: nothing of it is stored"):
            invoke("ingest", text=CAT, **name)
    before = find_passages("cat")
    again = invoke("ingest", text=CAT, **name)

    assert before == []
    assert again["action"] == "ingested_new"
    assert find_passages("cat") == [CAT]


def test_a_text_whose_document_is_in_the_trash_is_not_said_to_be_stored(cat):
    """Stache would skip it, and no query would find it."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]

    with pytest.raises(ValueError, match=f"{cat}, which is in the trash since {trashed}: send re"):
        invoke("ingest", text=CAT, filename="cat.txt")


def test_a_purged_text_can_be_ingested_again(cat):
    """Its reservation goes with it."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    again = invoke("ingest", text=CAT, filename="cat.txt")

    assert again["action"] == "ingested_new"
    assert find_passages("cat", top_k=1) == [CAT]


def test_a_new_version_takes_the_place_of_the_one_before(cat):
    """Which is in the trash; the same text once more is told so."""
    new = "The cat is awake and out."
    response = invoke("ingest", text=new, filename="cat.txt")

    assert response["action"] == "ingested_version"
    assert find_passages("cat") == [new, DOG]
    with pytest.raises(ValueError, match=f"{cat}, which is in the trash"):
        invoke("ingest", text=CAT, filename="cat.txt")


def test_a_version_before_that_stays_findable_is_an_error(cat):
    """Stache only logs it; delete mends it."""
    stache.fail_calls(handler.pipeline().documents_provider.client, "PutVectors", 1, 3)

    with pytest.raises(RuntimeError, match=f"the previous one, {cat}: .*Send delete for that one"):
        invoke("ingest", text="The cat is awake and out.", filename="cat.txt")
    invoke("delete", doc_id=cat)

    assert CAT not in find_passages("cat")


def test_what_is_half_purged_is_not_restored(cat):
    """Its vectors may be gone; purge completes it."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    stache.fail_calls(handler.pipeline().documents_provider.client, "DeleteVectors", 1)
    with suppress(S3VectorsError):
        invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    with pytest.raises(ValueError, match="is being purged: send purge again"):
        invoke("restore", doc_id=cat, deleted_at_ms=trashed)
    with pytest.raises(ValueError, match="is being purged: send purge again, then ingest"):
        invoke("ingest", text=CAT, filename="cat.txt")


def test_a_purge_that_the_index_does_not_note_is_an_error(cat, monkeypatch):
    """Stache takes every conflict for a job that is done already."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    index = handler.pipeline().document_index_provider
    with monkeypatch.context() as patched:
        patched.setattr(index, "complete_permanent_delete", lambda *_: None)
        with pytest.raises(RuntimeError, match="no vectors any more, but is listed: purge again"):
            invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    assert handler.pipeline().get_document_record(cat, "default")["status"] == "purged"


def test_a_restore_without_all_its_chunks_is_an_error(cat):
    """Somebody deleted vectors behind the index's back."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    provider = handler.pipeline().documents_provider
    provider.delete(handler.pipeline().get_document_record(cat, "default")["chunk_ids"])

    with pytest.raises(RuntimeError, match="0 of its 1 chunks are there"):
        invoke("restore", doc_id=cat, deleted_at_ms=trashed)


def test_a_delete_can_be_repeated(cat):
    """It says the same."""
    assert invoke("delete", doc_id=cat) == invoke("delete", doc_id=cat)


def test_a_wrong_time_of_deletion_is_refused(cat):
    """It names the entry in the trash, which would stay there."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]

    for action in ("restore", "purge"):
        with pytest.raises(
            ValueError, match=f"is 1; document {cat} is in the trash since {trashed}"
        ):
            invoke(action, doc_id=cat, deleted_at_ms=1)
    invoke("restore", doc_id=cat, deleted_at_ms=trashed)
    with pytest.raises(ValueError, match=f"{cat} is active, not in the trash"):
        invoke("restore", doc_id=cat, deleted_at_ms=trashed)


@pytest.mark.parametrize(
    "event, problem",
    [
        (None, "the event is None; it must be an object with an action, such as"),
        ({}, "actions are ingest, query, delete, restore, purge, health"),
        ({"action": "querry"}, "action is 'querry'; .* did you mean 'query'?"),
        ({"action": ["query"]}, r"action is \['query'\]"),
        ({"action": "query"}, "query needs 'question': a string that is not empty"),
        ({"action": "query", "question": "x", "topk": 3}, "takes no 'topk'; .* mean 'top_k'?"),
        ({"action": "query", "question": ""}, "question is ''; it must be a string that is not"),
        ({"action": "query", "question": 3}, "question is 3; it must be a string"),
        ({"action": "query", "question": "x", "top_k": True}, "top_k is True; it must be a whole"),
        ({"action": "query", "question": "x", "top_k": 0}, "top_k is 0"),
        ({"action": "query", "question": "x", "filter": "a"}, "filter is 'a'; it must be an obj"),
        ({"action": "delete", "doc_id": "absent"}, "no document 'absent' in namespace 'default'"),
        ({"action": "ingest", "text": "x", "namespace": "a/*"}, r"is 'a/\*'; .* in queries only"),
        ({"action": "ingest", "text": "x", "metadata": {"_type": "y"}}, "has '_type'; keys that"),
        ({"action": "restore", "doc_id": "a"}, "restore needs 'deleted_at_ms': a whole number"),
        ({"action": "health", "verbose": True}, "health takes no 'verbose'"),
        ({"action": "ingest", "text": "  "}, "Cannot ingest empty text"),
    ],
)
def test_a_bad_event_is_refused_with_what_to_send(event, problem):
    """The invocation fails, and the message is in its answer."""
    with pytest.raises(Exception, match=problem):
        handler.handler(event, Invocation())
