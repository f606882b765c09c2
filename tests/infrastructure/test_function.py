"""The example Lambda function, with Stache's pipeline, moto's DynamoDB and the engine."""

from __future__ import annotations

from contextlib import suppress

import pytest

import handler
from stache_ai_s3vectors import S3VectorsError
from support import providers
from support.deployment import lambda_function
from support.deployment.lambda_function import Invocation, find_passages, invoke

CAT, DOG = "The cat sleeps on the warm mat.", "Dogs bark in the village at night."


@pytest.fixture(autouse=True)
def _function(monkeypatch):
    """Prepare the function with empty tables for each test."""
    with lambda_function.prepare_function(monkeypatch):
        yield


@pytest.fixture
def cat():
    """Ingest two documents and return the id of the one about the cat."""
    invoke("ingest", text=DOG, filename="dog.txt")
    return invoke("ingest", text=CAT, filename="cat.txt", metadata={"author": "me"})["doc_id"]


def test_an_ingested_text_is_found():
    """It has its metadata, and is only found in its namespace."""
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


def test_a_query_accepts_a_filter_and_a_number_of_results(cat):
    assert find_passages("cat", top_k=1) == [CAT]
    assert find_passages("cat", filter={"filename": "dog.txt"}) == [DOG]


def test_the_same_text_is_not_ingested_again(cat):
    """Stache recognizes it by its hash and its filename."""
    repeated = invoke("ingest", text=CAT, filename="cat.txt")

    assert (repeated["doc_id"], repeated["action"]) == (cat, "skipped")
    assert sorted(find_passages("cat")) == [DOG, CAT]


def test_a_deleted_document_can_be_restored(cat):
    """Until then, no query finds it."""
    deleted = invoke("delete", doc_id=cat)
    between = find_passages("cat")
    restored = invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert between == [DOG]
    assert restored["status"] == "active"
    assert find_passages("cat", top_k=1) == [CAT]


def test_a_document_with_a_custom_status_is_found_until_it_is_deleted():
    """Once it is restored, it is found with Stache's status."""
    response = invoke(
        "ingest", text="A ticket.", filename="ticket.txt", metadata={"status": "open"}
    )

    assert find_passages("ticket", filter={"status": "open"}) == ["A ticket."]
    deleted = invoke("delete", doc_id=response["doc_id"])
    assert find_passages("ticket") == []
    invoke("restore", doc_id=response["doc_id"], deleted_at_ms=deleted["deleted_at_ms"])
    assert find_passages("ticket", filter={"status": "active"}) == ["A ticket."]


def test_a_purged_document_cannot_be_restored(cat):
    """Its vectors are deleted."""
    index = handler.pipeline().documents_provider
    deleted = invoke("delete", doc_id=cat)
    purged = invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert purged["chunks_deleted"] == 1
    assert [row["text"] for row in index.scan_by_metadata(fields=["text"])] == [DOG]
    with pytest.raises(ValueError, match="is purged, not in the trash"):
        invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])


def test_health_returns_versions_and_the_index():
    response = invoke("health")

    assert response["status"] == "ok"
    assert response["versions"].keys() == {
        "stache-ai",
        "stache-ai-s3vectors",
        "stache-ai-dynamodb",
        "boto3",
    }
    assert response["documents"]["name"] == "documents-1024"


def test_a_failed_delete_is_an_error_and_can_be_repeated(cat):
    """Stache only logs the failure, and queries continue to find the document."""
    client = handler.pipeline().documents_provider.client
    providers.fail_calls(client, "PutVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        invoke("delete", doc_id=cat)
    assert find_passages("cat", top_k=1) == [CAT]
    invoke("delete", doc_id=cat)

    assert find_passages("cat") == [DOG]


def test_a_failed_restore_is_an_error_with_its_fix(cat):
    """The fix is to delete and restore again."""
    deleted = invoke("delete", doc_id=cat)
    providers.fail_calls(handler.pipeline().documents_provider.client, "PutVectors", 1)

    with pytest.raises(RuntimeError, match="Send delete, then restore again"):
        invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])
    deleted = invoke("delete", doc_id=cat)
    invoke("restore", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert find_passages("cat", top_k=1) == [CAT]


def test_a_failed_purge_can_be_repeated(cat):
    """The second purge continues the job of the first."""
    deleted = invoke("delete", doc_id=cat)
    providers.fail_calls(handler.pipeline().documents_provider.client, "DeleteVectors", 1)

    with pytest.raises(S3VectorsError, match="Currently unable"):
        invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])
    purged = invoke("purge", doc_id=cat, deleted_at_ms=deleted["deleted_at_ms"])

    assert purged["chunks_deleted"] == 1


@pytest.mark.parametrize("name", [{"filename": "cat.txt"}, {}], ids=["named", "unnamed"])
def test_an_ingestion_without_a_document_record_is_rolled_back(monkeypatch, name):
    """Stache only logs the failure, and nobody could delete the document."""
    index = handler.pipeline().document_index_provider

    def refuse(**_):
        raise RuntimeError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(index, "create_document", refuse)
        with pytest.raises(RuntimeError, match="ingest was undone; nothing is stored"):
            invoke("ingest", text=CAT, **name)
    before = find_passages("cat")
    repeated = invoke("ingest", text=CAT, **name)

    assert before == []
    assert repeated["action"] == "ingested_new"
    assert find_passages("cat") == [CAT]


def test_a_text_whose_document_is_in_the_trash_is_refused(cat):
    """Stache would skip it, and no query would find it."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]

    with pytest.raises(
        ValueError, match=f"{cat}, which has been in the trash since {trashed}: send re"
    ):
        invoke("ingest", text=CAT, filename="cat.txt")


def test_a_purged_text_can_be_ingested_again(cat):
    """Purging removes its reservation."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    repeated = invoke("ingest", text=CAT, filename="cat.txt")

    assert repeated["action"] == "ingested_new"
    assert find_passages("cat", top_k=1) == [CAT]


def test_a_new_version_replaces_the_previous_one(cat):
    """The previous one is then in the trash, and its text is refused."""
    new = "The cat is awake and out."
    response = invoke("ingest", text=new, filename="cat.txt")

    assert response["action"] == "ingested_version"
    assert find_passages("cat") == [new, DOG]
    with pytest.raises(ValueError, match=f"{cat}, which has been in the trash"):
        invoke("ingest", text=CAT, filename="cat.txt")


def test_a_previous_version_that_can_still_be_found_is_an_error(cat):
    """Stache only logs this; delete repairs it."""
    providers.fail_calls(handler.pipeline().documents_provider.client, "PutVectors", 1, 3)

    with pytest.raises(RuntimeError, match=f"the previous one, {cat}: .*Send delete for that one"):
        invoke("ingest", text="The cat is awake and out.", filename="cat.txt")
    invoke("delete", doc_id=cat)

    assert CAT not in find_passages("cat")


def test_a_partly_purged_document_cannot_be_restored(cat):
    """Its vectors may be deleted; another purge completes it."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    providers.fail_calls(handler.pipeline().documents_provider.client, "DeleteVectors", 1)
    with suppress(S3VectorsError):
        invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    with pytest.raises(ValueError, match="is being purged: send purge again"):
        invoke("restore", doc_id=cat, deleted_at_ms=trashed)
    with pytest.raises(ValueError, match="is being purged: send purge again, then ingest"):
        invoke("ingest", text=CAT, filename="cat.txt")


def test_a_purge_that_is_not_recorded_is_an_error(cat, monkeypatch):
    """Stache takes every conflict for a completed job."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    index = handler.pipeline().document_index_provider
    with monkeypatch.context() as patched:
        patched.setattr(index, "complete_permanent_delete", lambda *_: None)
        with pytest.raises(
            RuntimeError, match="no longer has vectors, but is still listed: purge again"
        ):
            invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    invoke("purge", doc_id=cat, deleted_at_ms=trashed)

    assert handler.pipeline().get_document_record(cat, "default")["status"] == "purged"


def test_a_restore_with_missing_chunks_is_an_error(cat):
    """Somebody deleted vectors without updating the document index."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]
    provider = handler.pipeline().documents_provider
    provider.delete(handler.pipeline().get_document_record(cat, "default")["chunk_ids"])

    with pytest.raises(RuntimeError, match="0 of its 1 chunks exist"):
        invoke("restore", doc_id=cat, deleted_at_ms=trashed)


def test_a_delete_can_be_repeated(cat):
    """The response is the same."""
    assert invoke("delete", doc_id=cat) == invoke("delete", doc_id=cat)


def test_a_wrong_time_of_deletion_is_refused(cat):
    """The time identifies the entry in the trash, which would stay."""
    trashed = invoke("delete", doc_id=cat)["deleted_at_ms"]

    for action in ("restore", "purge"):
        with pytest.raises(
            ValueError, match=f"is 1; document {cat} has been in the trash since {trashed}"
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
def test_a_bad_event_is_refused(event, problem):
    """The invocation fails with an error that says what to send."""
    with pytest.raises(Exception, match=problem):
        handler.handler(event, Invocation())
